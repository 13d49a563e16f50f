"""Whose a YAML file is: asked of every YAML file that pytest meets, so it imports nothing heavy."""

from __future__ import annotations

import re
from pathlib import Path

_LOOKS = re.compile(r"^[\s\ufeff{]*[\"']?(rmcheck|checks)[\"']?\s*:", re.MULTILINE)


def looks_like_suite(path: Path) -> bool:
    """Whether a YAML file means to be a suite: its text has the key `rmcheck` or `checks`."""
    try:
        return bool(_LOOKS.search(path.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return False
