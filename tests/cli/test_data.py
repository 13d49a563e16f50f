"""`rmcheck data`, and the other commands on data in other layouts."""

from __future__ import annotations

import json

import pytest
from data.published import rows
from plugin.projects import Project
from plugin.test_published_data import LENGTH, numbered

from rmcheck.data.preferences import load

BAD = {"chosen": "\n\nHuman: a\n\nAssistant: b", "rejected": "\n\nHuman: c\n\nAssistant: d"}


def lines(given: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in given)


def test_data_shows_what_was_understood(project: Project) -> None:
    project.write("hh.jsonl", lines([*numbered("hh", 30), BAD]))
    said = project.cli("data", "hh.jsonl")
    assert said.code == 0
    assert said.out[:4] == [
        "hh.jsonl: JSON Lines, 31 rows, layout hh (recognised)",
        "  Anthropic/hh-rlhf: one transcript a side",
        "  left out: 1 row: chosen and rejected continue different conversations (31)",
        "30 pairs and 0 response sets in 30 groups",
    ]
    # Two pairs, as the default template writes them.
    shown = [line for line in said.out if line.startswith("pair ")]
    assert len(shown) == 2
    start = said.out.index(shown[0])
    assert said.out[start + 1 : start + 8] == [
        "    chosen | Human: Hi 0",
        "           | ",
        "           | Assistant: Hello",
        "           | ",
        "           | Human: Why 0?",
        "           | ",
        "           | Assistant: So. xxx",
    ]


def test_data_shows_tags_and_response_sets(project: Project) -> None:
    project.write("rb.jsonl", lines(numbered("ppe-best-of-k", 3)))
    said = project.cli("data", "rb.jsonl")
    assert "0 pairs and 3 response sets in 3 groups" in said.out
    assert "tags: category:law 3" in said.out
    assert "response set q1-0, best 1, 2:" in said.out


@pytest.mark.parametrize(
    "case",
    ["hh", "trl (UltraFeedback binarised)", "trl (system)", "reward-bench-2", "rm-bench", "pandalm",
     "oasst", "helpsteer"],
)  # fmt: skip
def test_data_writes_our_own_form(case: str, project: Project) -> None:
    source = project.write("in.jsonl", lines(numbered(case, 4)))
    said = project.cli("data", "in.jsonl", "-o", "out/own.jsonl")
    assert said.code == 0, said
    before, after = load([source]), load([project.root / "out/own.jsonl"])
    assert said.out[-1] == f"wrote {len(before.pairs) + len(before.sets)} rows to out/own.jsonl"
    assert (after.pairs, after.sets) == (before.pairs, before.sets)
    assert after.notes[0].layout == "ours"


def test_data_keeps_extra_keys(project: Project) -> None:
    project.write("in.jsonl", lines([{**rows("hh")[0], "worker": "w1", "note": {"a": 1}}]))
    project.cli("data", "in.jsonl", "-o", "own.jsonl")
    (row,) = [json.loads(line) for line in (project.root / "own.jsonl").read_text().splitlines()]
    assert row["extra"] == {"worker": "w1", "note": {"a": 1}}


def test_mistakes_of_data_are_told_in_a_line(project: Project) -> None:
    project.write("hh.jsonl", lines(rows("hh")))
    project.write("other.jsonl", lines([{"question": "Why?", "good": "a", "bad": "b"}]))
    for arguments, expected in (
        (["gone.jsonl"], "no file matches 'gone.jsonl'"),
        (["hh.jsonl", "--layout", "hhh"], "--layout: unknown layout 'hhh', did you mean 'hh'?"),
        (["hh.jsonl", "-o", "own.csv"], "-o own.csv: pairs are written as JSON Lines; use a name"),
        (["hh.jsonl", "-o", "other.jsonl"], "-o other.jsonl: already exists"),
        (["other.jsonl"], "other.jsonl: layout not recognised; keys found: question (a text)"),
        (["."], "'.' is a directory without Parquet files or a saved data set"),
    ):
        said = project.cli("data", *arguments)
        assert said.code == 4
        assert said.err[0].startswith(f"rmcheck data: {expected}"), said
        assert "Traceback" not in "\n".join(said.err)
    said = project.cli("data", "hh.jsonl", "--layout", "trl")
    assert said.code == 4
    assert said.err[1] == "hh.jsonl:1:1: no prompt: neither a key nor messages before the answer"


def test_lint_and_score_name_the_layout(project: Project) -> None:
    project.write("hh.jsonl", lines([*numbered("hh", 30), BAD]))
    expected = (
        "hh.jsonl: layout hh (recognised); left out: 1 of 31 rows (chosen and rejected continue "
        "different conversations: row 31)"
    )
    said = project.cli("lint", "hh.jsonl")
    assert said.out[:2] == ["1 data file, 30 pairs in 30 groups", f"  {expected}"]
    found = json.loads("\n".join(project.cli("lint", "hh.jsonl", "--format", "json").out))
    assert found["layouts"][0]["layout"] == "hh"
    assert found["layouts"][0]["left_out"] == {
        "chosen and rejected continue different conversations": 1
    }
    pairs = load([project.root / "hh.jsonl"]).pairs
    table = [
        {"prompt": [turn.as_data() for turn in pair.prompt], "response": text, "score": len(text)}
        for pair in pairs
        for text in (pair.chosen, pair.rejected)
        if not isinstance(pair.prompt, str)
    ]
    project.write("scores.jsonl", lines(table))
    said = project.cli("score", "hh.jsonl", "-o", "new.jsonl", "--rm", "scores:scores.jsonl")
    assert said.code == 0, said
    assert said.out[0] == expected
    assert said.out[-1].startswith("chosen scores higher in 30 of 30 pairs")


def test_new_takes_data_that_exist(project: Project) -> None:
    project.ini()
    project.write("raw/hh.jsonl", lines(numbered("hh", 30)))
    said = project.cli("new", "chat", "--data", "raw/hh.jsonl")
    assert said.code == 0, said
    assert said.out[:3] == [
        "created suites/chat.yaml for raw/hh.jsonl",
        "raw/hh.jsonl: layout hh (recognised)",
        "30 pairs and 0 response sets",
    ]
    assert "Replace the two example rows" not in "\n".join(said.out)
    assert "data: ../raw/hh.jsonl" in (project.root / "suites/chat.yaml").read_text()
    project.write("conftest.py", LENGTH)
    project.run("suites").assert_outcomes(passed=1, skipped=1)


def test_new_writes_nothing_for_data_that_cannot_be_read(project: Project) -> None:
    project.write("raw/own.csv", "question,good,bad\nWhy?,Because.,No.\n")
    said = project.cli("new", "own", "--data", "raw/own.csv")
    assert said.code != 0
    assert "layout not recognised" in said.err[-1]
    assert not (project.root / "suites/own.yaml").exists()


def test_new_names_a_file_that_does_not_exist(project: Project) -> None:
    project.write("raw/hh.jsonl", "")
    said = project.cli("new", "own", "--data", "raw/hhh.jsonl")
    assert said.code != 0
    assert "--data raw/hhh.jsonl: no such file; did you mean" in said.err[-1]
    assert sorted(path.name for path in (project.root / "raw").iterdir()) == ["hh.jsonl"]
