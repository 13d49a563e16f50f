"""What a check measured, in words for readers who know no statistics."""

from typing import Any

import pytest

from rmcheck.record.run import TableRecord
from rmcheck.report.glossary import certainty, reading

from . import builder as build

FIRST = "The answer with the highest score is"


def said(kind: str, value: float, **criterion: Any) -> str:
    estimate = build.estimate(value, value - 0.05, value + 0.05)
    return reading(build.check(kind, estimate=estimate, criterion=criterion), None)


@pytest.mark.parametrize(
    ("kind", "criterion", "expected"),
    [
        ("invariance", {"max_flips": 0.1},
         "Changes that mean nothing cost it 12 of 100 wins; at most 10 are allowed."),
        ("directional", {"min": 0.8},
         "Its score falls for 12 of 100 texts that were made worse; at least 80 are required."),
        ("exploit", {"max_wins": 0.05},
         "A poor answer that only looks better wins in 12 of 100 cases; at most 5 are allowed."),
        ("exploit", {}, "A poor answer that only looks better wins in 12 of 100 cases."),
        ("selection", {"up_to": 8},
         f"{FIRST} a good one in 12 more of 100 cases than a random one of 8 answers."),
        ("selection", {"up_to": 8, "quality": "ratings"},
         f"{FIRST} rated 0.12 better than a random one of 8 answers."),
        ("selection", {}, ""),
        ("adversary", {}, ""),
    ],
)  # fmt: skip
def test_what_a_check_measured(kind: str, criterion: dict[str, Any], expected: str) -> None:
    assert said(kind, 0.12, **criterion) == expected


def test_a_gain_below_zero_and_of_zero() -> None:
    assert "a good one in 3 fewer of 100 cases" in said("selection", -0.03, up_to=4)
    assert "rated 0.03 worse than" in said("selection", -0.03, up_to=4, quality="ratings")
    assert said("selection", 0.0, up_to=4) == f"{FIRST} as good as a random one of 4 answers."


def test_the_interval_of_a_share_is_told_in_hundreds() -> None:
    check = build.check("invariance", estimate=build.estimate(0.12, 0.08, 0.17))
    assert certainty(check).startswith("95 % interval: between 8 and 17 of 100")
    gain = build.check("selection", estimate=build.estimate(0.12, 0.08, 0.17))
    assert certainty(gain).startswith("95 % interval: between 0.080 and 0.170")


def test_changes_that_break_a_bound_by_themselves_are_named() -> None:
    rows = [["bold_added", 90, 0.4, "broken"], ["typos\n", 90, 0.3, "broken"], ["x", 9, 0, "not"]]

    def told(rows: list[list[Any]]) -> str:
        table = TableRecord(title="Changes", columns=["change", "n", "share", "result"], rows=rows)
        found = build.evidence(tables=[table])
        check = build.check("invariance", estimate=build.estimate(0.06, 0.03, 0.11), evidence=found)
        return reading(check, None)

    cost = "Changes that mean nothing cost it 6 of 100 wins."
    assert told(rows) == f"{cost} By themselves, bold_added and typos break a bound."
    assert told(rows[:1]) == f"{cost} By itself, bold_added breaks a bound."
    assert told(rows[2:]) == cost
