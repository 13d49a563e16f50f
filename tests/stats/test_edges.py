"""Every statistic at the edges: no pair, one, two, all tied, all right, nothing changed, one group,
a NaN. It refuses with a message, or gives an interval with a width and a p that is no certainty."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from rmcheck.stats import bestofn, calibration, correlation, gap, length, noise, paired, signflip
from rmcheck.stats.bootstrap import bootstrap_means
from rmcheck.stats.power import detectable_drop, smoothed_discordant
from rmcheck.stats.unpaired import rate_difference
from rmcheck.stats.winrate import win_rate, wins
from rmcheck.verdict import Estimate


@dataclass(frozen=True)
class Data:
    """Scores of both sides now, chosen scores before, and groups."""

    chosen: list[float]
    rejected: list[float]
    before: list[float]
    groups: list[str]


def rows(n: int) -> Data:
    """n prompts that are won by growing margins; the model before won them, too."""
    return Data(
        [2.0 + i for i in range(n)], [1.0] * n, [3.0] * n, [f"g{i}" for i in range(n)]
    )  # fmt: skip


EDGES = {
    "no pair": rows(0),
    "one pair": rows(1),
    "two pairs": rows(2),
    "all tied": Data([1.0] * 20, [1.0] * 20, [1.0] * 20, rows(20).groups),
    "all right": rows(20),
    "nothing changed": Data([2.0, 0.0] * 10, [1.0] * 20, [2.0, 0.0] * 10, rows(20).groups),
    "one group": Data(rows(20).chosen, [1.0] * 19 + [50.0], [3.0] * 20, ["g"] * 20),
    "a NaN": Data([math.nan, *[2.0] * 19], [1.0] * 20, [3.0] * 20, rows(20).groups),
}

Found = Estimate | float | None
"""An estimate with an interval, a p-value, or None where there is nothing to estimate."""


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def difference(data: Data) -> list[Found]:
    now, before = wins(data.chosen, data.rejected), wins(data.before, data.rejected)
    found = paired.paired_difference(now, before, data.groups)
    return [found.estimate, found.p_less, found.p_two_sided]


def score_gap(data: Data) -> list[Found]:
    found = gap.score_gap(data.chosen, data.rejected, data.groups, rng=rng(), draws=200)
    assert (found.d_z is None) == (found.degenerate is not None)
    return [found.d_z, found.p_sign_flip, found.p_wilcoxon, found.p_mann_whitney]


def margins(data: Data) -> np.ndarray:
    return np.array(data.chosen) - np.array(data.rejected)


def calibrate(data: Data) -> list[Found]:
    found = calibration.calibrate(margins(data), data.groups, rng=rng(), draws=200)
    assert (found.fitted is None) == (found.degenerate is not None)
    scored = [found.raw, *([found.fitted] if found.fitted else [])]
    return [each for scoring in scored for each in (scoring.ece, scoring.brier)]


def agreement(data: Data) -> list[Found]:
    ranks = np.arange(len(data.chosen), dtype=float)
    found = correlation.agreement(margins(data), ranks, data.groups, rng=rng(), draws=200)
    assert (found.spearman is None) == (found.degenerate is not None)
    return [found.pearson, found.spearman, found.kendall]


def length_bias(data: Data) -> list[Found]:
    sizes = np.arange(len(data.chosen), dtype=float)
    sides = length.Sides(
        chosen=data.chosen, rejected=data.rejected, chosen_length=sizes,
        rejected_length=np.full(len(sizes), 9.0),
    )  # fmt: skip
    found = length.length_bias(sides, data.groups, rng=rng(), draws=200)
    assert (found.correction is None) == (found.degenerate is not None)
    return [found.shorter, found.longer, found.pull, found.controlled, found.spearman]


def noise_drop(data: Data) -> list[Found]:
    noisy = [wins(data.before, data.rejected)] * 2
    return [noise.noise_drop(wins(data.chosen, data.rejected), noisy, data.groups)]


def top_one(data: Data) -> list[Found]:
    sets = list(zip(data.chosen, data.rejected, strict=True))
    best = [[0]] * len(sets)
    found = bestofn.separation(sets, best, data.groups)
    assert found is not None
    return [bestofn.top_one(sets, best, data.groups).accuracy, found.clear, found.separated]


def unpaired(data: Data) -> list[Found]:
    one = win_rate(wins(data.chosen, data.rejected), data.groups)
    return [rate_difference(one, win_rate(wins(data.before, data.rejected), data.groups))]


def drop(data: Data) -> list[Found]:
    n = len(wins(data.chosen, data.rejected))
    found = detectable_drop(
        n=n, group_sizes_or_groups=data.groups, discordant=smoothed_discordant(0, 0, n),
        max_drop=0.02, alpha=0.05, comparisons=1,
    )  # fmt: skip
    return [found]


def bootstrapped(data: Data) -> list[Found]:
    means = bootstrap_means(margins(data), data.groups, draws=50, rng=rng())
    assert means.shape == (50,)
    return []


STATISTICS: dict[str, Callable[[Data], list[Found]]] = {
    "win_rate": lambda data: [win_rate(wins(data.chosen, data.rejected), data.groups)],
    "paired_difference": difference,
    "score_gap": score_gap,
    "sign_flip_p_margins": lambda data: [
        signflip.sign_flip_p_margins(margins(data), data.groups, rng=rng())
    ],
    "calibrate": calibrate,
    "agreement": agreement,
    "length_bias": length_bias,
    "noise_drop": noise_drop,
    "top_one": top_one,
    "rate_difference": unpaired,
    "detectable_drop": drop,
    "bootstrap_means": bootstrapped,
}
# What has nothing to estimate where others refuse.
NOTHING = {("agreement", "no pair")}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", STATISTICS)
def test_at_the_edge(name: str, edge: str) -> None:
    data, statistic = EDGES[edge], STATISTICS[name]
    if edge == "a NaN" or (edge == "no pair" and (name, edge) not in NOTHING):
        with pytest.raises(
            ValueError, match=r" is nan; every value must be finite|at least one|n=0"
        ):
            statistic(data)
        return
    for found in statistic(data):
        if isinstance(found, Estimate):
            assert math.isfinite(found.low)
            assert math.isfinite(found.high)
            assert found.low <= found.value <= found.high
            assert found.high - found.low > 0.001
            assert found.n <= 2 * max(1, len(data.chosen))
        elif found is not None:
            assert 0.0 < found <= 1.0


def test_p_values_at_the_edge() -> None:
    assert signflip.sign_flip_p_integer([]) == 1.0
    assert signflip.sign_flip_p_integer([0, 0], "two-sided") == 1.0
    assert signflip.sign_flip_p_integer([-1]) == 0.5
    assert signflip.sign_flip_p_integer([-1, -1]) == 0.25
    with pytest.raises(ValueError, match=r"net\[1\] is nan"):
        signflip.sign_flip_p_integer([0.0, math.nan])


@pytest.mark.parametrize("edge", ["all tied", "nothing changed"])
def test_nothing_changed_is_no_evidence_of_change(edge: str) -> None:
    estimate, less, two_sided = difference(EDGES[edge])
    assert isinstance(estimate, Estimate)
    assert (estimate.value, less, two_sided) == (0.0, 1.0, 1.0)
    # Newcombe with nothing discordant: as wide as the Wilson limits of one rate allow, not 0.
    assert estimate.high - estimate.low > 0.1
