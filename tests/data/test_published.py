"""Each layout on rows in the shape of its data set, as a file: recognised, and read as meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.conversations import asked, turn
from data.published import ROWS, name, rows
from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.data.layouts import LAYOUTS
from rmcheck.data.preferences import load
from rmcheck.data.reading import Reading, read_file
from rmcheck.errors import ProblemsFound

Rows = list[dict[str, Any]]


def written(path: Path, given: Rows) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    return path


def prompt_of(item: PreferencePair | ResponseSet) -> Any:
    if isinstance(item.prompt, str):
        return item.prompt
    return tuple((turn.role, turn.content) for turn in item.prompt)


def parts(item: PreferencePair | ResponseSet) -> tuple[Any, ...]:
    if isinstance(item, PreferencePair):
        return prompt_of(item), item.chosen, item.rejected, item.tags
    return prompt_of(item), item.responses, item.best, item.tags


def read(path: Path, given: Rows, layout: str | None = None) -> Reading:
    return read_file(written(path, given), "d.jsonl", {}, layout)


@pytest.mark.parametrize("case", ROWS)
def test_rows_become_the_pairs_that_they_mean(case: str, tmp_path: Path) -> None:
    found = read(tmp_path / "d.jsonl", rows(case))
    assert found.problems == []
    assert (found.note.layout, found.note.guessed) == (name(case), True)
    assert [parts(item) for _, item in found.items] == ROWS[case][1]
    again = read(tmp_path / "d.jsonl", rows(case), name(case))
    assert [item for _, item in again.items] == [item for _, item in found.items]
    assert not again.note.guessed


def test_each_layout_has_rows() -> None:
    assert set(LAYOUTS) - {"ours", "pku-safe-rlhf-safer"} == {name(case) for case in ROWS}


def test_the_safer_response_of_pku_is_read_where_it_is_named(tmp_path: Path) -> None:
    found = read(tmp_path / "d.jsonl", rows("pku-safe-rlhf"), "pku-safe-rlhf-safer")
    assert [parts(item)[1:3] for _, item in found.items] == [("No.", "Because.")]


@pytest.mark.parametrize(
    ("case", "ids"),
    [
        ("reward-bench", ["30"]),
        ("reward-bench-2", ["7", "7:0-0", "7:0-1"]),
        ("rm-bench", [f"4:{good}-{bad}" for good in range(3) for bad in range(3)]),
        ("judge-bench", ["p1"]),
        ("rmb", ["u1"]),
        ("pandalm", ["3"]),
        ("arena", ["f00d"]),
        ("arena-55k", ["30192"]),
        ("oasst", ["m1:m2", "m4:m5"]),
    ],
)
def test_ids_are_those_of_the_data_set(case: str, ids: list[str], tmp_path: Path) -> None:
    found = read(tmp_path / "d.jsonl", rows(case))
    assert [item.id for _, item in found.items] == ids


def test_ratings_and_agreement_are_kept(tmp_path: Path) -> None:
    def first(case: str) -> Any:
        return read(tmp_path / "d.jsonl", rows(case)).items[0][1]

    assert first("trl (UltraFeedback binarised)").ratings == (8.5, 4.0)
    odd = [{**rows("trl")[0], "score_chosen": "N/A", "score_rejected": 1}]
    assert read(tmp_path / "d.jsonl", odd).items[0][1].ratings is None
    assert first("webgpt").ratings == (0.5, -0.5)
    assert first("shp").ratings == (9.0, 3.0)
    assert first("summarize-axis").ratings == (5.0, 2.0)  # (6 + 4) / 2
    assert first("ultrafeedback").ratings == (4.0, 2.5)
    assert first("pandalm").confidence == pytest.approx(2 / 3)  # two of three annotators


def with_changes(case: str, **changes: Any) -> Callable[[], Rows]:
    return lambda: [{**rows(case)[0], **changes}]


LEFT_OUT: dict[str, tuple[str, Callable[[], Rows], str, bool]] = {
    "a tie of Arena": (
        "arena",
        with_changes("arena", winner="tie (bothbad)"),
        "winner is a tie",
        False,
    ),
    "histories of Arena": (
        "arena",
        with_changes(
            "arena",
            conversation_a=asked("Hi", "Hello", "Why?", "No."),
            conversation_b=asked("Hi", "Hey", "Why?", "Because."),
        ),
        "the models answered earlier turns differently, so the answers share no prompt",
        False,
    ),
    "an unknown winner": (
        "arena",
        with_changes("arena", winner="model_c"),
        "winner: expected model_a, model_b or a tie, got 'model_c'",
        True,
    ),
    "other questions": (
        "arena",
        with_changes("arena", conversation_a=asked("Who?", "No.")),
        "conversation_a and conversation_b ask different questions",
        True,
    ),
    "no majority": (
        "pandalm",
        with_changes("pandalm", annotator1=1, annotator3=0),
        "the annotators have no majority for a response",
        False,
    ),
    "a tie of HelpSteer": (
        "helpsteer-3",
        with_changes("helpsteer-3", overall_preference=0),
        "overall_preference is 0, a tie",
        False,
    ),
    "a null answer": (
        "reward-bench-2",
        with_changes("reward-bench-2", rejected=["No.", None]),
        "rejected[1] is null",
        True,
    ),
    "two styles": (
        "rm-bench",
        with_changes("rm-bench", chosen=["So.", "So, see."]),
        "expected three responses a side, got 2 chosen and 3 rejected",
        True,
    ),
    "an image": (
        "trl-implicit",
        with_changes("trl-implicit", images=["a.png"]),
        "the row has images, and only text can be scored",
        True,
    ),
    "an answer of tool calls": (
        "trl-implicit",
        with_changes(
            "trl-implicit",
            chosen=[turn("user", "Hi"), {"role": "assistant", "content": "x", "tool_calls": [{}]}],
            rejected=asked("Hi", "y"),
        ),
        "chosen: the answer has tool_calls, and only text can be scored",
        True,
    ),
    "two answers in a row": (
        "trl-implicit",
        with_changes(
            "trl-implicit",
            chosen=[*asked("Hi", "Hello"), turn("assistant", "x")],
            rejected=[*asked("Hi", "Hello"), turn("assistant", "y")],
        ),
        "the turn before the answer is the assistant's own",
        True,
    ),
    "a prompt that ends with an answer": (
        "trl",
        with_changes("trl", prompt=asked("Hi", "Hello")),
        "prompt ends with a turn of the assistant",
        True,
    ),
    "no common start": (
        "trl-implicit-text",
        with_changes("trl-implicit-text", chosen="Yes.", rejected="No."),
        "chosen and rejected have no common start, which would be the prompt",
        True,
    ),
    "an index that is none": (
        "summarize-comparisons",
        with_changes("summarize-comparisons", choice=2),
        "choice: expected a number from 0 to 1, got 2",
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LEFT_OUT)
def test_a_row_that_is_no_pair_is_left_out_and_counted(case: str, tmp_path: Path) -> None:
    layout, changed, reason, fault = LEFT_OUT[case]
    good = rows(layout) * 40
    found = read(tmp_path / "d.jsonl", [*good, *changed()])
    assert found.problems == []
    assert found.note.reasons[reason] == 1
    assert found.note.examples[reason] == (len(good) + 1,)
    assert [parts(item) for _, item in found.items] == ROWS[layout][1]
    # Alone it is too many, unless the data set means it so.
    alone = read(tmp_path / "d.jsonl", changed(), layout)
    assert bool(alone.problems) is fault
    if fault:
        assert str(alone.problems[1]).startswith(f"d.jsonl:1:1: {reason}")


def test_files_that_no_layout_fits_are_refused_with_their_keys(tmp_path: Path) -> None:
    given = [{"question": "Why?", "good": "Because.", "bad": "No."}] * 3
    path = written(tmp_path / "d.jsonl", given)
    with pytest.raises(ProblemsFound) as caught:
        load([path], root=tmp_path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(
        "d.jsonl: layout not recognised; keys found: question (a text), good (a text), bad (a "
        "text); nearest layouts: "
    )
    assert "is missing" in line
    assert "columns: {prompt: KEY" in line
    columns = {"prompt": "question", "chosen": "good", "rejected": "bad"}
    (pair,) = load([path], root=tmp_path, columns=columns).pairs
    assert parts(pair) == ("Why?", "Because.", "No.", ())


def test_a_prompt_under_another_key_is_never_passed_over(tmp_path: Path) -> None:
    # Orca's pairs: without their question the two answers would have some common start.
    given = [{"system": "", "question": "Why?", "chosen": "It rains.", "rejected": "It snows."}]
    path = written(tmp_path / "d.jsonl", given)
    with pytest.raises(ProblemsFound, match="'question' may be the prompt"):
        load([path])


def test_a_layout_is_judged_by_all_rows(tmp_path: Path) -> None:
    odd = {"chosen": "no turns", "rejected": "none"}
    found = read(tmp_path / "d.jsonl", [odd, *rows("hh") * 30])
    assert found.note.layout == "hh"
    assert found.note.reasons["chosen has no '\\n\\nAssistant:' turn"] == 1


def test_the_layout_is_a_part_of_the_hash_of_data(tmp_path: Path) -> None:
    row = {"prompt": "Why?", "chosen": "Because.", "rejected": "No."}
    other = load([written(tmp_path / "a.jsonl", [row])])
    (pair,) = other.pairs
    ours = load([written(tmp_path / "b.jsonl", [{**row, "id": pair.id}])])
    assert ours.pairs == other.pairs
    assert [data.notes[0].layout for data in (ours, other)] == ["ours", "trl"]
    assert ours.hash != other.hash


def test_ids_that_come_again_in_published_data_get_a_hash(tmp_path: Path) -> None:
    first = rows("reward-bench")[0]
    found = read(tmp_path / "d.jsonl", [first, {**first, "chosen": "So."}])
    ids = [item.id for _, item in found.items]
    assert ids[0] == "30"
    assert ids[1].startswith("30:")
    mine = [{"id": "a", **rows("trl (messages)")[0]}]
    again = [{**mine[0], "chosen": [turn("assistant", "So.")]}]
    with pytest.raises(ProblemsFound, match="duplicate id 'a'"):
        load([written(tmp_path / "d.jsonl", [*mine, *again])])


def test_keys_of_messages_survive_to_the_chat_template(tmp_path: Path) -> None:
    from rmcheck.data.template import prompt_prefix
    from rmcheck.errors import SourceError

    call = {"role": "assistant", "content": None, "tool_calls": [{"name": "clock"}]}
    result = {"role": "tool", "content": "12:00", "name": "clock"}
    turns = [turn("user", "Time?"), call, result]
    row = {"prompt": turns, "chosen": [turn("assistant", "Noon.")], "rejected": "Night."}
    (_, pair), = read(tmp_path / "d.jsonl", [row]).items  # fmt: skip

    class Tokenizer:
        chat_template = "x"

        def apply_chat_template(self, conversation: Any, **options: Any) -> str:
            return json.dumps(conversation)

    seen = json.loads(prompt_prefix(pair.prompt, "chat", Tokenizer()))
    assert seen == [turn("user", "Time?"), {**call, "content": ""}, result]
    with pytest.raises(SourceError, match="only a chat template can write"):
        prompt_prefix(pair.prompt, "default")


def test_the_same_pair_in_two_files_is_read_once(tmp_path: Path) -> None:
    first = written(tmp_path / "a.jsonl", rows("hh"))
    second = written(tmp_path / "b.jsonl", rows("hh"))
    data = load([first, second], root=tmp_path)
    assert len(data.pairs) == 1
    assert [dict(note.reasons) for note in data.notes] == [
        {},
        {"the same texts as an earlier row": 1},
    ]


def test_rows_that_belong_together_are_left_out_together(tmp_path: Path) -> None:
    tie = [{**row, "prompt": "Who?", "helpfulness": 3} for row in rows("helpsteer")]
    found = read(tmp_path / "d.jsonl", [*rows("helpsteer"), *tie])
    assert found.note.reasons == {"no two responses of a prompt are rated differently": 2}
    assert found.note.examples["no two responses of a prompt are rated differently"] == (3, 4)
