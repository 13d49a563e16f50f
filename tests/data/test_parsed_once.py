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


def test_files_that_share_no_id_are_one_table(tmp_path: Path) -> None:
    """Their rows, files and order are those of files that are read one by one (`columns`)."""
    pair = {"id": "a", "prompt": "Hi", "chosen": "Hello", "rejected": "Bye"}
    row = {"id": "s", "prompt": "Hi", "responses": ["x", "y"], "best": [0]}
    for name, rows in (("one", [pair, row]), ("two", [pair | {"id": "b"}])):
        lines = "".join(json.dumps(each) + "\n" for each in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    paths = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    found, alone = load(paths, root=tmp_path), load(paths[:1])
    assert [each.id for each in found.pairs] == ["a", "b"]
    assert [each.id for each in found.sets] == ["s"]
    assert found.paths == ("one.jsonl", "two.jsonl")
    assert [note.rows for note in found.notes] == [2, 1]
    assert found.pairs[0] is alone.pairs[0]
    (tmp_path / "two.jsonl").write_text(json.dumps(pair | {"chosen": "Ho"}) + "\n")
    with pytest.raises(ProblemsFound, match=r"duplicate id 'a' .first at one\.jsonl:1"):
        load(paths, root=tmp_path)
    (tmp_path / "two.jsonl").write_text(json.dumps(pair | {"chosen": "REPLACE THIS"}) + "\n")
    with pytest.raises(ProblemsFound, match="still begins with 'REPLACE THIS'"):
        load(paths[1:])
