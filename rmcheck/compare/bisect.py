"""The first step of a training that is worse than the baseline, found by few comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rmcheck.checks.left_out import too_many
from rmcheck.checks.no_regression import NoRegression
from rmcheck.compare.comparison import Comparison, Side, compare
from rmcheck.errors import UsageError
from rmcheck.record.table import one_each
from rmcheck.stats.decision import Measure
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.verdict import Estimate, Verdict
from rmcheck.wording import listed, minus

ALPHA = 0.05
BASELINE = -1
"""The number of the baseline, which is before the first step."""

Worse = Callable[[int, int, float], bool]
"""Whether a step is worse than an earlier one (or the baseline), at a one-sided level."""


@dataclass(frozen=True)
class Search:
    """What a search found: `first` is the first step that is shown to be worse, None if none is.

    `after` is the last step before it of which that is not so (`BASELINE`: none is known).
    Between them are steps that are like neither: not worse than the baseline beyond doubt, and not
    better than `first` beyond doubt. `recovered` are later steps that are better again.
    """

    first: int | None
    after: int = BASELINE
    recovered: tuple[int, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether the step before the first worse one is known to be better."""
        return self.first is not None and self.first - self.after == 1


def looks(steps: int) -> int:
    """How many steps a search scores at most: the last one, and ⌈log2⌉ of the others.

    >>> [looks(n) for n in (1, 2, 3, 8, 9, 100)]
    [1, 2, 3, 4, 5, 8]
    """
    return 1 + math.ceil(math.log2(steps)) if steps > 1 else 1


def search(steps: int, level: float, worse: Worse) -> Search:
    """Find the first worse step, if steps stay worse once they are.

    Parameters
    ----------
    steps : number of steps, at least 1.
    level : one-sided level of the whole search, in (0, 1).
    worse : see `Worse`; asked about at most `looks(steps)` steps.

    Notes
    -----
    The last step is compared with the baseline at `level`. Only if it is worse, the search halves
    what is before it, and the comparisons share `level` equally. So a series without a worse step
    is said to have one with a probability of at most `level`, and so is a step before the first
    worse one (a fixed sequence of tests; Bonferroni within the second part). A step in the middle
    that is not worse than the baseline must be better than the first worse one, at the same level;
    else the search goes on behind it, but does not rule it out.
    """
    if not worse(steps - 1, BASELINE, level):
        return Search(None)
    share = level / max(1, looks(steps) - 1)
    behind, first, after = BASELINE, steps - 1, BASELINE
    while first - behind > 1:
        middle = (behind + first) // 2
        if worse(middle, BASELINE, share):
            first = middle
            continue
        behind = middle
        if worse(first, middle, share):
            after = middle
    return Search(first, after)


def every_step(steps: int, level: float, worse: Worse) -> Search:
    """The first worse step of all, whatever comes after it; every step is scored.

    Parameters
    ----------
    steps, level, worse : as for `search`. The steps share `level` equally.

    Returns
    -------
    `recovered` are the steps after the first worse one that are better than it, at the same level.
    """
    share = level / steps
    bad = [step for step in range(steps) if worse(step, BASELINE, share)]
    if not bad:
        return Search(None)
    first = bad[0]
    after = max(
        (step for step in range(first) if worse(first, step, share)),
        default=BASELINE,
    )
    later = (step for step in range(first + 1, steps) if step not in bad)
    return Search(first, after, tuple(step for step in later if worse(first, step, share)))


@dataclass(frozen=True)
class Point:
    """A scored step: its win rate on all pairs, and its comparison with the baseline by suite."""

    step: int
    win_rate: Estimate
    verdicts: Mapping[str, Verdict]

    @property
    def strongest(self) -> tuple[str, Verdict] | None:
        """The suite with the strongest evidence of a drop, and its verdict; None without one."""
        told = [each for each in self.verdicts.items() if each[1].p_value is not None]
        return min(told, key=lambda each: _drop_p(each[1]), default=None)


