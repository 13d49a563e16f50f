"""Simulated histories: how often a gate that looks every night is wrong, and when it sees a drop.

Every night of a history compares a model with the same baseline on the same pairs. A pair has a
difficulty of its own, so models agree on most pairs, and a baseline can be lucky for all nights
at once. The nightly p is the gate's own (the exact test on discordant pairs).

    python benchmarks/over_time.py --runs 2000
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from results import options, publish, table
from scipy.stats import binom, norm

from rmcheck.record.standing import ALPHA
from rmcheck.stats.anytime import anytime_p

PAIRS, NIGHTS, WIN_RATE = 1400, 200, 0.75
MOST = 0.05
Wins = NDArray[np.bool_]
_BETS = np.array([0.05, 0.1, 0.2, 0.3, 0.45, 0.6])


@dataclass(frozen=True)
class World:
    """How much luck decides a pair: `noise` in units of the spread of the pairs' difficulties."""

    noise: float

    def chances(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """(n,) how far each pair is from being lost, in units of the noise."""
        middle = norm.ppf(WIN_RATE) * np.sqrt(1 + self.noise**2)
        return np.asarray(rng.normal(middle, 1.0, PAIRS) / self.noise)

    def shift(self, drop: float) -> float:
        """What must be taken from every pair for a true win rate lower by `drop`."""
        wide = np.sqrt(1 + self.noise**2)
        return float((norm.ppf(WIN_RATE) - norm.ppf(WIN_RATE - drop)) * wide / self.noise)

    def discordant(self) -> float:
        """The share of pairs on which two equal models differ."""
        p = norm.cdf(self.chances(np.random.default_rng(0)))
        return float(np.mean(2 * p * (1 - p)))


Models = tuple[Wins, Wins]
"""A baseline's wins, (n,), and those of each model in the order of time, (models, n)."""
Nights = Callable[[World, np.random.Generator, int, float, int], Models]
"""Makes so many models; from the given one (from 0) on they are worse by the drop."""


def trained_anew(
    world: World, rng: np.random.Generator, count: int, drop: float = 0.0, since: int = 0
) -> Models:
    """Every night a model of a new training."""
    chances = world.chances(rng)
    as_good, worse = (_float(norm.cdf(chances - shift)) for shift in (0.0, world.shift(drop)))
    wins = np.empty((count, PAIRS), dtype=np.bool_)
    before = rng.random(PAIRS, np.float32) < as_good
    wins[:since] = rng.random((min(since, count), PAIRS), np.float32) < as_good
    wins[since:] = rng.random((max(0, count - since), PAIRS), np.float32) < worse
    return before, wins


def lineage(
    world: World, rng: np.random.Generator, count: int, drop: float = 0.0, since: int = 0
) -> Models:
    """Every night's model is trained further from the last one, so the two are alike."""
    chances, kept = _float(world.chances(rng)), np.float32(0.95)
    luck = rng.standard_normal((count + 1, PAIRS), np.float32)
    luck[1:] *= np.sqrt(1 - kept**2)
    for night in range(count):
        luck[night + 1] += kept * luck[night]
    shifts = np.where(np.arange(count) >= since, world.shift(drop), 0.0)
    return luck[0] < chances, luck[1:] < chances - _float(shifts)[:, None]


def better(world: World, rng: np.random.Generator, count: int, *_: float) -> Models:
    """Models that get better in time."""
    chances = world.chances(rng)
    gains = 0.002 * np.arange(count) / world.noise
    wins = rng.standard_normal((count, PAIRS), np.float32) < _float(chances + gains[:, None])
    return rng.random(PAIRS, np.float32) < norm.cdf(chances), wins


def best_of_ten(world: World, rng: np.random.Generator, count: int, *_: float) -> Models:
    """The baseline was chosen: the best of ten equal models on these very pairs."""
    as_good = _float(norm.cdf(world.chances(rng)))
    tried = rng.random((10, PAIRS), np.float32) < as_good
    return tried[tried.sum(axis=1).argmax()], rng.random((count, PAIRS), np.float32) < as_good


def _float(values: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)


@dataclass(frozen=True)
class History:
    """The nightly comparisons of one history: one-sided p, pairs lost and won, first looks."""

    p: NDArray[np.float64]
    lost: NDArray[np.int64]
    won: NDArray[np.int64]
    new: NDArray[np.bool_]


def simulate(
    nights: Nights,
    world: World,
    rng: np.random.Generator,
    *,
    count: int,
    drop: float,
    since: int,
    each: int = 1,
) -> History:
    """One history of `count` nights, in which each model is compared for `each` of them."""
    before, wins = nights(world, rng, -(-count // each), drop, since // each)
    lost = np.count_nonzero(before & ~wins, axis=1)
    won = np.count_nonzero(wins & ~before, axis=1)
    p = np.asarray(binom.cdf(won, lost + won, 0.5))
    p, lost, won = (np.repeat(column, each)[:count] for column in (p, lost, won))
    return History(p, lost, won, np.arange(count) % each == 0)


_SHARES = np.array([1e12 * anytime_p(1e-12, look) for look in range(1, NIGHTS + 1)])


def first(hits: NDArray[np.bool_]) -> float:
    """The first night (from 1) that is told; infinite where none is."""
    return float(hits.argmax()) + 1 if hits.any() else np.inf


def anytime(history: History) -> float:
    """The rule of rmcheck: the k-th model is tested at alpha/(k(k + 1))."""
    look = np.cumsum(history.new) - 1
    return first(history.new & (history.p * _SHARES[look] <= ALPHA))


def nightly(history: History) -> float:
    """The same test every night, as if it were the only one."""
    return first(history.p <= ALPHA)


def bets(history: History) -> NDArray[np.float64]:
    """(nights, bets) the logarithms of each night's e-values, by how much is bet on a loss."""
    up, down = np.log1p(_BETS), np.log1p(-_BETS)
    return np.asarray(np.outer(history.lost, up) + np.outer(history.won, down))


def multiplied(history: History) -> float:
    """Nightly e-values multiplied, as if the nights did not share their pairs."""
    logs = bets(history)[history.new].cumsum(axis=0)
    grown = np.logaddexp.reduce(logs, axis=1) - np.log(len(_BETS))
    night = first(grown >= np.log(1 / ALPHA))
    return night if night == np.inf else float(np.flatnonzero(history.new)[int(night) - 1]) + 1


def summed(history: History) -> float:
    """Nightly e-values (a mixture of bets) added, each times the share of its look."""
    logs = np.logaddexp.reduce(bets(history)[history.new], axis=1) - np.log(len(_BETS))
    total = np.cumsum(np.exp(np.minimum(logs, 600.0)) / _SHARES[: len(logs)])
    night = first(total >= 1 / ALPHA)
    return night if night == np.inf else float(np.flatnonzero(history.new)[int(night) - 1]) + 1


RULES: dict[str, Callable[[History], float]] = {
    "rmcheck": anytime,
    "alpha every night": nightly,
    "e-values multiplied": multiplied,
    "e-values added": summed,
}
EQUAL: dict[str, tuple[Nights, int]] = {
    "a new training every night": (trained_anew, 1),
    "each model for seven nights": (trained_anew, 7),
    "trained further every night": (lineage, 1),
    "models that get better": (better, 1),
    "baseline: the best of ten on these pairs (not covered)": (best_of_ten, 1),
}
WORLDS = (World(0.25), World(0.45))


def told(
    nights: Nights,
    world: World,
    runs: int,
    *,
    count: int,
    drop: float = 0.0,
    since: int = 0,
    each: int = 1,
) -> dict[str, NDArray[np.float64]]:
    """For each rule the night on which it tells, of every history."""
    found: dict[str, list[float]] = {name: [] for name in RULES}
    for seed in range(runs):
        rng = np.random.default_rng([seed, count, round(drop * 1000)])
        history = simulate(nights, world, rng, count=count, drop=drop, since=since, each=each)
        for name, rule in RULES.items():
            found[name].append(rule(history))
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    def runs_option(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--runs", type=int, default=2000, help="histories of each row")

    how = options(__doc__, 1, runs_option)
    runs = 20 if how.quick else how.given.runs
    wrong, broken = [], []
    for world, (name, (nights, each)) in itertools.product(WORLDS, EQUAL.items()):
        hits = told(nights, world, runs, count=NIGHTS, each=each)
        shares = {rule: float(np.isfinite(night).mean()) for rule, night in hits.items()}
        allowed = MOST + 3 * np.sqrt(MOST * (1 - MOST) / runs)
        if shares["rmcheck"] > allowed and nights is not best_of_ten:
            broken.append(name)
        wrong.append((name, f"{world.discordant():.0%}", *(f"{s:.3f}" for s in shares.values())))
    seen = []
    cases = (
        (0, "the first night", trained_anew),
        (0, "the first night", lineage),
        (20, "night 21", trained_anew),
    )
    for world, drop, (since, name, nights) in itertools.product(WORLDS, (0.02, 0.03), cases):
        hits = told(nights, world, runs, count=since + 30, drop=drop, since=since)
        by = {rule: [float((night <= since + within).mean()) for within in (1, 10, 30)]
              for rule, night in hits.items() if rule in ("rmcheck", "e-values added")}  # fmt: skip
        kind = "new" if nights is trained_anew else "further"
        cells = (f"{share:.2f}" for shares in by.values() for share in shares)
        seen.append((f"{drop * 100:.0f}", name, kind, f"{world.discordant():.0%}", *cells))
    nights_of = ("1", "10", "30")
    heads = [f"{rule}, {night}" for rule in ("rmcheck", "added") for night in nights_of]
    publish(
        "Over time",
        f"{runs:,} histories a row, {PAIRS:,} pairs, win rate {WIN_RATE}, alpha {ALPHA}. "
        f"`rmcheck` is the rule of the history: at most {MOST:.0%} of the histories may be wrong. "
        "E-values may not be multiplied over nights that share their pairs; added, they are valid "
        "and see less.\n\n"
        f"### Models as good as the baseline: histories wrong within {NIGHTS} nights\n\n"
        + table(("models", "discordant", *RULES), wrong)
        + "\n\n### Models that are worse: share seen within so many nights of the drop\n\n"
        + table(("points", "since", "trained", "discordant", *heads), seen)
        + f"\n\nBound of {MOST:.0%} {'broken by: ' + ', '.join(broken) if broken else 'kept'}.",
        how,
    )


if __name__ == "__main__":
    main()
