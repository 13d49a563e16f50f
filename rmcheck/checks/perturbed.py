"""What the checks on changed texts share: their keys, their rule and their verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, MinLen

from rmcheck import perturb
from rmcheck.checks import counterexamples, threshold, trial_evidence
from rmcheck.checks.check import Context
from rmcheck.checks.copies import VARIANTS, Copies, WithCopies, copies_of, stamp, variants_of
from rmcheck.checks.counterexamples import Break
from rmcheck.checks.threshold import Bound, ThresholdCheck
from rmcheck.checks.trial_evidence import Extra, Words
from rmcheck.checks.trials import Control, Rule, Trial, Tried, overall, tried, why_not
from rmcheck.data import Dialogue, Pairs, PreferencePair, sides_of
from rmcheck.data.dialogue import Promise
from rmcheck.perturb import Transformation
from rmcheck.verdict import Evidence, Verdict
from rmcheck.wording import listed, minus


@dataclass(frozen=True, kw_only=True, eq=False)
class Tests:
    """What a check of changed texts tests: trials on items, and what broke.

    Parameters
    ----------
    words
        How it is told.
    trials
        One for each change.
    groups, tags
        (n,) groups and tags of the items that credits belong to.
    breaks
        The broken promises, in any order.
    copies
        The changes by name, for the commands that repeat them.
    """

    words: Words
    trials: Sequence[Trial]
    groups: Sequence[str]
    tags: Sequence[Sequence[str]]
    breaks: Sequence[Break]
    copies: Mapping[str, Copies]


@dataclass(frozen=True, kw_only=True)
class PerturbedCheck(ThresholdCheck):
    """A check that scores changed copies of a suite's texts.

    Parameters
    ----------
    transformations
        Names of transformations and of groups (`rmcheck list` shows them); `variants` stands for
        the changed texts that pairs bring. By default all that make the promise in question.
    strength
        The share of the places that a transformation changes, in (0, 1].
    seed
        Of the changes: the same seed changes the same text in the same way.
    control
        `fwer` (default): the probability of any false alarm among the transformations is at most
        `alpha` (Holm). `fdr`: the expected share of false alarms among the alarms is at most
        `alpha` (Benjamini and Hochberg).
    alpha
        The level of the tests of single transformations, in (0, 1).
    """

    promise: ClassVar[Promise]
    # It scores thousands of texts, and decides by their order and by standard deviations.
    rejudged: ClassVar[bool] = False

    transformations: Annotated[tuple[str, ...], MinLen(1)] | None = None
    strength: Annotated[float, Gt(0), Le(1)] = perturb.DEFAULT_STRENGTH
    seed: Annotated[int, Ge(0)] = 0
    control: Control = "fwer"
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05

    def __post_init__(self) -> None:
        said = []
        for name in self.transformations or ():
            if name == VARIANTS or perturb.surely_chosen(name, (self.promise,)):
                continue
            try:
                perturb.chosen([name], (self.promise,))
            except perturb.UnknownTransformation as error:
                said.append(str(error))
        if said:
            raise ValueError(f"transformations: {'; '.join(said)}")

    def _chosen(self) -> list[Transformation]:
        names = [name for name in self.transformations or ("all",) if name != VARIANTS]
        return perturb.chosen(names, (self.promise,))

    def _copies(self, pairs: Sequence[PreferencePair]) -> list[Copies]:
        """The copies of the pairs' texts by every change asked for, variants last."""
        made = copies_of(pairs, self._chosen(), seed=self.seed, strength=self.strength)
        return [*made, *self._variants(pairs)]

    def _with_copies(self, pairs: Pairs) -> WithCopies:
        """Both sides of the pairs, and their copies."""
        return WithCopies(
            sides_of(pairs),
            lambda: (copy for each in self._copies(pairs) for copy in each.dialogues),
        )

    def _variants(self, pairs: Sequence[PreferencePair]) -> list[Copies]:
        """What the pairs bring; a name that a transformation has too is told apart."""
        if self.transformations is not None and VARIANTS not in self.transformations:
            return []
        taken = {each.name for each in self._chosen()}
        return [
            replace(each, name=f"{each.name} ({VARIANTS})") if each.name in taken else each
            for each in variants_of(pairs, self.promise)
        ]

    def _rule(self, most: float, furthest: float | None, *, either_way: bool = True) -> Rule:
        return Rule(
            most=most,
            furthest=furthest,
            either_way=either_way,
            alpha=self.alpha,
            control=self.control,
            seed=self.seed,
        )

    def _undecided(self, tests: Tests, found: Sequence[Tried]) -> str | None:
        """Why nothing can be decided: no change can."""
        words = tests.words
        if any(each.reason is None for each in found):
            return None
        applied = [each for each in found if len(each.trial.credits)]
        if not applied:
            every = tests.copies.values()
            if every and not any(each.transformation or each.applies for each in every):
                return "the variants in the data do not change their texts"
            what = "transformation" if found else "variant of this promise in the data"
            return f"no {what} applies to any {words.what}"
        most = max(applied, key=lambda each: (len(set(each.trial.groups)), each.trial.name))
        each = "the one change" if len(found) == 1 else f"each of {len(found)} changes"
        return f"{each} decides nothing; {most.trial.name}: {most.reason}"

    def _verdict(
        self,
        ctx: Context,
        tests: Tests,
        rule: Rule,
        bound: Bound,
        criterion: Mapping[str, Any],
        extra: Extra | None = None,
    ) -> Verdict:
        """The share over all changes against its bound; and each change that breaks its promise."""
        words = tests.words
        found = tried(tests.trials, rule, words.what)
        whole = overall(tests.trials, tests.groups)
        reason = self._undecided(tests, found)
        if reason or whole is None:
            kept = threshold.undecidable(self.label, reason or "nothing to decide on", criterion)
            return replace(kept, evidence=Evidence(notes=trial_evidence.notes(found)))
        shown = words.shown(whole)
        broken = sorted(
            (each for each in found if each.reason is None and each.adjusted <= self.alpha),
            key=lambda each: (each.adjusted, each.trial.name),
        )
        worst = counterexamples.worst(tests.breaks, lambda one: self._repeat(ctx, one, tests))
        copies = [copy for each in tests.copies.values() for copy in each.dialogues]
        facts = {
            **threshold.interval_facts(shown),
            "copies": stamp(copies),
            "tests": f"{self.control}@{self.alpha:g}",
        }
        held = threshold.hold(
            f"{self.label} {words.share}",
            shown,
            bound,
            self.on_inconclusive,
            unit=f"{words.what}s",
            criterion=criterion,
            signature=ctx.signature(self.kind, facts),
            evidence=Evidence(
                pictures=(
                    trial_evidence.forest(
                        words, whole, found, bound.high if bound.low is None else bound.low
                    ),
                    *trial_evidence.heat_map(words, found, tests.tags),
                ),
                tables=(trial_evidence.table(words, found, self.alpha, extra),),
                pairs=tuple(dict.fromkeys(one.key.rpartition("/")[0] for one in worst)),
                notes=trial_evidence.notes(found),
                counterexamples=worst,
            ),
        )
        decided = [each for each in found if each.reason is None]
        least = min(decided, key=lambda each: (each.p_value, each.trial.name))
        said = [_told(words, broken, decided), _seen(words, decided), _few(found)]
        if broken:
            # What the share over all changes says no longer matters.
            message = held.message.partition("; weak: ")[0]
            held = replace(held, decision="fail", outcome="fail", weak=False, message=message)
        return replace(
            held,
            message="; ".join([held.message, *(each for each in said if each)]),
            p_value=least.p_value,
            adjusted_p=least.adjusted,
        )

    def _repeat(self, ctx: Context, each: Break, tests: Tests) -> str:
        made = tests.copies[each.change].transformation
        if made is None and each.change.endswith(f"({VARIANTS})"):
            return ""  # the command takes the transformation of that name
        whole = len(ctx.data.paths) == 1 and self.where is None and self.promise != "tempts"
        if made is not None and made.borrows and not whole:
            return ""  # the command would borrow from other texts
        return counterexamples.repeat_line(
            each.change,
            ctx.data,
            each.before.key,
            seed=self.seed,
            strength=self.strength,
            source=ctx.name(),
        )


