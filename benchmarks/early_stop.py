"""Early stopping by simulation: its error rates, its power, and how many texts it scores.

python benchmarks/early_stop.py --runs 2000
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import results
from simulate_decisions import ALPHA, RATE, Suite

from rmcheck.checks import CANDIDATE, ScoredPairs, SourceRef
from rmcheck.checks.looks import FRACTIONS, LEVEL, Look
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import Pairs, PreferencePair
from rmcheck.data.preferences import PreferenceData
from rmcheck.stats.decision import decide_threshold
from rmcheck.stats.sequential import (
    EARLY,
    EARLY_UNTIL,
    Spending,
    critical_values,
    exit_probabilities,
    obrien_fleming,
    spent,
)
from rmcheck.stats.winrate import win_rate

TITLE = "Early stopping"
SIZES = (300, 1000, 3000)
GROUPED = (Suite(900, 3, 0.8),)
MIN = 0.70
SHARES = (0.0, 0.25, EARLY, 0.45)
"""Shares of alpha that might be spent early."""

Wins = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A table: shares of pairs newly wrong and newly right, or a true win rate."""

    title: str
    names: tuple[str, str]
    heads: tuple[str, str]
    lost: float = 0.0
    gained: float = 0.0
    rate: float = 0.0


def _comparison(title: str, lost: float, gained: float) -> Cell:
    names, heads = ("regressed", "non_inferior"), ("red", "non-inferior")
    return Cell(title=f"no_regression, {title}", names=names, heads=heads, lost=lost, gained=gained)


def _threshold(rate: float) -> Cell:
    title = f"win_rate min {MIN:.2f}, true win rate {rate:.2f}"
    return Cell(title=title, names=("pass", "fail"), heads=("pass", "fail"), rate=rate)


CELLS = (
    _comparison("equal models, 20 % discordant", 0.10, 0.10),
    _comparison("10 points lost (15 % newly wrong, 5 % newly right)", 0.15, 0.05),
    _comparison("3 points lost (11.5 % newly wrong, 8.5 % newly right)", 0.115, 0.085),
    _threshold(0.85),
    _threshold(MIN),
    _comparison("1 point lost, which is tolerated (2 % newly wrong, 1 % newly right)", 0.02, 0.01),
)
RARE = ("equal", "0.70, true win rate 0.70", "tolerated")
"""In the titles of the tables of error rates."""


@dataclass(eq=False)
class Table:
    """A context over columns of wins, for checks that look at parts of them."""

    pairs: Pairs
    comparisons: int = 1
    now: Wins = field(default_factory=lambda: np.empty(0))
    before: Wins = field(default_factory=lambda: np.empty(0))
    rows: dict[int, tuple[object, np.ndarray[Any, np.dtype[np.intp]]]] = field(default_factory=dict)

    @property
    def data(self) -> PreferenceData:
        return PreferenceData(self.pairs)

    def comparable(self, pairs: Pairs) -> tuple[Pairs, list[str]]:
        return self.pairs, []

    def scored(self, pairs: Sequence[PreferencePair], source: SourceRef = CANDIDATE) -> ScoredPairs:
        if id(pairs) not in self.rows:  # `pairs` is kept, so that its id stays its own
            rows = np.array([int(pair.id) for pair in pairs], dtype=np.intp)
            self.rows[id(pairs)] = (pairs, rows)
        wins = (self.now if source == CANDIDATE else self.before)[self.rows[id(pairs)][1]]
        return ScoredPairs(pairs, wins, 1.0 - wins)


