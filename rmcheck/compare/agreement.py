"""How alike two sides judge: flips and log-loss for each suite, and the verdicts that change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rmcheck.checks import CANDIDATE, Check
from rmcheck.checks.paired_scores import PairedScores
from rmcheck.compare.comparison import Comparison, Side
from rmcheck.data.preferences import PreferenceData
from rmcheck.engine.engine import Engine
from rmcheck.engine.judged import check_record
from rmcheck.engine.settings import NO_BASELINE, Settings
from rmcheck.errors import RmcheckError
from rmcheck.record.run import CheckRecord
from rmcheck.reward_source import Source
from rmcheck.suite import Suite
from rmcheck.verdict import Estimate
from rmcheck.wording import counted, minus

if TYPE_CHECKING:
    from rmcheck.stats.likeness import Likeness

APART = 2.0
"""Rewards whose best scales differ by more than this factor have no common unit."""


@dataclass(frozen=True)
class Change:
    """A check whose verdict differs: its id, its gate, and what both sides' verdicts are."""

    id: str
    gate: str
    now: str
    before: str

    def __str__(self) -> str:
        return f"{self.id}: {self.now}, was {self.before} ({self.gate})"


@dataclass(frozen=True)
class Agreement:
    """How alike two sides are.

    Attributes
    ----------
    suites
        For each shared suite with pairs that both scored.
    changes
        Checks with another verdict.
    shared
        How many checks both sides have a verdict of; comparisons with a baseline do not count.
    """

    suites: Mapping[str, Likeness]
    changes: tuple[Change, ...]
    shared: int


def agreement(
    candidate: Side, baseline: Side, comparison: Comparison, *, seed: int = 0
) -> Agreement:
    """The agreement of two sides on what `compare` paired."""
    suites = {
        suite: _likeness(paired, seed) for suite, paired in comparison.paired.items() if paired.ids
    }
    mine, theirs = _verdicts(candidate.checks), _verdicts(baseline.checks)
    shared = [name for name in mine if name in theirs]
    changes = tuple(
        Change(name, mine[name].gate, _word(mine[name]), _word(theirs[name]))
        for name in shared
        if _word(mine[name]) != _word(theirs[name])
    )
    return Agreement(suites, changes, len(shared))


def _likeness(paired: PairedScores, seed: int) -> Likeness:
    from rmcheck.stats.likeness import likeness

    return likeness(
        paired.now[:, 0] - paired.now[:, 1],
        paired.before[:, 0] - paired.before[:, 1],
        paired.groups,
        rng=np.random.default_rng(seed),
    )


def _verdicts(checks: Sequence[CheckRecord]) -> dict[str, CheckRecord]:
    return {each.id: each for each in checks if each.decision and not each.compares}


def _word(check: CheckRecord) -> str:
    """`passed`, `failed`, or that it was inconclusive and how that was taken."""
    taken = {"pass": "passed", "fail": "failed"}.get(check.outcome, check.outcome)
    return f"inconclusive ({taken})" if check.decision == "inconclusive" else taken


def with_verdicts(side: Side, settings: Settings, suites: Sequence[Suite]) -> Side:
    """`side` with the verdicts of `suites`, where it is a source; a run has its own."""
    if side.given is None:
        return side
    return replace(side, checks=judged(side.given, settings, suites))


def judged(given: Source, settings: Settings, suites: Sequence[Suite]) -> list[CheckRecord]:
    """The verdicts of `given` on the checks of `suites`, without comparisons and new trainings.

    A check that this source cannot decide is left out, as it is in a gate.

    Raises
    ------
    RmcheckError
        When the source cannot be loaded.
    """
    engine = Engine(replace(settings, source=given.spec, baseline=NO_BASELINE))
    groups = []
    for suite in suites:
        bare = replace(suite, source=None)  # the source in question judges every suite
        chosen = [each for each in bare.bound if _within_reach(each.check, suite.data)]
        groups.append((engine.bind(bare, given, None), chosen))
    engine.prepare_all(groups)
    found = []
    for binding, chosen in groups:
        for bound in chosen:
            try:
                engine.require(binding, bound)
                found.append(check_record(bound, *engine.judge(bound, binding)))
            except RmcheckError:  # what a gate reports as skipped or as an error
                continue
    return found


def _within_reach(check: Check, data: PreferenceData) -> bool:
    """Whether a check needs no more than scores of this model and of sources that it names."""
    refs = [need.source for need in check.needs(data)]
    return not check.compares and all(ref == CANDIDATE or ref.role == "other" for ref in refs)


def told(found: Likeness) -> str:
    """A suite's agreement in one line.

    >>> import numpy as np
    >>> from rmcheck.stats.likeness import likeness
    >>> margins = np.array([1.0, -0.5, 2.0, 0.3])
    >>> groups = ["a", "b", "c", "d"]
    >>> print(told(likeness(margins, margins, groups, rng=np.random.default_rng(0))))
    no pair of 4 flips; Kendall's τ of margins 1.000; log-loss 0.492, the same
    """
    flipped = found.newly_wrong + found.newly_right
    pairs = f"no pair of {found.n:,} flips"
    if flipped:
        verb = "flips" if flipped == 1 else "flip"
        pairs = (
            f"{flipped:,} of {counted(found.n, 'pair')} {verb}, {_percent(found.flips)}: "
            f"{found.newly_wrong:,} newly wrong, {found.newly_right:,} newly right"
        )
    tau = "" if found.tau is None else f"; Kendall's τ of margins {minus(f'{found.tau:.3f}')}"
    return f"{pairs}{tau}; {_loss(found)}"


def _loss(found: Likeness) -> str:
    if found.loss == found.loss_before:
        return f"log-loss {found.loss:.3f}, the same"
    if not 1 / APART <= found.temperature / found.temperature_before <= APART:
        return f"log-loss at the best scale of each {found.best:.3f}, was {found.best_before:.3f}"
    change = ""
    if found.loss_change is not None:
        value, low, high = (
            minus(f"{each:+.3f}")
            for each in (found.loss_change.value, found.loss_change.low, found.loss_change.high)
        )
        change = f" ({value} [{low}, {high}])"
    return f"log-loss {found.loss:.3f}, was {found.loss_before:.3f}{change}"


def _percent(share: Estimate) -> str:
    value, low, high = (f"{100 * each:.1f}" for each in (share.value, share.low, share.high))
    return f"{value} % [{low}, {high}]"


def lines(found: Agreement) -> Iterator[str]:
    """The verdicts that change, one line each, or one that none does; none without verdicts."""
    if not found.shared:
        return
    if not found.changes:
        yield f"no verdict changes ({found.shared} compared)"
        return
    verb = "changes" if len(found.changes) == 1 else "change"
    yield f"{len(found.changes)} of {counted(found.shared, 'verdict')} {verb}:"
    for change in found.changes:
        yield f"  {change}"
