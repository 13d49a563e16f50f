"""Pins: found, kept, tested by each run, fixed, back again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .projects import Project, text_of, without_times

MODEL = """
import re
import pytest

@pytest.fixture(scope="session")
def reward_model():
    def read(texts):
        return [
            float(re.search(r"[[](.*)[]]", text)[1]) - {dislike} * ("{words}" in text)
            for _, text in texts
        ]
    return read
"""

SEARCH: dict[str, Any] = {
    "check": "adversary", "transformations": ["doubled_blanks"], "budget": 60, "max_shift": 1.0,
}  # fmt: skip
PINNED = {**SEARCH, "pins": "pins.jsonl"}


def rows() -> list[dict[str, Any]]:
    return [
        {
            "id": f"p-{row:02d}",
            "prompt": f"Question {row}?",
            "chosen": f"A careful answer to it. [{2 + 0.01 * row}]",
            "rejected": f"A careless one. [{-0.01 * row}]",
        }
        for row in range(16)
    ]


def model(dislike: int, words: str = "  ") -> str:
    """A conftest.py whose model takes so much off for these characters."""
    return MODEL.format(dislike=dislike, words=words)


@pytest.fixture
def gate(project: Project) -> Project:
    """A suite whose model dislikes doubled blanks."""
    project.write("conftest.py", model(3))
    project.suite("chat", SEARCH, rows=rows())
    return project


def check(project: Project) -> dict[str, Any]:
    project.run()
    return project.checks()["chat::adversary"]


@pytest.mark.ci
def test_a_find_is_pinned_fixed_and_back_again(gate: Project) -> None:
    found = check(gate)
    assert found["outcome"] == "fail"
    assert "added ' '" in found["message"]

    # The suite names no file yet.
    said = gate.cli("pin")
    assert said.code == 4
    assert "no check has the key 'pins'" in said.err[0]

    gate.suite("chat", PINNED)
    said = gate.cli("pin")
    assert said.code == 0, said.err
    path = gate.root / "suites" / "pins.jsonl"
    (row,) = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert row["promise"] == "preserves"
    assert row["after"].replace("  ", " ") == row["before"]
    assert said.out[0] == f"chat::adversary: 1 text pinned in suites/pins.jsonl: {row['id']}"
    again = gate.cli("pin")
    assert again.out[0] == "chat::adversary: 0 texts pinned in suites/pins.jsonl, 1 already there"

    found = check(gate)
    assert f"1 of 1 pinned text broken: {row['id']}" in found["message"]
    assert found["evidence"]["pins"] == [{"id": row["id"], "state": "broken", "before": None}]
    assert gate.cli("bless", "--red").code == 0

    gate.write("conftest.py", model(0))
    found = check(gate)
    assert found["outcome"] == "pass"
    assert found["message"].startswith("adversary: 1 pinned text holds; nothing found in ")
    assert found["message"].endswith(f"; pins against baseline main: 1 fixed: {row['id']}")
    assert found["evidence"]["pins"] == [{"id": row["id"], "state": "holds", "before": "broken"}]
    compared = gate.cli("compare", "reports/latest", "main")
    assert f"pins against main: 1 fixed: {row['id']}" in compared.out
    assert gate.cli("bless").code == 0

    gate.write("conftest.py", model(3))
    found = check(gate)
    assert found["outcome"] == "fail"
    assert f"; pins against baseline main: 1 back again: {row['id']}" in found["message"]
    summary = (gate.root / "reports/latest/summary.md").read_text(encoding="utf-8")
    assert f"1 back again: {row['id']}" in summary

    # A comparison of the same suite says so, too; the check that has the pins decides.
    gate.suite("chat", PINNED, "no_regression")
    check(gate)
    compared = gate.checks()["chat::no_regression"]
    assert f"; pins against baseline main: 1 back again: {row['id']}" in compared["message"]
    page = (gate.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert "Pinned texts" in page

    path.write_text("", encoding="utf-8")
    assert f"pins against baseline main: 1 removed: {row['id']}" in check(gate)["message"]


@pytest.mark.ci
def test_two_workers_find_the_same(gate: Project) -> None:
    gate.suite("chat", SEARCH, {**SEARCH, "name": "other", "seed": 3}, rows=rows())
    gate.run()
    alone = without_times(gate.checks())
    gate.subprocess("-n", "2")
    assert without_times(gate.checks()) == alone


def test_a_pin_costs_two_texts_and_fails_alone(gate: Project) -> None:
    """A find of a pair that is no longer in the data, and a search that finds nothing."""
    row = {
        "id": "old", "promise": "preserves", "prompt": "Q?",
        "before": "An answer. [1.0]", "after": "An  answer. [1.0]",
    }  # fmt: skip
    gate.write("suites/pins.jsonl", json.dumps(row) + "\n\n")
    gate.write("conftest.py", model(3, "An  answer"))
    gate.suite("chat", {**PINNED, "transformations": ["blank_ends"]})
    found = check(gate)
    assert found["outcome"] == "fail"
    assert found["message"].startswith("adversary: 1 of 1 pinned text broken: old; nothing found")
    (shown,) = found["evidence"]["counterexamples"]
    assert shown["key"] == "pin:old"
    assert shown["after_score"] - shown["before_score"] == pytest.approx(-3.0)
    said = gate.cli("pin")
    assert said.code == 0
    assert said.out[0].startswith("chat::adversary: found nothing to pin")


def test_a_missing_pin_file_is_an_error_at_the_check(gate: Project) -> None:
    gate.suite("chat", PINNED)
    text = text_of(gate.run())
    assert "suites/chat.yaml:5:3: check 'adversary': pins: 'pins.jsonl' not found" in text
    assert "create an empty file (touch suites/pins.jsonl)" in text


def test_mistakes_of_a_pin_file_are_told_together(gate: Project) -> None:
    good = {"id": "a", "promise": "preserves", "prompt": "Q", "before": "x", "after": "y"}
    lines = [
        json.dumps(good),
        json.dumps({**good, "promise": "improves"}),
        json.dumps({**good, "id": "b", "befor": "x"}),
        json.dumps({key: value for key, value in good.items() if key != "after"}),
        "[not JSON",
        json.dumps(good),
        '{"id": "c", "id": "d"}',
    ]
    gate.write("suites/pins.jsonl", "\n".join(lines))
    gate.suite("chat", PINNED)
    text = text_of(gate.run())
    for said in (
        "suites/pins.jsonl:2:1: promise: expected 'preserves', 'degrades' or 'tempts', got",
        "suites/pins.jsonl:3:1: unknown key 'befor', did you mean 'before'",
        "suites/pins.jsonl:4:1: the key 'after' is missing",
        "suites/pins.jsonl:5:1: expected one JSON object per line",
        "suites/pins.jsonl:6:1: duplicate id 'a' (first on line 1)",
        "suites/pins.jsonl:7:1: duplicate key 'id'; keep one of them",
    ):
        assert said in text, text


def test_which_check_is_pinned_must_be_clear(gate: Project) -> None:
    gate.suite("chat", PINNED, {**SEARCH, "name": "again", "seed": 1}, "win_rate")
    gate.write("suites/pins.jsonl", "")
    gate.run()
    said = gate.cli("pin")
    assert said.code == 4
    assert "several checks found texts (chat::adversary and chat::again)" in said.err[0]
    said = gate.cli("pin", "--check", "chat::agian")
    assert "not a check of this run; checks with texts to pin: chat::adversary and" in said.err[0]
    said = gate.cli("pin", "--check", "chat::win_rate")
    assert "the texts of 'win_rate' cannot be pinned; expected a check 'adversary'" in said.err[0]
    assert "exclude each other" in gate.cli("pin", "--all", "--check", "chat::again").err[0]
    assert gate.cli("pin", "--check", "chat::again").code == 0
    assert gate.cli("pin", "--all").code == 0
    kept = (gate.root / "suites/pins.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(kept) == 2


def test_an_unknown_transformation_is_an_error_at_the_check(gate: Project) -> None:
    gate.suite("chat", {**SEARCH, "transformations": ["doubled_blank"]})
    text = text_of(gate.run())
    assert "suites/chat.yaml:5:3: check 'adversary': transformations: no transformation" in text
    assert "did you mean 'doubled_blanks'?" in text


def test_a_wrong_promise_is_one_error_and_the_other_says_what_to_add(gate: Project) -> None:
    gate.suite("chat", {**SEARCH, "promises": ["preserve"]})
    text = text_of(gate.run())
    assert "did you mean 'preserves'" in text
    assert "too short" not in text
    gate.suite("chat", {**SEARCH, "transformations": ["flattery"]})
    text = text_of(gate.run())
    assert "transformations: 'flattery' tempts the text; expected one that preserves it" in text
    assert "or add 'tempts' to 'promises'" in text
