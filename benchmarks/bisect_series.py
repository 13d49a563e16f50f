"""Bisection by simulation: planted steps that are found, and series without one.

python benchmarks/bisect_series.py --runs 2000
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import results
from simulate_decisions import ALPHA, MAX_DROP, RATE, Suite

from rmcheck.compare.bisect import BASELINE, Search, every_step, looks, search
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.signflip import sign_flip_p_integer

TITLE = "Bisection"
STEPS = 16
CHURN = 0.05
"""Share of pairs that a step newly wins, and newly loses, without being worse."""


@dataclass(eq=False)
class Training:
    """The wins of the baseline and of every step; from `planted` on, `drop` more are lost."""

    suite: Suite
    planted: int
    drop: float
    rng: Any

    def __post_init__(self) -> None:
        self.codes = np.arange(self.suite.n) // self.suite.size
        self.before = (self.rng.random(self.suite.n) < RATE).astype(np.float64)
        self.scored: dict[int, Any] = {BASELINE: self.before}
        # What is lost stays lost: the same pairs in every later step.
        gone = self.suite.copied(lambda k: self.rng.random(k), self.rng)
        self.gone = gone < self.drop / RATE

    def wins(self, step: int) -> Any:
        if step not in self.scored:
            drawn = self.suite.copied(lambda k: self.rng.random(k), self.rng)
            lost, gained = drawn < CHURN / RATE, drawn < CHURN / (1 - RATE)
            wins = np.where(self.before == 1.0, 1.0 - lost, 1.0 * gained)
            self.scored[step] = np.where(self.gone & (step >= self.planted), 0.0, wins)
        return self.scored[step]

    def worse(self, step: int, than: int, level: float) -> bool:
        """The rule of the command, without the interval, which decides nothing here."""
        change = self.wins(step) - self.wins(than)
        if change.mean() > -MAX_DROP:
            return False
        net = np.bincount(self.codes, weights=change).astype(np.int64)
        return sign_flip_p_integer(net, "less") <= level


def simulated(
    suite: Suite, drop: float, runs: int, rng: Any, *, every: bool = False
) -> list[tuple[int, Search, int]]:
    """Of each run the planted step, what was found, and how many steps were scored."""
    found = []
    level = one_sided_level(ALPHA, 1)
    for _ in range(runs):
        training = Training(suite, int(rng.integers(STEPS)) if drop else STEPS, drop, rng)
        one = (every_step if every else search)(STEPS, level, training.worse)
        found.append((training.planted, one, len(training.scored) - 1))
    return found


def row(suite: Suite, drop: float, found: Sequence[tuple[int, Search, int]]) -> list[object]:
    firsts = [(planted, one.first) for planted, one, _ in found]
    scored = [count for *_, count in found]

    def share(events: Sequence[bool]) -> str:
        return f"{100 * np.mean(events):.1f} %"

    return [
        f"{suite.n:,}", suite.size, f"{100 * drop:.0f} points",
        share([first == planted for planted, first in firsts]) if drop else "–",
        share([first is not None and first < planted for planted, first in firsts]),
        share([one.first is not None and one.after < planted <= one.first
               for planted, one, _ in found]) if drop else "–",
        share([first is None for _, first in firsts]),
        f"{np.mean(scored):.1f}", max(scored),
    ]  # fmt: skip


def main() -> None:
    def runs_option(parser: Any) -> None:
        parser.add_argument("--runs", type=int, default=2000, help="simulated series a row")

    how = results.options(__doc__, 1, runs_option)
    runs = 20 if how.quick else how.given.runs
    rng = np.random.default_rng(0)
    plain, grouped = Suite(1000, 1, 0.0), Suite(1000, 2, 0.5)
    cells = [(plain, 0.0), (plain, 0.10), (plain, 0.08), (plain, 0.05), (Suite(300, 1, 0.0), 0.15)]
    if not how.quick:
        cells += [(grouped, 0.0), (grouped, 0.10)]
    started = time.perf_counter()
    halves = [row(suite, drop, simulated(suite, drop, runs, rng)) for suite, drop in cells]
    every = [
        row(suite, drop, simulated(suite, drop, max(1, runs // 4), rng, every=True))
        for suite, drop in cells[: 1 if how.quick else 3]
    ]
    head = ("n", "size", "drop", "found", "too early", "within the range", "none named",
            "scored, mean", "at most")  # fmt: skip
    took = time.perf_counter() - started
    told = (
        f"{runs:,} series of {STEPS} steps a row ({runs // 4:,} with --all). A step newly wins "
        f"and newly loses {100 * CHURN:.0f} % of the pairs each; from a step on that is drawn at "
        "random, a fixed part of the pairs is lost as well (none where the drop is 0). *Found*: "
        "the planted step "
        "itself is named; *too early*: one before it (any at all where the drop is 0); *within "
        "the range*: it is among the steps that the answer leaves open. A search of "
        f"{STEPS} steps scores {looks(STEPS)} at most. {took:,.0f} s on a busy machine."
    )
    body = f"""{told}

### `rmcheck bisect`

{results.table(head, halves)}

### `rmcheck bisect --all`

{results.table(head, every)}"""
    results.publish(TITLE, body, how)


if __name__ == "__main__":
    main()
