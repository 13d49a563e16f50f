"""Whose a YAML file is: asked of every YAML file that pytest meets, so it imports nothing heavy."""

from __future__ import annotations

import re
from pathlib import Path

MAX_BYTES = 100_000
"""No suite is larger; of a larger file only this much is looked at."""

# Blanks but no line end before the key: over many empty lines the search would be quadratic.
_LOOKS = re.compile(r"^[ \t\ufeff{]*[\"']?(rmcheck|checks)[\"']?[ \t]*:", re.MULTILINE)


def looks_like_suite(path: Path) -> bool:
    """Whether a YAML file means to be a suite: its text has the key `rmcheck` or `checks`."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return bool(_LOOKS.search(file.read(MAX_BYTES)))
    except OSError:
        return False
