"""A suite's thresholds, compared with what its numbers of pairs can decide."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scipy.special import bdtrc, ndtri

from rmcheck.checks import Check
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import PreferencePair
from rmcheck.lint import finding as kinds
from rmcheck.lint.coverage import LEVEL
from rmcheck.lint.finding import Finding, Kind, Place
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.power import detectable_drop, detectable_shortfall, worst_design_effect
from rmcheck.stats.winrate import wilson_limits
from rmcheck.suite import Suite
from rmcheck.wording import counted

TYPICAL_DISCORDANT = 0.10
"""Share of pairs on which two trainings of one recipe usually differ."""

FAR = 2.0
"""Warn about a comparison that detects only drops of this many times its `max_drop`."""

GUESS_RISK = 0.05
"""Warn about a threshold that a guessing model passes more often than this."""

Say = Callable[[Kind, str], Finding]


def suite_findings(
    suite: Suite, *, expect: float | None = None, comparisons: int = 1
) -> Iterator[Finding]:
    """What the thresholds and slices of a suite can and cannot decide.

    Parameters
    ----------
    expect
        The win rate that a model is expected to reach; None if unknown.
    comparisons
        m, how many required comparisons a run has.
    """
    for check, line in zip(suite.checks, suite.lines, strict=True):
        pairs = check.select(suite.data_of(check))
        place = Place(suite.shown, line)

        def say(kind: Kind, message: str, place: Place = place, check: Check = check) -> Finding:
            return Finding(kind=kind, place=place, message=f"{check.label}: {message}")

        n_groups = len({pair.group for pair in pairs})
        if suite.data.pairs and n_groups < MIN_GROUPS:
            kind = kinds.SMALL_SLICE if check.where else kinds.SMALL_DATA
            where = "`where:` selects" if check.where else "the data have"
            found = f"{where} {counted(len(pairs), 'pair')} in {counted(n_groups, 'group')}"
            yield say(kind, f"{found}, and at least {MIN_GROUPS} groups are needed")
            continue
        if isinstance(check, WinRate):
            yield from _win_rate(say, check, pairs, expect)
        elif isinstance(check, NoRegression):
            yield from _no_regression(say, check, pairs, comparisons)


def effective_pairs(pairs: Sequence[PreferencePair]) -> float:
    """The effective number of pairs in the worst case, where groups are fully correlated."""
    return len(pairs) / worst_design_effect([pair.group for pair in pairs])


def half_width(rate: float, n_eff: float) -> float:
    """Half the width of the Wilson interval at `rate`."""
    low, high = wilson_limits(rate, n_eff, float(ndtri((1 + LEVEL) / 2)))
    return (high - low) / 2


def pairs_until(holds: Callable[[int], bool], have: float = 0.0, most: int = 100_000) -> int | None:
    """About the fewest independent pairs, more than `have`, at which `holds`; None beyond `most`.

    In steps of a tenth, rounded up to two digits: a hint, not a promise.
    """
    n = max(20.0, 1.1 * have)
    while n <= most:
        count = round(n)
        if holds(count):
            unit = 10 ** max(0, math.floor(math.log10(count)) - 1)
            return int(math.ceil(count / unit) * unit)
        n *= 1.1
    return None


def guess_passes(check: WinRate, n: int) -> float:
    """The chance that a model which guesses passes `check` on n independent pairs."""
    z = float(ndtri((1 + LEVEL) / 2))

    def passes(wins: int) -> bool:
        low, high = wilson_limits(wins / n, n, z)
        reached = {"point": wins / n + 1e-12, "fail": low, "pass": high}
        return reached[check.on_inconclusive] >= check.min

    # More wins never fail where fewer pass.
    needed = bisect.bisect_left(range(n + 1), True, key=passes)
    if needed == 0:
        return 1.0
    return 0.0 if needed > n else float(bdtrc(needed - 1, n, 0.5))


def _win_rate(
    say: Say, check: WinRate, pairs: Sequence[PreferencePair], expect: float | None
) -> Iterator[Finding]:
    n_eff = effective_pairs(pairs)
    half = half_width(check.min, n_eff)
    band = f"{max(0.0, check.min - half):.2f} to {min(1.0, check.min + half):.2f}"
    seen = detectable_shortfall(n_eff, check.min, LEVEL)
    shortfall = (
        f"; a rate of {max(0.0, check.min - seen):.2f} fails with 80% power"
        if seen is not None and seen < check.min
        else "; no rate is sure to fail"
    )
    worth = counted(len(pairs), "pair") + (
        "" if round(n_eff) >= len(pairs) else f" (worth {round(n_eff)} at worst, by groups)"
    )
    yield say(
        kinds.BAND,
        f"min {check.min:g} on {worth}: half width {half:.3f}, so rates of {band} are "
        f"inconclusive{shortfall}",
    )
    risk = guess_passes(check, math.floor(n_eff))
    if check.min > 0.5 and risk > GUESS_RISK:
        yield say(
            kinds.GUESS_PASSES,
            f"min {check.min:g} is {check.min - 0.5:.3f} above guessing and the half width of "
            f"{worth} is {half:.3f}: a model that guesses passes {risk:.0%} of the time"
            + _would_tell(pairs_until(lambda n: guess_passes(check, n) <= GUESS_RISK, n_eff)),
        )
    if expect is not None and abs(check.min - expect) < half:
        distance = abs(check.min - expect)
        yield say(
            kinds.EXPECTED_INSIDE,
            f"min {check.min:g} is {distance:.3f} from the expected {expect:g}, nearer than the "
            f"half width of {half:.3f} that {worth} give"
            + _would_tell(pairs_until(lambda n: half_width(check.min, n) <= distance, n_eff)),
        )
    agreement = _agreement(pairs)
    if agreement is not None and check.min + half > agreement:
        yield say(
            kinds.ABOVE_AGREEMENT,
            f"min {check.min:g} with a half width of {half:.3f} is not clearly below the mean "
            f"confidence of the labels, {agreement:.3f}: a model that agrees with people as "
            "often as people do may fail",
        )


def _would_tell(needed: int | None) -> str:
    return f"; about {needed:,} pairs of different prompts would be enough" if needed else ""


def _agreement(pairs: Sequence[PreferencePair]) -> float | None:
    """Mean confidence, where most of the pairs have one: the rate that a person would reach."""
    known = [pair.confidence for pair in pairs if pair.confidence is not None]
    return sum(known) / len(known) if len(known) > len(pairs) / 2 else None


def _no_regression(
    say: Say, check: NoRegression, pairs: Sequence[PreferencePair], comparisons: int
) -> Iterator[Finding]:
    groups = [pair.group for pair in pairs]
    settings: Mapping[str, Any] = {
        "discordant": TYPICAL_DISCORDANT,
        "max_drop": check.max_drop,
        "alpha": check.alpha,
        "comparisons": max(1, comparisons),
    }
    seen = detectable_drop(n=len(pairs), group_sizes_or_groups=groups, **settings)
    if seen is not None and seen <= FAR * check.max_drop:
        return
    smallest = "no drop" if seen is None else f"only drops of {seen:.1%} or more"
    needed = pairs_until(
        lambda n: (
            (detectable_drop(n=n, group_sizes_or_groups=[1] * n, **settings) or 1.0)
            <= FAR * check.max_drop
        )
    )
    hint = f"; about {needed:,} prompts would detect {FAR * check.max_drop:.1%}" if needed else ""
    yield say(
        kinds.BLIND_COMPARISON,
        f"max_drop {check.max_drop:g}, but {counted(len(pairs), 'pair')} in "
        f"{counted(len(set(groups)), 'group')} detect {smallest} with 80% power (two models "
        f"that differ on {TYPICAL_DISCORDANT:.0%} of "
        f"the pairs, {counted(comparisons, 'comparison')} a run){hint}",
    )
