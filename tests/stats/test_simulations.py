"""The promises of the statistics in small, with three standard errors of slack.

benchmarks/simulate_decisions.py holds them in full, with another model of dependence: there a pair
copies its group's outcome, here each group draws its own rate from a beta distribution.
"""

import math

import numpy as np
import pytest
from scipy import stats

from rmcheck.stats.paired import classify, paired_difference
from rmcheck.stats.power import detectable_drop, smoothed_discordant
from rmcheck.stats.winrate import win_rate


def slack(share: float, runs: int) -> float:
    return 3 * math.sqrt(share * (1 - share) / runs)


@pytest.mark.parametrize("n", [30, 77, 150])
def test_plain_wilson_covers(n: int) -> None:
    names = [str(i) for i in range(n)]
    found = [win_rate((np.arange(n) < right) * 1.0, names) for right in range(n + 1)]
    coverage = [
        sum(
            stats.binom.pmf(right, n, p)
            for right, estimate in enumerate(found)
            if estimate.low <= p <= estimate.high
        )
        for p in np.arange(0.5, 0.951, 0.01)
    ]
    assert 0.945 <= np.mean(coverage) <= 0.96
    assert min(coverage) >= 0.92


@pytest.mark.ci
@pytest.mark.parametrize("p", [0.7, 0.9, 0.95])
@pytest.mark.parametrize("icc", [0.02, 0.3, 0.8])
@pytest.mark.parametrize("n_groups", [30, 50])
def test_clustered_wilson_covers(p: float, icc: float, n_groups: int) -> None:
    rng = np.random.default_rng([int(100 * p), int(100 * icc), n_groups])
    names = [str(i // 3) for i in range(3 * n_groups)]
    a = (1 - icc) / icc
    runs = 400
    hits = 0
    for _ in range(runs):
        rates = np.repeat(rng.beta(a * p, a * (1 - p), n_groups), 3)
        estimate = win_rate((rng.random(3 * n_groups) < rates) * 1.0, names)
        hits += estimate.low <= p <= estimate.high
    assert hits / runs >= 0.94 - slack(0.94, runs)


def changes(
    n: int, size: int, lost: float, gained: float, together: bool, rng: np.random.Generator
) -> np.ndarray:
    """(n,) changes in {-1, 0, 1}; all of a group alike where `together`."""
    draw = rng.choice([-1.0, 1.0, 0.0], n, p=[lost, gained, 1 - lost - gained])
    return np.repeat(draw[::size], size)[:n] if together else draw


@pytest.mark.parametrize(
    ("size", "together"),
    [(1, False), (3, False), pytest.param(3, True, marks=pytest.mark.ci)],
)
@pytest.mark.parametrize("suites", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_equal_models_rarely_go_red(size: int, together: bool, suites: int) -> None:
    rng = np.random.default_rng([size, together, suites])
    names = [str(i // size) for i in range(240)]
    runs = 250
    red = 0
    for _ in range(runs):
        for _ in range(suites):
            change = changes(240, size, 0.1, 0.1, together, rng)
            baseline = (change < 0) * 1.0
            state = classify(
                paired_difference(baseline + change, baseline, names),
                identical=False,
                max_drop=0.02,
                alpha=0.05,
                comparisons=suites,
            )
            if state == "regressed":
                red += 1
                break
    assert red / runs <= 0.04 + slack(0.04, runs)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "together"), [(1, False), (3, False), (3, True)])
def test_drops_of_the_printed_size_are_caught(size: int, together: bool) -> None:
    rng = np.random.default_rng([7, size, together])
    n, share = 240, 0.12
    names = [str(i // size) for i in range(n)]
    rule = {"max_drop": 0.02, "alpha": 0.05, "comparisons": 2}

    def compare(lost: float, gained: float):
        change = changes(n, size, lost, gained, together, rng)
        baseline = (change < 0) * 1.0
        return paired_difference(baseline + change, baseline, names)

    runs = 300
    caught = 0
    for _ in range(runs):
        equal = compare(share / 2, share / 2)
        drop = detectable_drop(
            n=n,
            group_sizes_or_groups=names,
            discordant=smoothed_discordant(equal.newly_wrong, equal.newly_right, n),
            design_effect=equal.design_effect,
            **rule,
        )
        assert drop is not None
        total = max(share, drop)
        planted = compare((total + drop) / 2, (total - drop) / 2)
        caught += classify(planted, identical=False, **rule) == "regressed"
    assert caught / runs >= 0.78 - slack(0.78, runs)
