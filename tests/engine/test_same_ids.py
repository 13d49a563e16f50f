"""An id of two suites with other texts in each: a row that cannot tell them apart is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import make_pairs, make_suite

from rmcheck.checks.win_rate import WinRate
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.same_ids import refused
from rmcheck.errors import SourceError
from rmcheck.reward_source import Source, SourceOptions
from rmcheck.sources import create
from rmcheck.suite import Suite

CHAT = make_pairs(20)
CODE = [replace(pair, prompt=f"Code: {pair.prompt}") for pair in CHAT[:5]]
"""Other texts under the same ids."""


def row(name: str, **more: Any) -> Mapping[str, Any]:
    return {"id": name, "chosen": 1.0, "rejected": 0.0, **more}


def source(root: Path, *rows: Mapping[str, Any], kind: str = "scores:a.jsonl") -> Source:
    for name in ("a.jsonl", "b.jsonl"):
        text = "".join(f"{json.dumps(each)}\n" for each in rows)
        (root / name).write_text(text, encoding="utf-8")
    return create(kind, SourceOptions(root=root, cache=root / "cache"))


def asked(root: Path, given: Source, *suites: Suite) -> SourceError | None:
    return refused(given, suites, ScoreBook(root / "cache").view)


def suites(chat: list[Any] = CHAT, code: list[Any] = CODE) -> tuple[Suite, Suite]:
    check = WinRate(min=0.5)
    return make_suite(chat, [check], name="chat"), make_suite(code, [check], name="code")


@pytest.mark.parametrize("kind", ["scores:a.jsonl", "ensemble:scores:a.jsonl;scores:b.jsonl"])
def test_a_plain_row_cannot_be_of_either_text(tmp_path: Path, kind: str) -> None:
    given = source(tmp_path, *(row(pair.id) for pair in CHAT), kind=kind)
    error = asked(tmp_path, given, *suites())
    assert error is not None
    assert f"id '{CHAT[0].id}' (and 4 more ids) has different texts in the suites chat" in (
        str(error)
    )
    assert "add a key 'suite'" in str(error)


def test_a_row_of_another_suite_is_not_taken_for_other_texts(tmp_path: Path) -> None:
    given = source(tmp_path, *(row(pair.id, suite="code") for pair in CODE))
    error = asked(tmp_path, given, *suites(CHAT[:1]))
    assert error is not None


@pytest.mark.parametrize(
    "rows",
    [
        [row(pair.id, hash=pair.hash) for pair in (*CHAT, *CODE)],
        [
            *(row(pair.id, suite="chat") for pair in CHAT),
            *(row(pair.id, suite="code") for pair in CODE),
        ],
        [{"prompt": p.prompt, "response": r, "score": 1.0} for p in (*CHAT, *CODE)
         for r in (p.chosen, p.rejected)],
    ],
    ids=["hashes", "suites", "texts"],
)  # fmt: skip
def test_rows_that_say_what_they_are_of_are_taken(tmp_path: Path, rows: list[Any]) -> None:
    assert asked(tmp_path, source(tmp_path, *rows), *suites()) is None


def test_the_same_pair_in_two_suites_is_no_question(tmp_path: Path) -> None:
    given = source(tmp_path, *(row(pair.id) for pair in CHAT))
    copies = [replace(pair, tags=("again",)) for pair in CHAT[:5]]
    assert asked(tmp_path, given, *suites(CHAT, copies)) is None
    assert asked(tmp_path, given, suites()[0]) is None
