"""Limits of a YAML file: they hold while it is read, so that no file takes long to refuse."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from rmcheck.errors import ProblemsFound
from rmcheck.foreign import looks_like_suite
from rmcheck.yaml_nodes import MAX_BYTES, MAX_DEPTH, MAX_VALUES, compose, text_of


def refused(text: str) -> str:
    with pytest.raises(ProblemsFound) as caught:
        compose(text, "a.yaml")
    (problem,) = caught.value.problems
    return str(problem)


def test_what_stands_at_a_limit_is_read() -> None:
    node = compose("[" * MAX_DEPTH + "]" * MAX_DEPTH, "a.yaml")
    for _ in range(MAX_DEPTH - 1):
        assert node is not None
        (node,) = node.value
    assert node is not None
    assert node.value == []
    found = compose("[" + "a," * (2 * MAX_VALUES - 1) + "]", "a.yaml")
    assert found is not None
    assert len(found.value) == 2 * MAX_VALUES - 1
    assert compose("#" * MAX_BYTES, "a.yaml") is None


def test_what_passes_a_limit_is_refused_at_its_place() -> None:
    # The 33rd bracket; the 20,000th item behind "[" and 19,999 times two characters.
    assert refused("[" * (MAX_DEPTH + 1)).startswith("a.yaml:1:33: nested deeper than 32")
    said = "a.yaml:1:40000: more than 10,000 values"
    assert refused("[" + "a," * (2 * MAX_VALUES) + "]").startswith(said)
    assert refused("#" * (MAX_BYTES + 1)) == "a.yaml: larger than 100,000 bytes; split it"
    assert refused("é" * (MAX_BYTES // 2 + 1)) == "a.yaml: larger than 100,000 bytes; split it"


def test_of_a_large_file_only_the_beginning_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.write(b"rmcheck: 1\n")
        file.truncate(10_000_000_000)  # a hole: it takes no room on the disk
    started = time.process_time()
    assert looks_like_suite(path)
    with pytest.raises(ProblemsFound, match="larger than 100,000 bytes"):
        text_of(path, "a.yaml")
    assert time.process_time() - started < 1


@pytest.mark.parametrize("line", ["\n", " \n", " ", "{", "\t", "checks", "rmcheck "])
def test_asking_whether_a_file_is_a_suite_takes_no_time(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(line * 100_000)
    started = time.process_time()
    assert not looks_like_suite(path)
    assert time.process_time() - started < 1