@dataclass(eq=False)
class Bisection:
    """The steps of a series against a baseline, each scored when it is asked about.

    Parameters
    ----------
    read
        Scores a step and gives its pairs.
    baseline
        The pairs that every step is compared on.
    max_drop
        A smaller drop of the win rate is tolerated, in [0, 1].
    measure
        What the paired tests compare, as in `no_regression`.
    notes
        What of the baseline no step could be compared on, in the order in which it was found.
    """

    read: Callable[[int], Side]
    baseline: Side
    max_drop: float
    measure: Measure = "win_rate"
    seed: int = 0
    points: dict[int, Point] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)
    _sides: dict[int, Side] = field(default_factory=dict)

    def side(self, step: int) -> Side:
        """The pairs of a step, scored once."""
        if step == BASELINE:
            return self.baseline
        if step not in self._sides:
            self._sides[step] = self.read(step)
        return self._sides[step]

    def worse(self, step: int, than: int, level: float) -> bool:
        """Whether any suite's win rate fell by `max_drop` or more, at the level of all suites.

        Raises
        ------
        UsageError
            When a step lacks pairs or suites that the others have, or no suite can be compared.
        """
        compared = compare(
            self.side(step),
            self.side(than),
            max_drop=self.max_drop,
            measure=self.measure,
            seed=self.seed,
        )
        found = compared.verdicts
        if than == BASELINE:
            self._refuse_partial(step, compared)
            self.points[step] = Point(step, win_rate_of(self.side(step)), found)
            if all(verdict.p_value is None for verdict in found.values()):
                said = next(iter(found.values())).message
                raise UsageError(f"{self.side(step).name}: no suite can be compared: {said}")
        return any(
            verdict.estimate is not None
            and fell(verdict.estimate, self.max_drop)
            and _drop_p(verdict) <= level / len(found)
            for verdict in found.values()
        )

    def _refuse_partial(self, step: int, compared: Comparison) -> None:
        """A step on other pairs than the baseline could look as good as it, having lost the rest.

        The suites that no step has are noted, and so are those with too few pairs.
        """
        name = self.side(step).name
        for suite, verdict in compared.verdicts.items():
            n = len(compared.paired[suite].ids)
            if too_many(verdict.left_out, of=verdict.left_out + n, most=NoRegression.max_left_out):
                raise UsageError(
                    f"{name}: {suite}: expected the {verdict.left_out + n:,} pairs of "
                    f"{self.baseline.name}, got {n:,} of them; score the same pairs for every step "
                    "(a run that stopped early: with --rm-early-stop off)"
                )
        for point in self.points.values():
            if lacking := [suite for suite in point.verdicts if suite not in compared.verdicts]:
                raise UsageError(
                    f"{name}: no scores of {listed(lacking)}, which "
                    f"{self.side(point.step).name} has; score the same suites for every step"
                )
        if compared.only_baseline:
            said = f"not compared (only in {self.baseline.name}): {listed(compared.only_baseline)}"
            self.notes[said] = None
        if any(verdict.p_value is not None for verdict in compared.verdicts.values()):
            for suite, verdict in compared.verdicts.items():
                if verdict.p_value is None:
                    self.notes[f"not compared: {suite}: {verdict.message}"] = None

    def run(self, steps: int, *, alpha: float = ALPHA, every: bool = False) -> Search:
        """Search, or score every step."""
        level = one_sided_level(alpha, 1)
        return (every_step if every else search)(steps, level, self.worse)


def fell(change: Estimate, max_drop: float) -> bool:
    """Whether a win rate fell, by `max_drop` or more."""
    return change.value <= -max_drop and change.value < 0.0


def _drop_p(verdict: Verdict) -> float:
    """The one-sided p of a drop; 1 where nothing was decided."""
    return 1.0 if verdict.p_less is None else verdict.p_less


def win_rate_of(side: Side) -> Estimate:
    """The win rate of a side on all its pairs, each once."""
    from rmcheck.stats.winrate import win_rate, wins

    rows = one_each(side.rows)
    won = wins([row.chosen for row in rows], [row.rejected for row in rows])
    return win_rate(won, [row.group for row in rows])


def lines(points: Mapping[int, Point], names: Sequence[str], found: Search) -> list[str]:
    """The curve for the terminal: a line for each step, scored or not."""
    wide = max(len("step"), *(len(name) for name in names))
    many = any(len(point.verdicts) > 1 for point in points.values())
    told = [f"  {'step':<{wide}}  {'win rate':<22}  {'points':<22}  {'p':<8}"]
    for step, name in enumerate(names):
        if step not in points:
            told.append(f"  {name:<{wide}}  not scored")
            continue
        point = points[step]
        rate, points_, p = row(point)
        suite = f"  ({point.strongest[0]})" if many and point.strongest else ""
        mark = "  <- first worse step" if step == found.first else ""
        mark = "  better again" if step in found.recovered else mark
        told.append(f"  {name:<{wide}}  {rate:<22}  {points_:<22}  {p:<8}{suite}{mark}".rstrip())
    return told


def row(point: Point) -> tuple[str, str, str]:
    """Win rate, change against the baseline in points, and p of a scored step, as text."""
    rate = _interval(point.win_rate, 1.0, ".3f")
    if point.strongest is None:
        return rate, "undecidable", ""
    verdict = point.strongest[1]
    change = _interval(verdict.estimate, 100.0, "+.1f") if verdict.estimate else ""
    return rate, change, f"{verdict.p_value:.2g}"


def _interval(estimate: Estimate, scale: float, form: str) -> str:
    value, low, high = (
        f"{scale * each:{form}}" for each in (estimate.value, estimate.low, estimate.high)
    )
    return minus(f"{value} [{low}, {high}]")


def told(found: Search, names: Sequence[str], baseline: str, *, every: bool) -> list[str]:
    """What was found, in a sentence or two."""
    if found.first is None:
        if every:
            return [f"no step is worse than {baseline}"]
        return [
            f"the last step, {names[-1]}, is not worse than {baseline}; the steps before it were "
            "not scored (--all scores every step)"
        ]
    first = names[found.first]
    if found.exact:
        where = f"{first} is the first step that is worse than {baseline}"
    else:
        start = names[found.after + 1]
        where = (
            f"{first} is the first step that is shown to be worse than {baseline}; the drop may "
            f"have begun at {start}: what was scored from there on is neither worse than "
            f"{baseline} nor better than {first} beyond chance"
        )
    said = [where]
    if found.recovered:
        again = ", ".join(names[step] for step in found.recovered)
        said.append(
            f"not monotone: {again} {'is' if len(found.recovered) == 1 else 'are'} better than "
            f"{first} again, so a search without --all can miss {first}"
        )
    return said
