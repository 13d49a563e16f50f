"""What the pairs of suites buy, how many a wanted drop needs, and what to label next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rmcheck.checks.no_regression import NoRegression
from rmcheck.compare.comparison import Side
from rmcheck.compare.measured_plan import MeasuredPower
from rmcheck.compare.selftest import guards
from rmcheck.compare.simulation import ASSUMED
from rmcheck.data import PreferencePair
from rmcheck.lint.finding import Place
from rmcheck.lint.labels import Auditors, LabelAudit, audit_labels
from rmcheck.lint.pool import PlacedPair, Pool, pool_of
from rmcheck.record.scores import PairScore
from rmcheck.stats.decision import MIN_GROUPS, Measure
from rmcheck.stats.groups import Groups
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.power import (
    detectable_drop,
    pairs_to_catch,
    smoothed_discordant,
    worst_design_effect,
)
from rmcheck.stats.winrate import wins
from rmcheck.suite import Suite

TEXTS = 2
"""Texts to score for a pair, for each model."""

Wins = Mapping[str, tuple[float, float]]
"""Wins of candidate and baseline by the hash of a pair's texts."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a plan is made for.

    `drop` is the true loss of the win rate, in (0, 1), that the comparisons should catch with 80 %
    probability, `more` a number of pairs to label, `comparisons` the m of the gate.
    """

    drop: float
    more: int
    comparisons: int


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What some pairs buy.

    `discordant` is the share of pairs on which the models differ, `assumed` if no comparison told
    it. `detectable` is the smallest drop of these pairs' win rate that is caught with 80 %
    probability (None: none is), `with_more` the same with `more` further pairs of other prompts.
    `needed` pairs in all would catch the wanted drop (None: no number does), computed with
    `max_drop`, which has to be smaller than the drop. All three are those of `measure`.
    """

    name: str
    pairs: int
    prompts: int
    discordant: float
    assumed: bool
    max_drop: float
    detectable: float | None
    with_more: float | None
    needed: int | None
    measure: Measure = "win_rate"

    @property
    def to_label(self) -> int | None:
        """How many pairs are missing for the wanted drop."""
        return None if self.needed is None else max(0, self.needed - self.pairs)

    @property
    def texts(self) -> int | None:
        """How many texts each model then has to score in a run."""
        return None if self.needed is None else TEXTS * max(self.needed, self.pairs)

    @property
    def gain(self) -> float:
        """By how much more pairs shrink the detectable drop; from "none is" it is from 1."""
        if self.with_more is None:
            return 0.0
        return (1.0 if self.detectable is None else self.detectable) - self.with_more


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The comparisons of suites, their tags by what more labels gain, and doubtful labels.

    `labels` needs two models that have scored the pairs (None: there are fewer).
    """

    asked: Asked
    checks: tuple[Planned, ...]
    tags: tuple[Planned, ...]
    labels: LabelAudit | None


def plan(
    suites: Sequence[Suite],
    asked: Asked,
    known: Wins,
    auditors: Auditors | None = None,
    measured: Mapping[str, MeasuredPower] | None = None,
) -> Plan:
    """Plan for suites.

    Parameters
    ----------
    suites : at least one with pairs.
    known : wins of both models; empty without a run and a baseline. Then models are taken to
        differ on a fifth of the prompts, and all pairs of a prompt to change together.
    auditors : models that judge the labels.
    measured : by id, the checks whose measure looks at margins, where both models' are known. The
        others are planned by the win rate.

    Notes
    -----
    A suite without a comparison is planned as if it had one with the default `max_drop`. A tag is
    planned as a comparison of its pairs in all suites; its drop is one within the tag.
    """
    checks = [each for suite in suites for each in _checks(suite)]
    every = {pair.hash: pair for suite in suites for pair in suite.data.pairs}
    tags = dict.fromkeys(tag for pair in every.values() for tag in pair.tags)
    by_tag = [
        _planned(
            tag, NoRegression(), [pair for pair in every.values() if tag in pair.tags], asked, known
        )
        for tag in tags
    ]
    by_tag.sort(key=lambda each: (-each.gain, each.name))
    labels = audit_labels(_pool(suites), auditors) if auditors and len(auditors.names) > 1 else None
    return Plan(
        asked=asked,
        checks=tuple(
            _planned(name, check, pairs, asked, known, (measured or {}).get(name))
            for name, check, pairs in checks
            if pairs
        ),
        tags=tuple(by_tag),
        labels=labels,
    )


def _checks(suite: Suite) -> Iterable[tuple[str, NoRegression, Sequence[PreferencePair]]]:
    found = [bound for bound in suite.bound if isinstance(bound.check, NoRegression)]
    for bound in found:
        if isinstance(bound.check, NoRegression):
            yield bound.id, bound.check, bound.check.select(suite.data_of(bound.check))
    if not found:
        yield f"{suite.name} (no comparison yet)", NoRegression(), suite.data.pairs


def _planned(
    name: str,
    check: NoRegression,
    pairs: Sequence[PreferencePair],
    asked: Asked,
    known: Wins,
    measured: MeasuredPower | None = None,
) -> Planned:
    groups = Groups(pair.group for pair in pairs)
    scored = [row for row, pair in enumerate(pairs) if pair.hash in known]
    share = smoothed = ASSUMED
    effect = worst_design_effect(groups)
    assumed = True
    if len({groups[row] for row in scored}) >= MIN_GROUPS:
        both = np.array([known[pairs[row].hash] for row in scored])
        seen = paired_difference(both[:, 0], both[:, 1], groups.take(np.array(scored)))
        changed = seen.newly_wrong + seen.newly_right
        if changed:
            share, effect, assumed = changed / len(scored), seen.design_effect, False
            smoothed = smoothed_discordant(seen.newly_wrong, seen.newly_right, len(scored))
    max_drop = check.max_drop if asked.drop > check.max_drop else asked.drop / 2

    def detectable(n: int) -> float | None:
        if groups.n_groups + n - len(pairs) < MIN_GROUPS:
            return None
        if measured:
            return measured.detectable(n)
        return detectable_drop(
            n=n,
            group_sizes_or_groups=groups,
            discordant=smoothed,
            max_drop=check.max_drop,
            alpha=check.alpha,
            comparisons=asked.comparisons,
            design_effect=effect,
        )

    return Planned(
        name=name,
        pairs=len(pairs),
        prompts=groups.n_groups,
        discordant=share,
        assumed=assumed,
        max_drop=max_drop,
        detectable=detectable(len(pairs)),
        with_more=detectable(len(pairs) + asked.more),
        needed=measured.needed(asked.drop, max_drop)
        if measured
        else pairs_to_catch(
            asked.drop,
            discordant=smoothed,
            max_drop=max_drop,
            alpha=check.alpha,
            comparisons=asked.comparisons,
            design_effect=effect,
        ),
        measure=check.measure if measured else "win_rate",
    )


def _pool(suites: Sequence[Suite]) -> Pool:
    """All pairs of the suites, each once, at the suite that it is in."""
    placed: dict[str, PlacedPair] = {}
    for suite in suites:
        for pair in suite.data.pairs:
            placed.setdefault(pair.hash, PlacedPair(pair, Place(suite.shown)))
    return pool_of(list(placed.values()), [suite.shown for suite in suites])


def measured_power(
    suites: Sequence[Suite], run: Side, baseline: Side, comparisons: int
) -> dict[str, MeasuredPower]:
    """By id, the checks whose measure looks at margins, if both sides scored enough to decide."""
    if not any(
        isinstance(bound.check, NoRegression) and bound.check.measure != "win_rate"
        for suite in suites
        for bound in suite.bound
    ):
        return {}
    found, _ = guards(suites, run, baseline, early_stop=False)
    return {
        guard.name: MeasuredPower(guard, comparisons)
        for guard in found
        if guard.check.measure != "win_rate" and guard.before is not None
    }


def wins_of(candidate: Side, baseline: Side | None) -> dict[str, tuple[float, float]]:
    """Wins of two sides on the texts that both scored; empty without a baseline."""
    theirs = _margins(baseline.rows) if baseline else {}
    mine = {stamp: margin for stamp, margin in _margins(candidate.rows).items() if stamp in theirs}
    if not mine:
        return {}
    zero = np.zeros(len(mine))
    now = wins(np.array(list(mine.values())), zero)
    before = wins(np.array([theirs[stamp] for stamp in mine]), zero)
    return dict(zip(mine, zip(now.tolist(), before.tolist(), strict=True), strict=True))


def judges_of(sides: Sequence[Side], suites: Sequence[Suite]) -> Auditors | None:
    """Sides that scored some pair of the suites, as judges of the labels; None under two of them.

    Sides of the same source are one judge.
    """
    texts = {pair.hash for suite in suites for pair in suite.data.pairs}
    found: dict[str, tuple[str, dict[str, float]]] = {}
    for side in sides:
        margins = _margins(side.rows)
        source = next(iter(side.sources.values()), None)
        stamp = (source and source.fingerprint) or side.name
        if texts & set(margins):
            found.setdefault(stamp, (side.name, margins))
    if len(found) < 2:
        return None
    judges = list(found.values())
    return Auditors(
        tuple(name for name, _ in judges),
        lambda pairs: np.array(
            [[margins.get(pair.hash, np.nan) for pair in pairs] for _, margins in judges]
        ),
    )


def _margins(rows: Iterable[PairScore]) -> dict[str, float]:
    """The margin of each text, of the first objective that was scored."""
    found: dict[str, float] = {}
    for row in rows:
        found.setdefault(row.hash, row.chosen - row.rejected)
    return found
