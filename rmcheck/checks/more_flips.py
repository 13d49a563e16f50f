"""Wins lost to changes by two models, on the pairs that both get right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.trials import Control, why_not
from rmcheck.stats import groups as grouping
from rmcheck.verdict import Table, Verdict
from rmcheck.wording import counted, listed, minus

ALL = "all changes"

# A pair's flips are means over at most two comparisons of {0, 0.5, 1}: quarters.
_QUARTERS = 4
# Means of shares differ from the bound by this where they are the same number.
_ROUNDING = 1e-12


class Flips(NamedTuple):
    """The wins that a change costs two models: (n,) shares of a pair, NaN where none is known."""

    name: str
    now: NDArray[np.float64]
    before: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One change: the difference of the shares of lost wins on the same pairs, and its test."""

    name: str
    n: int
    n_groups: int
    difference: float
    p_value: float
    adjusted: float


AnyCompared = TypeVar("AnyCompared", bound=Compared)


@dataclass(frozen=True, kw_only=True)
class MoreFlips:
    """The comparison of two models over several changes.

    `found` are those that could be decided, `worse` those shown to lose more wins than tolerated,
    `few` the names of those that have too few prompts in common.
    """

    most: float
    found: Sequence[Compared]
    worse: Sequence[Compared]
    few: Sequence[str]

    def message(self, baseline: str) -> str:
        """What it says, in one clause."""
        if not self.found:
            return f"no change decides anything against {baseline} (too few prompts)"
        if not self.worse:
            return (
                f"none of {counted(len(self.found), 'comparison')} with {baseline} shows more lost "
                f"wins (max_more_flips {self.most:.2f})"
            )
        names = listed([told(each) for each in self.worse])
        return f"more lost wins than {baseline} (max_more_flips {self.most:.2f}): {names}"

    def facts(self) -> dict[str, object]:
        """What a verdict's criterion says of it."""
        return {}

    def tables(self, baseline: str) -> tuple[Table, ...]:
        """A row for each comparison, the most lost wins first."""
        order = sorted(self.found, key=lambda each: (each.adjusted, -each.difference, each.name))
        table = Table(
            title=f"Lost wins against {baseline}",
            columns=("change", "pairs", "prompts", "more lost wins", "p", "adjusted p"),
            rows=tuple(
                (each.name, each.n, each.n_groups, each.difference, each.p_value, each.adjusted)
                for each in order
            ),
        )
        return (table,)


@dataclass(frozen=True, kw_only=True)
class FlipRule:
    """When a change is shown to lose more wins than in the baseline.

    Parameters
    ----------
    most : how much larger the share of lost wins may be.
    alpha, comparisons : the level of the run, and how many comparisons share it.
    control : how p-values are adjusted over the changes.
    """

    most: float
    alpha: float
    comparisons: int = 1
    control: Control = "fwer"

    @property
    def level(self) -> float:
        """That of one adjusted, one-sided p: α/2m."""
        from rmcheck.stats.multiplicity import one_sided_level

        return one_sided_level(self.alpha, self.comparisons)

    def adjusted(self, p_values: Sequence[float]) -> list[float]:
        """The p-values adjusted over the changes, in the order given."""
        from rmcheck.stats import multiplicity

        adjust = multiplicity.holm if self.control == "fwer" else multiplicity.benjamini_hochberg
        return adjust(p_values)

    def worse(self, found: Sequence[AnyCompared]) -> list[AnyCompared]:
        """Those that lose more wins, by `most` at least, beyond chance."""
        return [
            each
            for each in found
            if each.difference > 0
            and each.difference >= self.most - _ROUNDING
            and each.adjusted <= self.level
        ]


def more_flips(flips: Sequence[Flips], groups: Sequence[str], rule: FlipRule) -> MoreFlips:
    """Compare the wins that changes cost two models.

    Parameters
    ----------
    flips : one for each change, of the same n pairs.
    groups : (n,) the groups of the pairs.
    rule : when a change is worse.

    Returns
    -------
    MoreFlips
        A change is worse when the difference is above 0 and at least `most`, and the adjusted
        one-sided p at most α/2m. All changes together are one comparison more.

    Notes
    -----
    The test is exact (`sign_flip_p_integer` on the sums of groups): of two models that are alike,
    each group's difference is as likely to be the other way round.
    """
    from rmcheck.stats.signflip import sign_flip_p_integer

    changes = {each.name: (each.now - each.before)[None] for each in flips}
    changes = {name: change for name, change in changes.items() if not np.isnan(change).all()}
    if len(changes) > 1:
        changes = {ALL: np.concatenate(list(changes.values())), **changes}
    few, kept = [], []
    for name, change in changes.items():
        known = ~np.isnan(change)
        rows = np.flatnonzero(known.any(axis=0))
        of = grouping.taken(groups, rows)
        if why_not(of):
            few.append(name)
            continue
        quarters = np.rint(_QUARTERS * np.where(known, change, 0.0)).sum(axis=0)[rows]
        net = grouping.sums(quarters, grouping.codes(of)).astype(np.int64)
        p_value = sign_flip_p_integer(net, "greater")
        mean = float(quarters.sum()) / (_QUARTERS * int(known.sum()))
        kept.append((name, len(rows), grouping.count(of), mean, p_value))
    found = [
        Compared(name=name, n=n, n_groups=n_groups, difference=delta, p_value=p, adjusted=after)
        for (name, n, n_groups, delta, p), after in zip(
            kept, rule.adjusted([p_value for *_, p_value in kept]), strict=True
        )
    ]
    return MoreFlips(most=rule.most, found=found, worse=rule.worse(found), few=few)


def told(each: Compared) -> str:
    """One change in a message: by how much more it loses, and how sure that is."""
    return f"{each.name} {minus(f'{each.difference:+.2f}')} (adjusted p={each.adjusted:.2g})"


class Against(Protocol):
    """A comparison of lost wins, of two models or of two recipes."""

    @property
    def worse(self) -> Sequence[Compared]: ...
    @property
    def few(self) -> Sequence[str]: ...
    def message(self, baseline: str) -> str: ...
    def tables(self, baseline: str) -> tuple[Table, ...]: ...
    def facts(self) -> dict[str, object]: ...


def joined(verdict: Verdict, compared: Against, baseline: str) -> Verdict:
    """The verdict with what the comparison adds to it; it fails if a change is worse."""
    tables = (*verdict.evidence.tables, *compared.tables(baseline))
    shown = replace(
        verdict,
        message=f"{verdict.message}; {compared.message(baseline)}",
        criterion={**verdict.criterion, **compared.facts()},
        evidence=replace(verdict.evidence, tables=tables),
    )
    if compared.few:
        few = f"{counted(len(compared.few), 'change')}: {', '.join(compared.few)}"
        shown = noted(shown, f"not compared with {baseline}, too few prompts: {few}")
    if compared.worse:
        return replace(shown, decision="fail", outcome="fail", weak=False)
    return shown


def noted(verdict: Verdict, note: str) -> Verdict:
    """The verdict with one note more."""
    notes = (*verdict.evidence.notes, note)
    return replace(verdict, evidence=replace(verdict.evidence, notes=notes))
