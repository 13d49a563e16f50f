"""Holding an estimate against a bound: what is said, decided, and let through."""

from __future__ import annotations

import dataclasses

import pytest

from rmcheck.checks.threshold import Bound, hold, interval_facts, too_few, undecidable
from rmcheck.verdict import Estimate, Evidence

AT_LEAST = Bound(name="min", low=0.7)
AT_MOST = Bound(name="max_ece", high=0.1)
WITHIN = Bound(name="max_gap", low=-0.2, high=0.2)


def estimate(low: float, value: float, high: float) -> Estimate:
    return Estimate(
        value=value, low=low, high=high, level=0.95, method="wilson", n=120, n_groups=60
    )


def verdict(bound: Bound, found: Estimate, policy: str = "point"):  # type: ignore[no-untyped-def]
    return hold("ece", found, bound, policy, criterion={"max_ece": 0.1}, signature="s",  # type: ignore[arg-type]
                evidence=Evidence(notes=("kept",)))  # fmt: skip


@pytest.mark.parametrize(
    ("bound", "value", "holds", "words"),
    [
        (AT_LEAST, 0.70, True, "≥ min 0.70"),
        (AT_LEAST, 0.6999, False, "< min 0.70"),
        (AT_MOST, 0.10, True, "≤ max_ece 0.10"),
        (AT_MOST, 0.1001, False, "> max_ece 0.10"),
        (Bound(name="max", high=0.0), 0.0, True, "≤ max 0.00"),
        (WITHIN, -0.2, True, "within ±max_gap 0.20"),
        (WITHIN, 0.3, False, "outside ±max_gap 0.20"),
        (WITHIN, -0.3, False, "outside ±max_gap 0.20"),
    ],
)
def test_a_bound_in_words(bound: Bound, value: float, holds: bool, words: str) -> None:
    assert bound.holds(value) is holds
    assert bound.words(value) == words


@pytest.mark.parametrize(
    ("bound", "found", "policy", "decision", "outcome", "weak"),
    [
        (AT_LEAST, (0.70, 0.80, 0.90), "fail", "pass", "pass", False),
        (AT_LEAST, (0.50, 0.60, 0.69), "pass", "fail", "fail", False),
        (AT_LEAST, (0.65, 0.75, 0.85), "point", "inconclusive", "pass", True),
        (AT_LEAST, (0.60, 0.69, 0.80), "point", "inconclusive", "fail", True),
        (AT_LEAST, (0.65, 0.75, 0.85), "fail", "inconclusive", "fail", True),
        (AT_LEAST, (0.60, 0.69, 0.80), "pass", "inconclusive", "pass", True),
        (AT_MOST, (0.01, 0.05, 0.10), "point", "pass", "pass", False),
        (AT_MOST, (0.11, 0.15, 0.20), "point", "fail", "fail", False),
        (AT_MOST, (0.05, 0.11, 0.20), "point", "inconclusive", "fail", True),
        # A range is left on either side, and by an interval that sticks out at one end only.
        (WITHIN, (-0.20, 0.0, 0.20), "point", "pass", "pass", False),
        (WITHIN, (0.21, 0.3, 0.4), "point", "fail", "fail", False),
        (WITHIN, (-0.4, -0.3, -0.21), "point", "fail", "fail", False),
        (WITHIN, (-0.1, 0.1, 0.3), "point", "inconclusive", "pass", True),
    ],
)
def test_decisions_and_policies(
    bound: Bound,
    found: tuple[float, float, float],
    policy: str,
    decision: str,
    outcome: str,
    weak: bool,
) -> None:
    got = verdict(bound, estimate(*found), policy)
    assert (got.decision, got.outcome, got.weak) == (decision, outcome, weak)
    # The method of these is Wilson's, so that the pairs can be told that would decide.
    assert ("; weak: the interval includes 0." in got.message) is weak
    assert ("pairs would decide" in got.message) is weak
    assert got.estimate == estimate(*found)
    assert got.evidence.notes == ("kept",)


def test_a_weak_message_names_what_the_interval_includes() -> None:
    found = estimate(-0.3, 0.1, 0.3)
    apart = dataclasses.replace(found, method="newcombe-unpaired")
    said = verdict(WITHIN, apart, "point").message
    assert said.endswith("; weak: the interval includes −0.20 and 0.20")
    at = dataclasses.replace(estimate(0.6, 0.7, 0.8), method="wilson-neff90")
    said = verdict(AT_LEAST, at, "point").message
    assert said.endswith("; weak: the interval includes 0.70, the estimate equals the threshold")


def test_the_message_has_number_interval_method_and_bound() -> None:
    assert verdict(AT_MOST, estimate(0.05, 0.083, 0.0999)).message == (
        "ece 0.083 [0.050, 0.100] (wilson 95%, n=120) ≤ max_ece 0.10"
    )


def test_too_little_is_a_failure_of_its_own() -> None:
    assert too_few(40, 15) is None
    reason = too_few(40, 14, "rated pair")
    assert reason == "40 rated pairs of 14 different prompts; at least 15 prompts are needed"
    one = too_few(1, 1, which=" with ratings")
    assert one == "1 pair with ratings of 1 different prompt; at least 15 prompts are needed"
    got = undecidable("chat", reason, {"min": 0.5})
    assert (got.decision, got.outcome, got.weak, got.estimate) == (
        "inconclusive", "fail", True, None,
    )  # fmt: skip
    assert got.message == f"chat: undecidable: {reason}"
    assert got.criterion == {"min": 0.5}


def test_what_a_signature_says() -> None:
    assert interval_facts(estimate(0, 0.5, 1)) == {"n": 120, "groups": 60, "ci": "wilson@0.95"}
