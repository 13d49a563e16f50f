"""Lines on the terminal, in which nothing that others wrote is obeyed."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rmcheck.errors import UsageError
from rmcheck.wording import escaped

PAGE = "<!doctype html>"
"""How each page begins that a command writes."""


def tell(*lines: str, error: bool = False) -> None:
    """Print each line escaped, to standard output or to standard error."""
    for line in lines:
        print(escaped(line), file=sys.stderr if error else sys.stdout)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def put(name: str, text: str, *, error: bool = False) -> None:
    """Write a file that the user named, and say so."""
    target = Path(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8", newline="\n")
    tell(f"wrote {name}", error=error)


def tell_json(value: Any, *, indent: int) -> None:
    """Print a value as JSON, with what would command a terminal as an escape of JSON."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # A line break is between two values here: JSON escapes those within a text by itself.
    print("".join(_in_json(character) for character in text))


def _in_json(character: str) -> str:
    if character == "\n" or escaped(character) == character:
        return character
    return f"\\u{ord(character):04x}"


def refuse_to_overwrite(option: str, name: str, *, made: str) -> None:
    """Refuse a file that exists, unless it begins with `made`, as those of the command do."""
    target = Path(name)
    if target.is_dir():
        raise UsageError(f"{option} {name}: is a folder; give a file")
    if not target.is_file():
        return
    if target.stat().st_size and not begins_with(target, made):
        raise UsageError(
            f"{option} {name}: already exists and was not written by this command; choose another "
            "path"
        )


def begins_with(target: Path, made: str) -> bool:
    """Whether a file is text that begins with `made`, after blanks: this program wrote it."""
    try:
        with target.open(encoding="utf-8") as file:
            return file.read(1000).lstrip().startswith(made)
    except (OSError, ValueError):
        return False


JSON_LINES = (".jsonl", ".json", ".ndjson")


def refuse_to_replace(target: Path) -> None:
    """Overwrite score files, which are generated; refuse any other file, and any other ending."""
    if target.suffix not in JSON_LINES:
        raise UsageError(
            f"-o {target}: scores are written as JSON Lines; use a name that ends in "
            f"{', '.join(JSON_LINES)}"
        )
    if not target.is_file():
        return
    try:
        with target.open(encoding="utf-8") as file:
            row = json.loads(next(iter(file), "{}"))
    except (OSError, ValueError):
        row = None
    if not isinstance(row, dict) or {"prompt", "responses"} & set(row):
        raise UsageError(
            f"-o {target}: already exists and is not a score file; choose another path"
        )
