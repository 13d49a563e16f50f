"""Lines on the terminal, in which nothing that others wrote is obeyed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rmcheck.wording import escaped


def tell(*lines: str, error: bool = False) -> None:
    """Print each line escaped, to standard output or to standard error."""
    for line in lines:
        print(escaped(line), file=sys.stderr if error else sys.stdout)


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
