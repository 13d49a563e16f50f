"""Rows whose ratings or verdicts contradict `chosen` and `rejected`: counted, or an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rmcheck.data.file_note import told
from rmcheck.data.preferences import PreferenceData, load
from rmcheck.errors import ProblemsFound


def read(path: Path, against: dict[str, Any], agreeing: dict[str, Any], ids: bool, n: int = 2) -> (
    PreferenceData
):  # fmt: skip
    """Ten rows, of which the first `n` contradict themselves."""
    rows = [
        {
            **({"id": f"p{number}"} if ids else {}),
            "prompt": f"What is {number} + 1?",
            "chosen": str(number + 1),
            "rejected": "I do not know.",
            **(against if number < n else agreeing),
        }
        for number in range(10)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load([path], root=path.parent)


RATED = "chosen is rated below rejected"
CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    (
        {"score_chosen": 1, "score_rejected": 2},
        {"score_chosen": 2, "score_rejected": 1},
        RATED,
    ),
    (
        {"ratings": {"chosen": 1, "rejected": 2}},
        {"ratings": {"chosen": 3, "rejected": 2}},
        RATED,
    ),
    ({"winner": "rejected"}, {"winner": "Chosen"}, "'winner' is not 'chosen'"),
    ({"preference": "tie"}, {"preference": "chosen"}, "'preference' is not 'chosen'"),
]


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize(("against", "agreeing", "said"), CASES)
def test_a_few_are_read_by_their_label_and_told(
    against: dict[str, Any], agreeing: dict[str, Any], said: str, ids: bool, tmp_path: Path
) -> None:
    data = read(tmp_path / "d.jsonl", against, agreeing, ids)
    assert [pair.chosen for pair in data.pairs] == [str(number + 1) for number in range(10)]
    assert dict(data.notes[0].remarks) == {said: 2}
    (line,) = told(data.notes)
    assert line.endswith(f"; doubtful: {said}: rows 1 and 2")


@pytest.mark.parametrize("ids", [False, True])
@pytest.mark.parametrize(("against", "agreeing", "said"), CASES)
def test_most_of_them_are_an_error(
    against: dict[str, Any], agreeing: dict[str, Any], said: str, ids: bool, tmp_path: Path
) -> None:
    with pytest.raises(ProblemsFound) as caught:
        read(tmp_path / "d.jsonl", against, agreeing, ids, n=6)
    assert str(caught.value) == (
        f"d.jsonl: {said} in 6 of the 10 rows that say so; exchange the columns (columns: "
        "{chosen: rejected, rejected: chosen}), or remove the column that contradicts them"
    )
    # Half of them may be chance.
    assert read(tmp_path / "d.jsonl", against, agreeing, ids, n=5).notes[0].remarks == {said: 5}


@pytest.mark.parametrize("ids", [False, True])
def test_what_says_nothing_about_the_sides_is_no_contradiction(ids: bool, tmp_path: Path) -> None:
    equal = {"score_chosen": 4, "score_rejected": 4}  # as in UltraFeedback binarised
    other = {"winner": "model_b", "label": 0, "preference": "strong"}
    data = read(tmp_path / "d.jsonl", equal, other, ids, n=6)
    assert data.notes[0].remarks == {}
    assert not ids or told(data.notes) == []


def test_two_equal_answers_are_told(tmp_path: Path) -> None:
    data = read(tmp_path / "d.jsonl", {"chosen": "So.", "rejected": "So."}, {}, ids=False)
    assert data.notes[0].remarks == {"chosen and rejected are the same text": 2}
    assert "(doubtful" not in str(data.notes[0])


def test_the_record_has_them(tmp_path: Path) -> None:
    data = read(tmp_path / "d.jsonl", {"winner": "rejected"}, {"winner": "chosen"}, ids=True)
    record = data.notes[0].as_dict()
    assert record["remarks"] == {"'winner' is not 'chosen'": 2}
    assert record["examples"] == {"'winner' is not 'chosen'": [1, 2]}


def best_of(path: Path, low: int, ratings: list[float]) -> PreferenceData:
    """Four response sets whose first response is the best; `low` of them have these ratings."""
    rows = [
        {
            "id": f"s{number}",
            "prompt": f"Why {number}?",
            "responses": ["So.", "No.", "Go."],
            "best": [0],
            "ratings": ratings if number < low else [5, 1, 1],
        }
        for number in range(4)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load([path], root=path.parent)


def test_response_sets_whose_best_is_rated_below_another(tmp_path: Path) -> None:
    said = "a response of 'best' is rated below another"
    assert best_of(tmp_path / "d.jsonl", 2, [1, 5, 1]).notes[0].remarks == {said: 2}
    assert best_of(tmp_path / "d.jsonl", 4, [5, 5, 1]).notes[0].remarks == {}
    with pytest.raises(ProblemsFound, match="in 3 of the 4 rows that say so; correct 'best'"):
        best_of(tmp_path / "d.jsonl", 3, [1, 5, 1])


@pytest.mark.parametrize("key", ["reasoning_content", "thinking"])
def test_reasoning_that_is_not_scored_is_told(key: str, tmp_path: Path) -> None:
    asked = {"role": "user", "content": "Why?"}
    sides = {
        side: [asked, {"role": "assistant", "content": text, key: "Let me think."}]
        for side, text in (("chosen", "So."), ("rejected", "No."))
    }
    (tmp_path / "d.jsonl").write_text(json.dumps(sides) + "\n")
    data = load([tmp_path / "d.jsonl"])
    assert (data.pairs[0].chosen, data.pairs[0].rejected) == ("So.", "No.")
    assert data.notes[0].remarks == {f"'{key}' of the answers is not scored": 1}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"image_url": "http://example.org/a.png"}, "the row has image_url, and only text can be"),
        (
            {"chosen": {"role": "assistant", "content": "", "function_call": {"name": "f"}}},
            "the answer has function_call, and only text can be scored",
        ),
    ],
)
def test_what_is_not_text_is_left_out(row: dict[str, Any], said: str, tmp_path: Path) -> None:
    whole = {"prompt": "Why?", "chosen": "So.", "rejected": "No.", **row}
    (tmp_path / "d.jsonl").write_text(json.dumps(whole) + "\n")
    with pytest.raises(ProblemsFound, match=said):
        load([tmp_path / "d.jsonl"])
