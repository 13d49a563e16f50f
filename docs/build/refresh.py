"""Files that a script makes: compared with what they should be, and written where they differ."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def command(
    description: str,
    made: Callable[[argparse.Namespace], Mapping[Path, str]],
    *more: Callable[[argparse.ArgumentParser], object],
) -> int:
    """The `main` of a script: writes the files that are `made`, or with `--check` none.

    `more` adds the script's own arguments to the parser; `made` gets what was given. Names each
    file that differed. The exit code is 1 when one did and `--check` was given.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when one differs")
    for add in more:
        add(parser)
    given = parser.parse_args()
    files = made(given).items()
    stale = [path for path, text in files if refreshed(path, text, check=given.check)]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'stale' if given.check else 'written'}")
    return int(bool(stale) and given.check)


def refreshed(path: Path, text: str, *, check: bool) -> bool:
    """Whether `path` did not hold `text`; it does afterwards, unless it is only to `check`."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if not check:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return True
