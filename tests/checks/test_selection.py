"""`selection` on sets whose scores and quality are written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from builders import TableContext, make_pairs, write_jsonl

from rmcheck.checks import BASELINE, CANDIDATE, SourceRef
from rmcheck.checks.selection import Selection
from rmcheck.data import Dialogue, ResponseSet
from rmcheck.errors import ProblemsFound
from rmcheck.suite import load_suite
from rmcheck.verdict import Verdict

Row = tuple[tuple[int, ...], list[float]]

# One good response of four, at the top; and at the bottom, below three bad ones.
RIGHT: Row = ((0,), [3.0, 2.0, 1.0, 0.0])
WRONG: Row = ((0,), [0.0, 1.0, 2.0, 3.0])


def response_set(at: int, row: Row, ratings: Sequence[float] | None) -> ResponseSet:
    best, scores = row
    return ResponseSet(
        id=f"s{at:02d}",
        prompt=f"question {at}",
        responses=tuple(f"answer {at}.{k}" for k in range(len(scores))),
        best=best,
        group=f"g{at}",
        ratings=None if ratings is None else tuple(ratings),
    )


def context(rows: list[Row], ratings: Sequence[float] | None = None) -> TableContext:
    sets = [(response_set(at, row, ratings), row[1]) for at, row in enumerate(rows)]
    return TableContext(make_pairs(1), ([1.0], [0.0]), sets=sets)


def judge(rows: list[Row], ratings: Sequence[float] | None = None, **keys: Any) -> Verdict:
    return Selection(**keys).judge(context(rows, ratings))


def quality(verdict: Verdict) -> dict[str, list[float]]:
    (curve,) = verdict.evidence.pictures
    return {
        each["label"]: [round(point["y"], 6) for point in each["points"]]
        for each in curve.data["series"]
    }


def test_a_model_that_is_right_gains_with_n() -> None:
    verdict = judge([RIGHT] * 30)
    # The good one is among n of four in n/4 of the subsets.
    assert quality(verdict) == {
        "py:table": [0.25, 0.5, 1.0],
        "the best possible choice": [0.25, 0.5, 1.0],
    }
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("pass", "pass", False)
    assert verdict.estimate is not None
    assert verdict.estimate.value == 0.75
    assert verdict.message.startswith("selection 0.250 at n=1, 1.000 at n=4: gain 0.750 [")
    assert verdict.message.endswith("≥ min_gain 0.00; no fall shown up to n=4")
    assert verdict.criterion == {"quality": "best", "up_to": 4, "min_gain": 0.0, "alpha": 0.05}


def test_a_fall_fails_although_the_gain_is_large_enough() -> None:
    # Of eight: a bad outlier on top, then the good half. Up to n=2 the outlier is rare.
    outlier: Row = ((1, 2, 3, 4), [9.0, 8.0, 7.0, 6.0, 5.0, 3.0, 2.0, 1.0])
    verdict = judge([outlier] * 30)
    # n=2 of 28 pairs: 7 have the outlier; of the other 21, 3 are of bad ones.
    # n=4 of 70: 35 have it, none of the others is of bad ones only. n=8: always the outlier.
    assert quality(verdict)["py:table"] == [0.5, round(18 / 28, 6), 0.5, 0.0]
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("fail", "fail", False)
    assert "quality falls from 0.643 at n=2 to 0.500 at n=4, p=" in verdict.message
    assert verdict.message.endswith("Holm over 3 steps); no fall shown up to n=2")
    assert verdict.p_value is not None
    assert verdict.adjusted_p is not None
    assert verdict.p_value < verdict.adjusted_p <= 0.05


def test_up_to_says_how_far_it_is_asked() -> None:
    outlier: Row = ((1, 2, 3, 4), [9.0, 8.0, 7.0, 6.0, 5.0, 3.0, 2.0, 1.0])
    verdict = judge([outlier] * 30 + [RIGHT] * 3, up_to=2)
    assert verdict.outcome == "pass"
    assert len(quality(verdict)["py:table"]) == 2
    assert verdict.evidence.notes == ()
    verdict = judge([outlier] * 30 + [RIGHT] * 3, up_to=8)
    assert verdict.outcome == "fail"
    assert verdict.evidence.notes == (
        "30 sets with 8 or more responses and a worse response; 3 sets left out",
    )


def test_a_gain_below_the_minimum_fails() -> None:
    verdict = judge([RIGHT] * 15 + [WRONG] * 15, min_gain=0.6)
    assert verdict.outcome == "fail"
    assert "< min_gain 0.60; no fall shown up to n=4" in verdict.message
    # Half right, half wrong: 0.5·(1 - 0.25) - 0.5·0.25 = 0.25 of gain.
    assert verdict.estimate is not None
    assert verdict.estimate.value == 0.25


def test_an_interval_that_includes_the_minimum_is_weak() -> None:
    verdict = judge([RIGHT] * 13 + [WRONG] * 17)
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("inconclusive", "pass", True)
    strict = judge([RIGHT] * 13 + [WRONG] * 17, on_inconclusive="fail")
    assert (strict.outcome, strict.weak) == ("fail", True)


def test_every_size_is_in_the_table() -> None:
    (table,) = judge([RIGHT] * 30).evidence.tables
    assert table.columns[0] == "n"
    assert [row[:2] for row in table.rows] == [(1, 0.25), (2, 0.5), (4, 1.0)]
    assert table.rows[0][4:] == (None, None, None)
    assert all(row[5] == 1.0 and row[6] > 0 for row in table.rows[1:])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([RIGHT] * 10, "10 response sets with a worse response of 10 different prompts; at least"),
        ([((0, 1), [1.0, 2.0])] * 40, "0 response sets with a worse response of 0 different"),
        ([((0,), [1.0, 1.0])] * 40, "all scores are the same within each of the 40 sets"),
    ],
)
def test_what_cannot_be_decided(rows: list[Row], said: str) -> None:
    verdict = judge(rows, on_inconclusive="pass")
    assert f"selection: undecidable: {said}" in verdict.message
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("inconclusive", "fail", True)


@dataclass(frozen=True, eq=False)
class WithBaseline(TableContext):
    """A baseline that scores every response by its place in the set, the first one lowest."""

    def score(
        self, dialogues: Sequence[Dialogue], source: SourceRef = CANDIDATE
    ) -> np.ndarray[Any, np.dtype[np.float64]]:
        if source == BASELINE:
            return np.array([float(each.key.rpartition("/")[2]) for each in dialogues])
        return super().score(dialogues, source)


def test_the_baseline_has_the_same_curve() -> None:
    plain = context([RIGHT] * 30)
    verdict = Selection().judge(WithBaseline(plain.pairs, plain.candidate, sets=plain.sets))
    # The baseline puts the good one last: it is chosen where it is alone, at n=1.
    assert quality(verdict)["main"] == [0.25, 0.0, 0.0]
    assert verdict.message == Selection().judge(plain).message


def test_it_asks_for_every_response_of_both_models() -> None:
    data = context([RIGHT] * 2).data
    ours, before = Selection().needs(data)
    assert (ours.source, before.source) == (CANDIDATE, BASELINE)
    assert len(ours.dialogues) == len(before.dialogues) == 8


def test_keys_in_a_suite(tmp_path: Any) -> None:
    rows = [
        {"id": f"s{at}", "prompt": f"q{at}", "responses": ["a", "b"], "best": [0],
         "ratings": [2, 1]} for at in range(20)
    ]  # fmt: skip
    write_jsonl(tmp_path / "sets.jsonl", rows)
    path = tmp_path / "chat.yaml"
    top = "rmcheck: 1\nname: chat\ndata: sets.jsonl\nchecks:\n  - check: selection\n"
    path.write_text(f"{top}    quality: ratings\n    up_to: 2\n    min_gain: 0.5\n")
    (check,) = load_suite(path).checks
    assert check == Selection(quality="ratings", up_to=2, min_gain=0.5)
    path.write_text(f"{top}    up_to: 1\n    min_gain: -1\n    where: {{tags: [a]}}\n")
    with pytest.raises(ProblemsFound) as refused:
        load_suite(path)
    told = str(refused.value)
    assert "up_to=1" in told
    assert "min_gain=-1" in told


def test_sets_without_different_ratings_are_left_out() -> None:
    rows = [response_set(at, RIGHT, [5, 3, 2, 2] if at < 20 else None) for at in range(30)]
    found = TableContext(make_pairs(1), ([1.0], [0.0]), sets=[(each, RIGHT[1]) for each in rows])
    verdict = Selection(quality="ratings").judge(found)
    # The mean rating is 3, the best one 5; of 2: the top rank in 3 of 6, the next in 2, then 1.
    assert quality(verdict)["py:table"] == [3.0, round((3 * 5 + 2 * 3 + 1 * 2) / 6, 6), 5.0]
    assert verdict.evidence.notes == ("20 sets with different ratings; 10 sets left out",)
