"""Labels by objective: the key `objectives` of a row, and data as one objective labels them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data.published import rows
from rmcheck.cli.data import own_row
from rmcheck.data.label import Label
from rmcheck.data.objectives import by_objective, label_of, labelled, names_of
from rmcheck.data.preferences import PreferenceData, load
from rmcheck.errors import ProblemsFound

ROWS: list[dict[str, Any]] = [
    {"id": "a", "objectives": {"safety": "rejected", "helpfulness": {"chosen": 4, "rejected": 1}}},
    {"id": "b", "objectives": {"safety": "chosen"}, "ratings": {"chosen": 5, "rejected": 2}},
    {"id": "c", "objectives": {"safety": "tie", "helpfulness": {"chosen": 2, "rejected": 2}}},
    {"id": "d"},
]


def read(path: Path, given: list[dict[str, Any]]) -> PreferenceData:
    text = {"prompt": "Why?", "chosen": "Because.", "rejected": "No."}
    whole = [{**text, "chosen": f"Because {row['id']}.", **row} for row in given]
    path.write_text("".join(json.dumps(row) + "\n" for row in whole), encoding="utf-8")
    return load([path])


def test_the_key_objectives_is_read(tmp_path: Path) -> None:
    data = read(tmp_path / "d.jsonl", ROWS)
    first = data.pairs[0]
    assert label_of(first, "safety") == Label("safety", "rejected")
    assert label_of(first, "helpfulness") == Label("helpfulness", "chosen", (4.0, 1.0))
    assert label_of(first, "honesty") is None
    assert names_of(data.pairs) == {"safety": 3, "helpfulness": 2}


def test_the_pairs_of_an_objective_have_its_better_side_as_chosen(tmp_path: Path) -> None:
    data = read(tmp_path / "d.jsonl", ROWS)
    first, second = data.by_objective("safety").pairs  # c is a tie, d has no label
    assert (first.id, first.chosen, first.rejected) == ("a:safety", "No.", "Because a.")
    assert first.hash != data.pairs[0].hash
    assert first.group == data.pairs[0].group
    assert label_of(first, "helpfulness") == Label("helpfulness", "rejected", (1.0, 4.0))
    assert (second.id, second.hash) == ("b", data.pairs[1].hash)
    assert second.ratings is None  # 5 and 2 are not those of safety
    assert [pair.ratings for pair in data.by_objective("helpfulness").pairs] == [(4.0, 1.0)]


def test_data_without_labels_by_an_objective_stay_as_they_are(tmp_path: Path) -> None:
    data = read(tmp_path / "d.jsonl", ROWS)
    assert data.by_objective("honesty") is data
    assert data.by_objective("") is data
    assert labelled(data.pairs, "honesty") is None


def test_a_label_turned_twice_is_itself(tmp_path: Path) -> None:
    for pair in read(tmp_path / "d.jsonl", ROWS).pairs:
        for label in pair.objectives:
            assert label.turned().turned() == label
            turned = by_objective(pair, label.objective)
            # Whatever the file says, the chosen side of the result is the better one.
            assert turned is None or label_of(turned, label.objective).better == "chosen"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("safe", "objectives must be a mapping of names to labels"),
        ({"safety": "choosen"}, "objectives.safety: got 'choosen'; did you mean 'chosen'?"),
        ({"safety": {"chosen": 1}}, 'objectives.safety: expected "chosen", "rejected", "tie"'),
        (
            {"safety": {"chosen": True, "rejected": 1}},
            "objectives.safety.chosen: expected a finite",
        ),
        ({"safety": 3}, "objectives.safety: expected"),
    ],
)
def test_mistakes_name_the_objective(given: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(ProblemsFound) as error:
        read(tmp_path / "d.jsonl", [{"id": "a", "objectives": given}])
    assert said in str(error.value)
    assert "d.jsonl:1:1" in str(error.value)


def test_a_table_has_them_as_json(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(
        "id,prompt,chosen,rejected,objectives\n"
        'a,Why?,Because.,No.,"{""safety"": ""rejected""}"\n'
        "b,Why?,So.,No.,\n",
        encoding="utf-8",
    )
    first, second = load([path]).pairs
    assert first.objectives == (Label("safety", "rejected"),)
    assert second.objectives == ()


def test_they_are_written_as_they_were_read(tmp_path: Path) -> None:
    for pair, row in zip(read(tmp_path / "d.jsonl", ROWS).pairs, ROWS, strict=True):
        assert own_row(pair).get("objectives") == row.get("objectives")


def published(tmp_path: Path, case: str) -> PreferenceData:
    path = tmp_path / "d.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows(case)), encoding="utf-8")
    return load([path])


def test_helpsteer_brings_its_attributes(tmp_path: Path) -> None:
    (pair,) = published(tmp_path, "helpsteer").pairs
    labels = {label.objective: (label.better, label.ratings) for label in pair.objectives}
    assert labels["helpfulness"] == ("chosen", (4.0, 1.0))
    assert labels["coherence"] == ("tie", (4.0, 4.0))
    assert list(labels) == ["helpfulness", "correctness", "coherence", "complexity", "verbosity"]


def test_ultrafeedback_brings_its_aspects_where_both_responses_have_one(tmp_path: Path) -> None:
    (pair,) = published(tmp_path, "ultrafeedback").pairs
    assert (pair.chosen, pair.ratings) == ("Because.", (4.0, 2.5))
    # Honesty of the chosen response is "N/A"; by helpfulness the other one is better.
    assert pair.objectives == (
        Label("instruction_following", "chosen", (5.0, 2.0)),
        Label("truthfulness", "tie", (3.0, 3.0)),
        Label("helpfulness", "rejected", (3.0, 4.0)),
    )
    turned = by_objective(pair, "helpfulness")
    assert turned is not None
    assert (turned.chosen, turned.ratings) == ("No.", (4.0, 3.0))


@pytest.mark.parametrize(
    "annotations",
    [
        None,
        "none",
        {"honesty": None},
        {"honesty": "5"},
        {"honesty": {"Rating": None}},
        {"style": 5},
    ],
)
def test_ultrafeedback_without_aspects_is_read_by_its_scores(
    tmp_path: Path, annotations: Any
) -> None:
    (row,) = rows("ultrafeedback")
    completions = [{**each, "annotations": annotations} for each in row["completions"]]
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps({**row, "completions": completions}) + "\n", encoding="utf-8")
    (pair,) = load([path]).pairs
    assert (pair.chosen, pair.objectives) == ("Because.", ())


def test_safe_rlhf_brings_both_of_its_labels(tmp_path: Path) -> None:
    (pair,) = published(tmp_path, "pku-safe-rlhf").pairs
    assert pair.objectives == (Label("helpfulness", "chosen"), Label("safety", "rejected"))
