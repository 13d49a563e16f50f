"""Rows of score files that say something twice: refused by line where both do not agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.errors import ProblemsFound
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from rmcheck.sources.score_file import ScoreFile

PAIRS = [PreferencePair(name, f"Why {name}?", "So.", "No.", name) for name in ("a", "b")]
TEXTS = [side for pair in PAIRS for side in pair.dialogues()]
GOOD = {"id": "a", "chosen": 2, "rejected": 1}


def opened(path: Path, options: str = "") -> ScoreFile:
    found = create(
        f"scores:{path.name}{options}",
        SourceOptions(root=path.parent, cache=path.parent / "cache"),
    )
    assert isinstance(found, ScoreFile)
    return found


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def problems(path: Path, options: str = "") -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        opened(path, options).score(TEXTS)
    return [str(each) for each in caught.value.problems]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"chosen": 1, "rejected": 2, "winner": "chosen"},
            "'b': 'chosen' and 'rejected' are 1 and 2, but 'winner' is 'chosen'; correct the row, "
            "or remove the column that is wrong",
        ),
        (
            {"scores_chosen": 1, "scores_rejected": 2, "winner": "chosen"},
            "'b': 'scores_chosen' and 'scores_rejected' are 1 and 2, but 'winner' is 'chosen'; "
            "correct the row, or remove the column that is wrong",
        ),
        (
            {"scores_chosen": 2, "scores_rejected": [1], "results": 0},
            "'b': 'scores_chosen' and 'scores_rejected' are 2 and 1, but 'results' is 0; correct "
            "the row, or remove the column that is wrong",
        ),
        (
            {"chosen": 2, "rejected": 1, "scores_chosen": 0.5, "scores_rejected": 1},
            "'b': 'chosen' and 'rejected' are 2 and 1, but 'scores_chosen' and 'scores_rejected' "
            "are 0.5 and 1; remove one of them, or name the columns: "
            "scores:FILE,chosen=COLUMN,rejected=COLUMN",
        ),
        (
            {"chosen": 2, "rejected": 1, "scores": [5, 6, 7]},
            "'b': has scores of a pair ('chosen', 'rejected') and of a response set ('scores'); "
            "keep those of the item with this id",
        ),
    ],
)
def test_a_row_that_contradicts_itself_is_told_by_line(
    row: dict[str, Any], said: str, tmp_path: Path
) -> None:
    path = written(tmp_path / "s.jsonl", [GOOD, {"id": "b", **row}])
    assert problems(path) == [f"s.jsonl:2:1: {said}"]


def test_the_same_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,chosen,rejected,winner\na,2,1,chosen\nb,2,1,Rejected\n")
    (said,) = problems(tmp_path / "s.csv")
    assert said.startswith("s.csv:3:1: 'b': 'chosen' and 'rejected' are 2 and 1, but 'winner' is")


@pytest.mark.parametrize(
    "more",
    [
        {"winner": "chosen"},
        {"winner": "tie"},  # a judge's tie need not be one of its scores
        {"winner": "model_b"},  # whoever wrote the better response
        {"results": 1},
        {"scores_chosen": [2], "scores_rejected": 1.0},
        {"scores": None},
        {"model": "one"},
    ],
)
def test_what_agrees_is_read(more: dict[str, Any], tmp_path: Path) -> None:
    path = written(tmp_path / "s.jsonl", [{**GOOD, **more}, {**GOOD, "id": "b", **more}])
    assert opened(path).score(TEXTS).tolist() == [2, 1, 2, 1]


def test_columns_that_the_spec_names_are_those_that_are_meant(tmp_path: Path) -> None:
    row = {"mine": 2, "other": 1, "score_chosen": 0, "score_rejected": 5}
    path = written(tmp_path / "s.jsonl", [{"id": "a", **row}, {"id": "b", **row}])
    found = opened(path, ",chosen=mine,rejected=other").score(TEXTS)
    assert found.tolist() == [2, 1, 2, 1]


@pytest.mark.parametrize("key", ["model", "reward_model", "judge"])
def test_rows_of_several_models_are_an_error(key: str, tmp_path: Path) -> None:
    rows = [{**GOOD, key: "one"}, {**GOOD, "id": "b", key: "two"}]
    assert problems(written(tmp_path / "s.jsonl", rows)) == [
        f"s.jsonl:2:1: rows of several models ('{key}': one and two); write the scores of each "
        "model into a file of its own"
    ]


def test_in_a_long_table_the_model_may_have_written_the_response(tmp_path: Path) -> None:
    rows = [
        {"prompt": text.prompt, "response": text.response, "score": place, "model": f"m{place}"}
        for place, text in enumerate(TEXTS)
    ]
    assert opened(written(tmp_path / "s.jsonl", rows)).score(TEXTS).tolist() == [0, 1, 2, 3]
    rows[1]["reward_model"], rows[2]["reward_model"] = "one", "two"
    assert problems(written(tmp_path / "s.jsonl", rows))[0].startswith(
        "s.jsonl:3:1: rows of several models ('reward_model': one and two)"
    )


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_the_number_of_right_responses_is_checked(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"s.{form}"

    def write(right: str) -> None:
        if form == "csv":
            path.write_text(f'id,scores,num_correct\n7,"[3, 2, 1]",{right}\n')
        else:
            path.write_text(f'{{"id": "7", "scores": [3, 2, 1], "num_correct": {right}}}\n')

    for right in ("2", "2.0"):
        write(right)
        pair = PreferencePair("7:1-0", "Why?", "b", "c", "g")
        assert opened(path).score(pair.dialogues()).tolist() == [2, 1]
        whole = ResponseSet("7", "Why?", ("a", "b", "c"), (0, 1), "g")
        assert opened(path).score(whole.dialogues()).tolist() == [3, 2, 1]
    for right in ("0", "4", "1.5"):
        write(right)
        (said,) = problems(path)
        assert "num_correct: expected a whole number from 1 to 3, the number of scores" in said


@pytest.mark.parametrize(
    ("cell", "remedy"),
    [
        ("87%", "write it as a fraction, without a percent sign"),
        ('"0,87"', "write it with a decimal point, and thousands without a separator"),
        ("nan", "a score must be finite: score the text again, or remove the row"),
        ("high", "chosen must be a number, got 'high'"),
    ],
)
def test_a_cell_that_is_no_number_says_how_to_write_it(
    cell: str, remedy: str, tmp_path: Path
) -> None:
    (tmp_path / "s.csv").write_text(f"id,chosen,rejected\na,{cell},0.5\n")
    (said,) = problems(tmp_path / "s.csv")
    assert said.startswith("s.csv:2:1: 'a': chosen ")
    assert said.endswith(remedy)


def test_a_number_in_quotes_says_so(tmp_path: Path) -> None:
    path = written(tmp_path / "s.jsonl", [{**GOOD, "chosen": "1.5"}])
    assert problems(path) == [
        "s.jsonl:1:1: 'a': chosen must be a number, got '1.5'; write it without quotes"
    ]


@pytest.mark.parametrize("text", ["id,chosen,rejected\n", "id,chosen,rejected\n,,\n"])
def test_a_file_without_scores_says_what_is_expected(text: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(text)
    assert problems(tmp_path / "s.csv") == [
        "s.csv: file has no scores; expected rows with 'id', 'chosen' and 'rejected' (`rmcheck "
        "score DATA -o FILE` writes them), or name the columns: "
        "scores:FILE,id=COLUMN,chosen=COLUMN,rejected=COLUMN"
    ]