class Fixed:
    """A check whose looks are planned once for all runs; `plan` are the looks."""

    def __init__(self, check: WinRate | NoRegression, table: Table) -> None:
        self.plan = check.looks(table)  # type: ignore[arg-type]
        self.check = check
        self.table = table
        groups = self.plan[-1].groups
        self._order = np.array([row for rows in groups for row in rows], dtype=np.intp)
        self._cuts = np.array([len(look.pairs) for look in self.plan])
        self._critical = np.array(critical_values(self.plan[0].fractions, (1 - LEVEL) / 2))

    def seen(self) -> Look:
        """The look that decides; only looks that may do so are judged, which saves nearly all."""
        for look, may in zip(self.plan[:-1], self._may_decide(), strict=False):
            if may and self.check.settles(self.table, look):  # type: ignore[arg-type]
                return look
        return self.plan[-1]

    def _may_decide(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Whether a plain z statistic is at least half of a look's critical value.

        The intervals of the checks are wider than plain ones, those of grouped pairs even more so.
        """
        values = self.table.now[self._order]
        bounds = [MIN]
        if isinstance(self.check, NoRegression):
            values = values - self.table.before[self._order]
            bounds = [0.0, -self.check.max_drop]
        n = self._cuts
        mean = values.cumsum()[n - 1] / n
        spread = np.sqrt(np.maximum((values**2).cumsum()[n - 1] / n - mean**2, 1e-12) / n)
        far = np.max([np.abs(mean - bound) / spread for bound in bounds], axis=0)
        return np.asarray(far >= 0.5 * self._critical)


def table_of(suite: Suite) -> Table:
    pairs = Pairs(
        PreferencePair(str(row), f"{group}?", f"good {row}", f"bad {row}", group)
        for row, group in enumerate(suite.groups)
    )
    return Table(pairs)


@dataclass
class Tally:
    """What became of simulated runs with early stopping, and of the same without."""

    early: dict[str, int] = field(default_factory=dict)
    plain: dict[str, int] = field(default_factory=dict)
    scored: list[int] = field(default_factory=list)

    def add(self, early: str, plain: str, scored: int) -> None:
        for count, name in ((self.early, early), (self.plain, plain)):
            count[name] = count.get(name, 0) + 1
        self.scored.append(scored)

    def share(self, name: str) -> tuple[float, float]:
        """With early stopping, and without."""
        runs = len(self.scored)
        return self.early.get(name, 0) / runs, self.plain.get(name, 0) / runs


def comparisons(suite: Suite, lost: float, gained: float, runs: int, rng: Any) -> Tally:
    """`no_regression` on two models that differ by such shares of newly wrong and newly right."""
    table, tally = table_of(suite), Tally()
    early = Fixed(NoRegression(alpha=ALPHA, early_stop=True), table)
    check = NoRegression(alpha=ALPHA)
    (everything,) = check.looks(table)  # type: ignore[arg-type]
    for _ in range(runs):
        changes = suite.changes(lost, gained, rng)
        held = (rng.random(suite.n) < RATE).astype(np.float64)
        table.before = np.where(changes < 0, 1.0, np.where(changes > 0, 0.0, held))
        table.now = table.before + changes
        look = early.seen()
        states = [
            check.found(table, at)[1]  # type: ignore[arg-type]
            for at in (look, everything)
        ]
        tally.add(states[0], states[1], len(look.pairs))
    return tally


def thresholds(suite: Suite, rate: float, runs: int, rng: Any) -> Tally:
    """`win_rate` with a minimum of MIN on a model that wins such a share."""
    table, tally = table_of(suite), Tally()
    early = Fixed(WinRate(min=MIN, early_stop=True), table)
    (everything,) = WinRate(min=MIN).looks(table)  # type: ignore[arg-type]
    for _ in range(runs):
        table.now = suite.wins(rate, rng)
        look = early.seen()
        decided = []
        for at in (look, everything):
            scored = table.scored(at.pairs)
            estimate = win_rate(scored.chosen, scored.groups, level=at.level)
            decided.append(decide_threshold(estimate, minimum=MIN))
        tally.add(decided[0], decided[1], len(look.pairs))
    return tally


def _row(suite: Suite, tally: Tally, *names: str) -> list[object]:
    shares = [f"{100 * each:.1f} %" for name in names for each in tally.share(name)]
    mean = float(np.mean(tally.scored))
    return [f"{suite.n:,}", suite.size, suite.icc, *shares, f"{100 * mean / suite.n:.0f} %",
            f"{suite.n / mean:.1f}×", f"{100 * max(tally.scored) / suite.n:.0f} %"]  # fmt: skip


def section(number: int, runs: int, *, quick: bool) -> str:
    """One table; the chances of each are its own, so that one can be made alone.

    Error rates take all runs; the others a quarter, and 3,000 pairs, which take long, a quarter
    again.
    """
    rng = np.random.default_rng(number)
    rare = any(word in CELLS[number].title for word in RARE)
    suites = [Suite(n, 1, 0.0) for n in (SIZES[:1] if quick else SIZES)]

    def of(suite: Suite) -> int:
        return max(1, (runs if rare else runs // 4) // (4 if rare and suite.n > 1000 else 1))

    cell = CELLS[number]
    rows = [
        _row(
            suite,
            thresholds(suite, cell.rate, of(suite), rng)
            if cell.rate
            else comparisons(suite, cell.lost, cell.gained, of(suite), rng),
            *cell.names,
        )
        for suite in (*suites, *GROUPED[: not quick])
    ]
    doubled = (word for name in cell.heads for word in (name, "all pairs"))
    head = ("n", "size", "ICC", *doubled, "texts, mean", "fewer", "at most")
    return f"### {cell.title}\n\n{results.table(head, rows)}"


def _shapes() -> dict[str, Spending]:
    """Functions that might spend alpha, by name."""

    def split(early: float) -> Spending:
        return lambda fraction, alpha: spent(fraction, alpha, early=early)

    def pocock(fraction: float, alpha: float) -> float:
        return alpha * math.log(1.0 + (math.e - 1.0) * fraction)

    def hwang(gamma: float) -> Spending:
        return lambda t, alpha: alpha * math.expm1(-gamma * t) / math.expm1(-gamma)

    def evenly(fraction: float, alpha: float) -> float:
        late = obrien_fleming(fraction, 0.75 * alpha)
        return 0.25 * alpha * min(1.0, fraction / 0.3) + late

    shapes: dict[str, Spending] = {
        "O'Brien and Fleming": obrien_fleming,
        "Pocock": pocock,
        "Hwang, Shih and DeCani, γ = −4": hwang(-4.0),
        "Hwang, Shih and DeCani, γ = −1": hwang(-1.0),
        "25 % evenly until 30 %, then O'Brien and Fleming": evenly,
    }
    for share in SHARES:
        used = " (used)" if share == EARLY else ""
        shapes[f"{share:.0%} until {EARLY_UNTIL:.0%}{used}"] = split(share)
    return shapes


def designs() -> str:
    """What other ways to spend alpha would save and cost, by the theory of boundaries.

    The columns of clear cases are the tests of the simulated ones, z without its intervals: a drop
    of 10 points with 20 % of the pairs discordant, and a win rate of 0.85 against 0.70.
    """
    drop = 0.10 / math.sqrt(0.20 - 0.10**2)
    rate = (0.85 - MIN) / math.sqrt(0.85 * 0.15)
    ends = np.array(FRACTIONS)
    rows = []
    for name, spending in _shapes().items():
        critical = critical_values(FRACTIONS, 0.025, spending=spending)

        def reached(drift: float, critical: Sequence[float] = critical) -> Wins:
            return exit_probabilities(FRACTIONS, critical, drift=drift)

        fewer = []
        for effect, n in ((drop, 300), (drop, 1000), (drop, 3000), (rate, 1000)):
            stops = reached(effect * math.sqrt(n))
            scored = float((stops * ends).sum()) + float(1.0 - stops.sum())
            fewer.append(f"{1 / scored:.1f}×")
        # What a single look at everything detects with a power of 80 and 90 %.
        power = [f"{100 * reached(1.96 + z).sum():.1f} %" for z in (0.8416, 1.2816)]
        rows.append([name, f"{critical[2]:.2f}", f"{critical[-1]:.2f}", *fewer, *power])
    head = ("alpha spent", "z at 5 %", "z at the end", "10 points, 300", "10 points, 1,000",
            "10 points, 3,000", "0.85, 1,000", "for 80 %", "for 90 %")  # fmt: skip
    return f"### Other ways to spend alpha\n\n{results.table(head, rows)}"


def main() -> None:
    def runs_option(parser: Any) -> None:
        parser.add_argument("--runs", type=int, default=2000, help="simulated runs a row")

    how = results.options(__doc__, 1, runs_option)
    runs = 10 if how.quick else how.given.runs
    started = time.perf_counter()
    tables = []
    for number in range(len(CELLS)):
        tables.append(section(number, runs, quick=how.quick))
        print(tables[-1], flush=True)
    tables.append(designs())
    took = time.perf_counter() - started
    body = (
        'Each check judges the same simulated wins with `early_stop` and without ("all pairs"), '
        "pairs with a prompt of their own or in groups of 3 with an intra-class correlation: "
        f"{runs:,} runs a row where error rates are at stake (equal models, a win rate at the "
        "minimum, a tolerated drop), a quarter of them elsewhere and for 3,000 pairs. Texts are "
        "the share of the pairs that were scored, on average; how many times fewer that is; and "
        "the most of any run. The last table is computed from the boundaries alone: how many times "
        "fewer, and what is left of a power of 80 and 90 %. "
        f"{took:,.0f} s on a busy machine."
    )
    results.publish(TITLE, "\n\n".join([body, *tables]), how)


if __name__ == "__main__":
    main()
