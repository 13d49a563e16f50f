"""Suite files as text, and what is said of a broken one."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import write_suite

from rmcheck.errors import ProblemsFound
from rmcheck.suite import load_suite

TOP = "rmcheck: 1\nname: chat\ndata: chat.jsonl\n"
ONE = "checks:\n  - check: win_rate\n    min: 0.7\n"


def write(root: Path, text: str | bytes) -> Path:
    path = write_suite(root, "")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def told(root: Path, text: str | bytes) -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        load_suite(write(root, text), root)
    return str(caught.value).splitlines()
