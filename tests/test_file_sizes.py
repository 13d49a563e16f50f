"""A file is a noun: one that grows past the limit is two."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES = 400
FOLDERS = ("rmcheck", "benchmarks", "fixtures/build", "docs/build", "tests")
ENDINGS = {".py", ".js", ".css", ".j2"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_source_file_is_past_the_limit(folder: str) -> None:
    sources = [path for path in (ROOT / folder).rglob("*") if path.suffix in ENDINGS]
    assert sources
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources}
    long = {path: length for path, length in lengths.items() if length > MOST_LINES}
    assert not long
