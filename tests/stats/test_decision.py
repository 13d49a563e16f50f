import math

import pytest

from rmcheck.stats.decision import apply_policy, decide_threshold
from rmcheck.verdict import Estimate


def interval(low: float, high: float) -> Estimate:
    return Estimate(
        value=(low + high) / 2, low=low, high=high, level=0.95, method="x", n=9, n_groups=9
    )


@pytest.mark.parametrize(
    ("low", "high", "decision"),
    [
        (0.70, 0.80, "pass"),  # touching the minimum is holding it
        (0.71, 0.80, "pass"),
        (0.60, 0.6999, "fail"),
        (0.60, 0.70, "inconclusive"),  # the upper limit still holds it
        (0.60, 0.80, "inconclusive"),
    ],
)
def test_a_minimum_and_its_mirror(low: float, high: float, decision: str) -> None:
    assert decide_threshold(interval(low, high), minimum=0.70) == decision
    assert decide_threshold(interval(-high, -low), maximum=-0.70) == decision


def test_a_range_fails_by_either_end() -> None:
    assert decide_threshold(interval(0.5, 0.6), minimum=0.4, maximum=0.7) == "pass"
    assert decide_threshold(interval(0.5, 0.6), minimum=0.7, maximum=0.9) == "fail"
    assert decide_threshold(interval(0.5, 0.6), minimum=0.1, maximum=0.4) == "fail"
    assert decide_threshold(interval(0.5, 0.6), minimum=0.55, maximum=0.7) == "inconclusive"


def test_a_threshold_needs_numbers() -> None:
    with pytest.raises(ValueError, match="a minimum or a maximum"):
        decide_threshold(interval(0, 1))
    with pytest.raises(ValueError, match="minimum is nan"):
        decide_threshold(interval(0, 1), minimum=math.nan)
    with pytest.raises(ValueError, match="low is nan"):
        decide_threshold(interval(math.nan, 1), minimum=0.5)
    with pytest.raises(ValueError, match="above maximum"):
        decide_threshold(interval(0, 1), minimum=0.8, maximum=0.2)


@pytest.mark.parametrize(
    ("decision", "holds", "policy", "outcome"),
    [
        ("pass", False, "fail", ("pass", False)),
        ("fail", True, "pass", ("fail", False)),
        ("inconclusive", True, "point", ("pass", True)),
        ("inconclusive", False, "point", ("fail", True)),
        ("inconclusive", False, "pass", ("pass", True)),
        ("inconclusive", True, "fail", ("fail", True)),
    ],
)
def test_the_policy_rules_only_what_is_inconclusive(decision, holds, policy, outcome) -> None:
    assert apply_policy(decision, holds, policy, None) == outcome


@pytest.mark.parametrize("policy", ["point", "pass", "fail"])
@pytest.mark.parametrize("decision", ["pass", "fail", "inconclusive"])
def test_no_policy_lifts_degenerate_data(decision, policy) -> None:
    assert apply_policy(decision, True, policy, "There are no pairs.") == ("fail", True)


def test_an_unknown_policy_is_told() -> None:
    with pytest.raises(ValueError, match="allowed: point, pass, fail"):
        apply_policy("inconclusive", True, "maybe", None)
