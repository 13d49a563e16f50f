"""Files that a script makes: compared with what they should be, and written where they differ."""

from __future__ import annotations

from pathlib import Path


def refreshed(path: Path, text: str, *, check: bool) -> bool:
    """Whether `path` did not hold `text`; it does afterwards, unless it is only to `check`."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if not check:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return True