def _told(words: Words, broken: Sequence[Tried], decided: Sequence[Tried]) -> str:
    """Which changes break their promise."""
    many = len(decided)
    if not broken:
        none = "the one change does not break" if many == 1 else f"none of {many} changes breaks"
        return f"{none} its promise beyond chance"
    names = [
        f"{each.trial.name} {words.shown(each.excess.estimate).value:.2f}, {words.moved} "
        f"{minus(f'{each.shift.value:+.2f}')} (adjusted p={each.adjusted:.2g})"
        for each in broken
        if each.excess and each.shift
    ]
    verb = "breaks its" if len(broken) == 1 else "break their"
    return f"{len(broken)} of {many} changes {verb} promise: {listed(names)}"


def _seen(words: Words, decided: Sequence[Tried]) -> str:
    """From which share on a change is found, in 4 of 5 runs."""
    shares = [each.excess.detectable for each in decided if each.excess]
    known = sorted(share for share in shares if share is not None)
    if not known:
        return "not even a change that always breaks its promise would be found"
    middle = known[len(known) // 2]
    edge = f"{1 - middle:.2f} or less" if words.kept else f"{middle:.2f} or more"
    return f"a change is found at {edge} (80 % power, the median of {len(known)})"


def _few(found: Sequence[Tried]) -> str:
    """How many changes apply to too few prompts, and to none."""
    names = [each.trial.name for each in found if each.reason and len(each.trial.credits)]
    nowhere = sum(not len(each.trial.credits) for each in found)
    said = [f"{len(names)} undecidable (too few prompts): {listed(names)}"] if names else []
    return "; ".join([*said, f"{nowhere} without any text to change"] if nowhere else said)


def rows_where(mask: np.ndarray[Any, np.dtype[np.bool_]]) -> list[int]:
    """The places of a mask, as numbers."""
    return [int(row) for row in np.flatnonzero(mask)]


def scores_by_copy(
    ctx: Context, copies: Sequence[Sequence[Dialogue | None]], **source: Any
) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
    """Scores of many columns of copies, asked for at once; NaN without a copy."""
    flat = [copy for column in copies for copy in column if copy is not None]
    scores = iter(ctx.score(flat, **source))
    return [
        np.array([np.nan if copy is None else next(scores) for copy in column], dtype=np.float64)
        for column in copies
    ]


__all__ = ["PerturbedCheck", "Tests", "rows_where", "scores_by_copy", "why_not"]
