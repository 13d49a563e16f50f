"""Write `schemas/`, what `rmcheck schema` prints.

    python docs/build/schemas.py [--check]

With `--check` nothing is written; exit code 1 tells that a file is not what the models say now.
"""

from __future__ import annotations

import sys
from pathlib import Path

from refresh import command

from rmcheck.scaffold.schema import SCHEMAS, rendered

FOLDER = Path(__file__).resolve().parents[2] / "schemas"


def files() -> dict[Path, str]:
    """Every published schema with the text that it should have."""
    return {FOLDER / each.file: rendered(each.make()) for each in SCHEMAS.values()}


def main() -> int:
    return command("Write the JSON Schemas in schemas/.", lambda _: files())


if __name__ == "__main__":
    sys.exit(main())
