"""Columns beside the prompt: read where they are known, refused where text would be lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rmcheck.data import Message
from rmcheck.data.preferences import PreferenceData, load
from rmcheck.data.unused import unused_columns
from rmcheck.errors import ProblemsFound

TEXT = "The house on the hill was painted blue."
PAIR = {"prompt": "What colour is it?", "chosen": "Blue.", "rejected": "Red."}
SEVERAL = [
    Message("user", "Hi"),
    Message("assistant", "Hello"),
    Message("user", "What colour is it?"),
]


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path, columns: dict[str, str] | None = None, **row: Any) -> PreferenceData:
    return load([written(path, row)], root=path.parent, columns=columns)


@pytest.mark.parametrize("name", [{}, {"id": "a"}, {"id": "a", "subset": "s", "chosen_model": "m",
                                                    "rejected_model": "n"}])  # fmt: skip
@pytest.mark.parametrize("key", ["input", "context", "question", "instruction", "passage"])
def test_text_of_the_prompt_in_another_column_is_never_ignored(
    key: str, name: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ProblemsFound) as caught:
        read(tmp_path / "d.jsonl", **name, **PAIR, **{key: TEXT})
    (said,) = (str(each) for each in caught.value.problems if each.line)
    assert said == (
        f"d.jsonl:1:1: the key '{key}' has text of the prompt that would be ignored; put it into "
        "'prompt'; if 'prompt' is all that a model sees, remove the key, or say so in the suite "
        "with columns: {prompt: prompt}"
    )
    data = read(tmp_path / "d.jsonl", {"prompt": "prompt"}, **name, **PAIR, **{key: TEXT})
    assert data.pairs[0].prompt == PAIR["prompt"]


@pytest.mark.parametrize("name", [{}, {"id": "a"}])
@pytest.mark.parametrize(
    "more",
    [
        {"context": "kitchen"},  # a label
        {"context": "", "input": None, "history": [], "tools": []},
        {"question": "What  colour\nis it?"},  # the prompt again
        {"conversation": [{"input": "What colour is it?", "output": "Blue."}]},  # the chosen side
        {"comment": TEXT, "reviewer_notes": TEXT},
    ],
)
def test_labels_and_texts_that_are_read_elsewhere_are_left_alone(
    more: dict[str, Any], name: dict[str, str], tmp_path: Path
) -> None:
    assert read(tmp_path / "d.jsonl", **name, **PAIR, **more).pairs[0].prompt == PAIR["prompt"]


@pytest.mark.parametrize(
    "history",
    [
        [["Hi", "Hello"]],
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
        json.dumps([["Hi", "Hello"]]),
    ],
)
def test_a_history_comes_before_the_prompt(history: Any, tmp_path: Path) -> None:
    data = read(tmp_path / "d.jsonl", **PAIR, history=history)
    assert list(data.pairs[0].prompt) == SEVERAL
    prompt = [{"role": turn.role, "content": turn.content} for turn in SEVERAL]
    again = read(tmp_path / "d.jsonl", **{**PAIR, "prompt": prompt}, history=history)
    assert list(again.pairs[0].prompt) == SEVERAL  # it is there already
    own = read(tmp_path / "d.jsonl", **PAIR, history=history, system="Be brief.")
    assert list(own.pairs[0].prompt) == [Message("system", "Be brief."), *SEVERAL]
    mapped = {**PAIR, "query": "What colour is it?", "history": history}
    del mapped["prompt"]
    found = read(tmp_path / "d.jsonl", {"prompt": "query"}, **mapped)
    assert list(found.pairs[0].prompt) == SEVERAL


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ("They met before.", "history: expected pairs of question and answer"),
        (["Hi", "Hello"], "history[0]: expected pairs of question and answer"),
        ([["Hi", None]], "history[0] is null"),
        ([["Hi", "Hello", "Bye"]], "history[0]: expected pairs"),
        ([{"role": "user", "content": "Hi"}], "history ends with a turn of the user"),
    ],
)
def test_a_history_in_another_form_is_refused(history: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ProblemsFound) as caught:
        read(tmp_path / "d.jsonl", **PAIR, history=history)
    assert said in str(caught.value)


def test_a_history_of_our_own_layout_belongs_into_the_prompt(tmp_path: Path) -> None:
    with pytest.raises(ProblemsFound, match="the key 'history' has text of the prompt"):
        read(tmp_path / "d.jsonl", id="a", **PAIR, history=[["Hi", "Hello"]])


def test_tools_are_told(tmp_path: Path) -> None:
    with pytest.raises(ProblemsFound, match=r"'tools' has text .*a message of the prompt with the"):
        read(tmp_path / "d.jsonl", **PAIR, tools=[{"name": "weather"}])


def test_alpaca_is_read_whole_whatever_is_mapped(tmp_path: Path) -> None:
    row = {"instruction": "What colour is it?", "input": TEXT, "good": "Blue.", "bad": "Red."}
    sides = {"chosen": "good", "rejected": "bad"}
    data = read(tmp_path / "d.jsonl", sides, **row)
    assert data.pairs[0].prompt == f"What colour is it?\n\n{TEXT}"
    for name in ({}, {"id": "a"}):
        with pytest.raises(ProblemsFound, match="leave 'prompt' out of 'columns'"):
            read(tmp_path / "d.jsonl", {"prompt": "instruction", **sides}, **name, **row)


def test_two_system_prompts_are_refused(tmp_path: Path) -> None:
    prompt = [{"role": "system", "content": "Be long."}, {"role": "user", "content": "Why?"}]
    with pytest.raises(ProblemsFound, match="one system prompt of its own and another in its"):
        read(tmp_path / "d.jsonl", **{**PAIR, "prompt": prompt}, system="Be brief.")
    same = read(tmp_path / "d.jsonl", **{**PAIR, "prompt": prompt}, system="Be long.")
    assert [turn.role for turn in same.pairs[0].prompt] == ["system", "user"]  # type: ignore[union-attr]


def test_a_system_prompt_of_transcripts_is_told(tmp_path: Path) -> None:
    sides = {side: f"\n\nHuman: Why?\n\nAssistant: {side}" for side in ("chosen", "rejected")}
    with pytest.raises(ProblemsFound, match=r"'system' has text .*the messages of both sides"):
        read(tmp_path / "d.jsonl", system="Always answer in verse.", **sides)


def test_columns_that_nothing_reads_are_named(tmp_path: Path) -> None:
    row = {**PAIR, "source": "web", "score_chosen": 4, "score_rejected": 1, "reviewer": "x",
           "none": None}  # fmt: skip
    path = written(tmp_path / "d.jsonl", row, {**row, "notes": "y"})
    assert unused_columns(path, "d.jsonl", "trl") == ["reviewer", "notes"]
    own = written(tmp_path / "o.jsonl", {"id": "a", "tags": ["x"], "extra": {"a": 1}, **PAIR})
    assert unused_columns(own, "o.jsonl", "ours") == ["extra"]
