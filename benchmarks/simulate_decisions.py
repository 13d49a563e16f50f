"""Simulate the decisions of rmcheck and hold them against the bounds that it promises.

Prints a Markdown table a question: how often intervals cover the truth, how often a run over two
equal models goes red, and how often a drop of the printed detectable size is caught. Exits with 1
when a bound is missed by more than three standard errors of the simulation.

    python benchmarks/simulate_decisions.py --runs 2000 --seed 0
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from results import table

from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.noise import noise_drop
from rmcheck.stats.paired import Difference, classify, paired_difference
from rmcheck.stats.power import detectable_drop, smoothed_discordant
from rmcheck.stats.winrate import win_rate

ALPHA, MAX_DROP, RATE = 0.05, 0.02, 0.75
PAIRS = (30, 100, 300, 3000)
RATES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
CORRELATIONS = (0.0, 0.3, 0.8)

Wins = NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A promise: `found` may miss `limit` by three standard errors (none where `runs` is 0)."""

    what: str
    found: float
    limit: float
    runs: int
    at_least: bool

    @property
    def kept(self) -> bool:
        slack = 3 * math.sqrt(self.limit * (1 - self.limit) / self.runs) if self.runs else 0.0
        missed = self.limit - self.found if self.at_least else self.found - self.limit
        return missed <= slack


