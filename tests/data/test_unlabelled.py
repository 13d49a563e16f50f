"""Prompts with responses and no labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rmcheck.data import ResponseSet
from rmcheck.data.unlabelled import read_unlabelled
from rmcheck.errors import ProblemsFound

MESSAGES = [{"role": "user", "content": "And then?"}]


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "free.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_with_responses_are_read_as_they_are(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"id": "a", "prompt": "Why?", "responses": ["One.", "Two.", "Three."], "tags": ["x"]},
        {"prompt": MESSAGES, "responses": ["Four."], "group": "g"},
    )
    found = read_unlabelled(path, "free.jsonl")
    assert found is not None
    first, second = found
    assert (first.id, first.tags, len(first.responses)) == ("a", ("x",), 3)
    assert (second.id, second.group) == ("free.jsonl:2", "g")
    # The keys and hashes by which a score file finds the texts of a response set.
    same = ResponseSet("a", "Why?", ("One.", "Two.", "Three."), (0,), first.group)
    assert first.dialogues() == same.dialogues()
    assert [each.key for each in first.dialogues()] == ["a/0", "a/1", "a/2"]
    assert first.hash == same.hash


def test_rows_with_one_response_are_taken_together_by_prompt(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"prompt": "Why?", "response": "One."},
        {"prompt": "How?", "response": "Two."},
        {"prompt": "Why?", "response": "Three."},
    )
    found = read_unlabelled(path, "free.jsonl")
    assert found is not None
    assert [each.responses for each in found] == [("One.", "Three."), ("Two.",)]


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "prompt": "Why?", "chosen": "One.", "rejected": "Two."},
        {"id": "a", "prompt": "Why?", "responses": ["One.", "Two."], "best": [0]},
    ],
)
def test_a_file_with_labels_is_left_to_the_other_reader(row: Any, tmp_path: Path) -> None:
    assert read_unlabelled(written(tmp_path, row), "free.jsonl") is None


def test_every_mistake_has_its_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"prompt": "Why?", "responses": "One."},
        {"responses": ["One.", "Two."]},
        {"prompt": "Why?", "response": "One.", "responses": ["Two."]},
        {"prompt": "Why?", "respones": ["Two."]},
        {"prompt": "Why?", "responses": []},
    )
    with pytest.raises(ProblemsFound) as caught:
        read_unlabelled(path, "free.jsonl")
    told = [str(problem) for problem in caught.value.problems]
    assert "free.jsonl:1:1: responses must be a list of texts, got 'One.'" in told
    assert "free.jsonl:2:1: the key 'prompt' is missing" in told
    assert "free.jsonl:3:1: expected 'response' or 'responses', got both; remove one" in told
    assert any(each.startswith("free.jsonl:4:1: unknown key 'respones'") for each in told)
    assert "free.jsonl:5:1: responses: expected at least one text" in told


def test_labels_among_rows_without_are_refused(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"prompt": "Why?", "responses": ["One.", "Two."]},
        {"id": "b", "prompt": "How?", "chosen": "One.", "rejected": "Two."},
    )
    with pytest.raises(ProblemsFound, match=r"free.jsonl:2:1: expected no labels, as in 1 of 2"):
        read_unlabelled(path, "free.jsonl")
