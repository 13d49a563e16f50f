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