@dataclass(frozen=True)
class Suite:
    """Pairs in groups of one size whose outcomes correlate by `icc` within a group.

    A pair copies its group's shared outcome with probability √icc, so that two pairs of a group
    share it with probability icc.
    """

    n: int
    size: int
    icc: float

    @cached_property
    def groups(self) -> list[str]:
        return [str(index // self.size) for index in range(self.n)]

    @property
    def n_groups(self) -> int:
        return -(-self.n // self.size)

    def copied(self, draw: Callable[[int], Wins], rng: Rng) -> Wins:
        """(n,) outcomes; `draw` makes independent ones."""
        shared = np.repeat(draw(self.n_groups), self.size)[: self.n]
        return np.where(rng.random(self.n) < math.sqrt(self.icc), shared, draw(self.n))

    def wins(self, rate: float, rng: Rng) -> Wins:
        """(n,) wins in {0, 1}."""
        return self.copied(lambda k: (rng.random(k) < rate).astype(np.float64), rng)

    def changes(self, lost: float, gained: float, rng: Rng) -> Wins:
        """(n,) changes from baseline to candidate in {-1, 0, 1}, with the given shares."""

        def draw(count: int) -> Wins:
            at = rng.random(count)
            return np.where(at < lost, -1.0, np.where(at < lost + gained, 1.0, 0.0))

        return self.copied(draw, rng)

    def compare(self, lost: float, gained: float, rng: Rng) -> Difference:
        """Two models whose wins differ by such changes; unchanged pairs are won with RATE."""
        changes = self.changes(lost, gained, rng)
        held = (rng.random(self.n) < RATE).astype(np.float64)
        baseline = np.where(changes < 0, 1.0, np.where(changes > 0, 0.0, held))
        return paired_difference(baseline + changes, baseline, self.groups)


def is_red(difference: Difference, comparisons: int) -> bool:
    """Whether one comparison fails `no_regression`."""
    state = classify(
        difference, identical=False, max_drop=MAX_DROP, alpha=ALPHA, comparisons=comparisons
    )
    return state == "regressed"


def wilson_coverage(n: int) -> tuple[float, float, float]:
    """Exact coverage of the plain interval for 0.5 ≤ p ≤ 0.95: mean, minimum, and its p."""
    groups = Suite(n, 1, 0.0).groups
    estimates = [win_rate((np.arange(n) < count).astype(float), groups) for count in range(n + 1)]
    low = np.array([estimate.low for estimate in estimates])
    high = np.array([estimate.high for estimate in estimates])
    counts = np.arange(n + 1)
    log_ways = np.cumsum(np.log(np.r_[1.0, np.arange(n, 0, -1) / np.arange(1, n + 1)]))
    rates = np.arange(0.5, 0.9501, 0.001)
    found = []
    for rate in rates:
        weight = np.exp(log_ways + counts * math.log(rate) + (n - counts) * math.log1p(-rate))
        found.append(float(weight[(low <= rate) & (rate <= high)].sum()))
    worst = int(np.argmin(found))
    return float(np.mean(found)), found[worst], float(rates[worst])


def share(event: Callable[[], bool], runs: int) -> float:
    """Share of runs in which the event happens."""
    return sum(event() for _ in range(runs)) / runs


def show(title: str, head: Sequence[str], rows: Iterable[Iterable[object]]) -> None:
    """Print one Markdown table; rates with three digits after the point, counts as they are."""
    cells = (
        [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows
    )
    print(f"\n### {title}\n\n{table(head, cells)}", flush=True)


def simulate_plain() -> list[Bound]:
    """Exact coverage of the plain Wilson interval."""
    rows, bounds = [], []
    for n in PAIRS:
        mean, least, where = wilson_coverage(n)
        rows.append((n, mean, least, where))
        bounds += [
            Bound(what=f"plain, n={n}, mean", found=mean, limit=0.945, runs=0, at_least=True),
            Bound(what=f"plain, n={n}, mean", found=mean, limit=0.96, runs=0, at_least=False),
            Bound(what=f"plain, n={n}, least", found=least, limit=0.92, runs=0, at_least=True),
        ]
    show("Plain Wilson, exact coverage for p in 0.5–0.95", ("n", "mean", "least", "at p"), rows)
    return bounds


def simulate_clustered(runs: int, rng: Rng) -> list[Bound]:
    """Coverage of the win rate's interval for groups of 3."""

    def covers(suite: Suite, rate: float) -> bool:
        estimate = win_rate(suite.wins(rate, rng), suite.groups)
        return estimate.low <= rate <= estimate.high

    rows, bounds = [], []
    for n in (*PAIRS[:2], 150, *PAIRS[2:]):
        for icc in CORRELATIONS:
            suite = Suite(n, 3, icc)
            found = [share(lambda s=suite, p=rate: covers(s, p), runs) for rate in RATES]  # type: ignore[misc]
            rows.append((n, suite.n_groups, icc, *found))
            if suite.n_groups >= 30:
                bounds += [
                    Bound(
                        what=f"clustered, {suite}, p={rate}",
                        found=one,
                        limit=0.94,
                        runs=runs,
                        at_least=True,
                    )
                    for rate, one in zip(RATES, found, strict=True)
                ]
    head = ("n", "groups", "ICC", *(f"p={rate}" for rate in RATES))
    show("Win rate in groups of 3, coverage of 0.95 intervals", head, rows)
    return bounds


def simulate_paired(runs: int, rng: Rng) -> list[Bound]:
    """Coverage of the paired difference and of the noise drop; no bound is promised."""

    def newcombe(suite: Suite, lost: float, gained: float) -> bool:
        estimate = suite.compare(lost, gained, rng).estimate
        return estimate.low - 1e-12 <= gained - lost <= estimate.high + 1e-12

    def noisy(suite: Suite, lost: float, gained: float) -> bool:
        changes = suite.changes(lost, gained, rng)
        clean = (changes < 0).astype(np.float64)
        estimate = noise_drop(clean, (clean + changes)[None, :], suite.groups)
        return estimate.low - 1e-12 <= lost - gained <= estimate.high + 1e-12

    shares = {"5/5": (0.05, 0.05), "10/2": (0.10, 0.02), "25/15": (0.25, 0.15)}
    rows = []
    for suite in suites(PAIRS[:3]):
        cells = [
            share(lambda c=covers, s=suite, x=pair: c(s, *x), runs)  # type: ignore[misc]
            for pair in shares.values()
            for covers in (newcombe, noisy)
        ]
        rows.append((suite.n, suite.size, suite.icc, *cells))
    head = ("n", "size", "ICC", *(f"{x} {m}" for x in shares for m in ("Newcombe", "noise")))
    show("Coverage of the paired difference and the noise drop, by % lost/gained", head, rows)
    return []


def suites(pairs: Iterable[int]) -> list[Suite]:
    """Singletons, and groups of 3 of each correlation."""
    kinds = ((1, 0.0), *((3, icc) for icc in CORRELATIONS))
    return [Suite(n, size, icc) for n in pairs for size, icc in kinds]


def simulate_equal(runs: int, rng: Rng) -> list[Bound]:
    """A/A: how often a run over two equal models goes red."""
    rows, bounds = [], []
    for suite in suites(PAIRS):
        found = []
        for m in (1, 5, 23):
            # 3,000 pairs take long: 23 suites of them are asked a tenth as often.
            times = max(1, runs // 10) if suite.n * m > 20_000 else runs

            def run_is_red(suite: Suite = suite, m: int = m) -> bool:
                # A later suite cannot make a red run green again: any() stops at the first.
                return any(is_red(suite.compare(0.1, 0.1, rng), m) for _ in range(m))

            found.append(share(run_is_red, times))
            bounds.append(
                Bound(
                    what=f"A/A, {suite}, {m} suites",
                    found=found[-1],
                    limit=0.04,
                    runs=times,
                    at_least=False,
                )
            )
        rows.append((suite.n, suite.size, suite.icc, *found))
    head = ("n", "size", "ICC", "1 suite", "5 suites", "23 suites")
    show("A/A: share of red runs, 20 % discordant", head, rows)
    return bounds


@dataclass(frozen=True)
class Plant:
    """A suite in which a share of pairs is discordant, judged among `m` comparisons."""

    suite: Suite
    discordant: float
    m: int

    def detectable(self, discordant: float, design_effect: float) -> float | None:
        return detectable_drop(
            n=self.suite.n,
            group_sizes_or_groups=self.suite.groups,
            discordant=discordant,
            max_drop=MAX_DROP,
            alpha=ALPHA,
            comparisons=self.m,
            design_effect=design_effect,
        )

    def known(self) -> float | None:
        """The detectable drop where share and correlation are known: effect 1 + (size - 1)·icc."""
        return self.detectable(self.discordant, 1 + (self.suite.size - 1) * self.suite.icc)

    def printed(self, rng: Rng) -> float | None:
        """The detectable drop that a comparison of two equal models prints."""
        half = self.discordant / 2
        seen = self.suite.compare(half, half, rng)
        smoothed = smoothed_discordant(seen.newly_wrong, seen.newly_right, self.suite.n)
        return self.detectable(smoothed, seen.design_effect)

    def caught(self, drop: float | None, rng: Rng) -> bool:
        """Whether the rule sees a true drop of this size; none is seen by nobody."""
        if drop is None:
            return False
        total = max(self.discordant, drop)
        return is_red(self.suite.compare((total + drop) / 2, (total - drop) / 2, rng), self.m)


def simulate_planted(runs: int, rng: Rng) -> list[Bound]:
    """How often a true drop of the detectable size is caught."""
    rows, bounds = [], []
    for suite in suites(PAIRS):
        for plant in (Plant(suite, share, m) for share in (0.05, 0.2) for m in (1, 5)):
            drop = plant.known()
            known = share(lambda p=plant, d=drop: p.caught(d, rng), runs)  # type: ignore[misc]
            printed = share(lambda p=plant: p.caught(p.printed(rng), rng), runs)  # type: ignore[misc]
            shown = "none" if drop is None else f"{drop:.3f}"
            rows.append(
                (suite.n, suite.size, suite.icc, plant.discordant, plant.m, shown, known, printed)
            )
            # Under MIN_GROUPS a check decides nothing; with groups only the printed drop is exact
            # enough to promise anything.
            promised = [("known", known)] if suite.size == 1 else []
            promised += [("printed", printed)] if suite.n_groups >= MIN_GROUPS else []
            bounds += [
                Bound(what=f"{kind}, {plant}", found=one, limit=0.78, runs=runs, at_least=True)
                for kind, one in promised
            ]
    head = ("n", "size", "ICC", "discordant", "suites", "drop", "caught", "printed, caught")
    show(
        "Planted regressions: share caught of the detectable drop, with the discordant share "
        "known, and as an A/A comparison prints it",
        head,
        rows,
    )
    return bounds


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulate the decisions of rmcheck.")
    parser.add_argument("--runs", type=int, default=2000, help="simulated runs a cell")
    parser.add_argument("--seed", type=int, default=0)
    tables = ("plain", "clustered", "paired", "equal", "planted")
    parser.add_argument("--only", choices=tables, help="one table")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    simulations: dict[str, Callable[[], list[Bound]]] = {
        "plain": simulate_plain,
        "clustered": lambda: simulate_clustered(options.runs, rng),
        "paired": lambda: simulate_paired(options.runs, rng),
        "equal": lambda: simulate_equal(options.runs, rng),
        "planted": lambda: simulate_planted(options.runs, rng),
    }
    started = time.perf_counter()
    bounds: list[Bound] = []
    for name, simulate in simulations.items():
        if options.only in (None, name):
            bounds += simulate()
    missed = [bound for bound in bounds if not bound.kept]
    spent = time.perf_counter() - started
    print(f"\n{len(bounds) - len(missed)} of {len(bounds)} bounds kept, in {spent:.0f} s.")
    for bound in missed:
        print(f"- missed: {bound.what}: {bound.found:.3f}, limit {bound.limit}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
