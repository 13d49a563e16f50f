"""A data file that several suites name: parsed once, unless its content changes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rmcheck.data.preferences import load
from rmcheck.errors import ProblemsFound


def test_a_file_of_several_suites_is_parsed_once(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    row = {"id": "a", "prompt": "Hi", "chosen": "Hello", "rejected": "Bye"}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (first,), (again,) = load([path]).pairs, load([path], root=tmp_path).pairs
    assert first is again
    (renamed,) = load([path], columns={"chosen": "rejected", "rejected": "chosen"}).pairs
    assert (renamed.chosen, renamed.rejected) == ("Bye", "Hello")
    status = path.stat()
    path.write_text(json.dumps(row | {"chosen": "Howdy"}) + "\n", encoding="utf-8")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (edited,) = load([path]).pairs
    assert edited.chosen == "Howdy"


def test_mistakes_are_told_each_time(tmp_path: Path) -> None:
    path = tmp_path / "chat.jsonl"
    path.write_text('{"id": "a", "prompt": "Hi", "chosen": "Hello"}\n', encoding="utf-8")
    for shown in (None, tmp_path):
        with pytest.raises(ProblemsFound, match="rejected"):
            load([path], root=shown)
