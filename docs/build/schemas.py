"""Write `schemas/`, what `rmcheck schema` prints.

    python docs/build/schemas.py [--check]

With `--check` nothing is written; exit code 1 tells that a file is not what the models say now.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from refresh import refreshed

from rmcheck.schema import SCHEMAS, rendered

FOLDER = Path(__file__).resolve().parents[2] / "schemas"


def files() -> dict[Path, str]:
    """Every published schema with the text that it should have."""
    return {FOLDER / each.file: rendered(each.make()) for each in SCHEMAS.values()}


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the JSON Schemas in schemas/.")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when one differs")
    options = parser.parse_args()
    made = files().items()
    stale = [path for path, text in made if refreshed(path, text, check=options.check)]
    for path in stale:
        print(f"schemas/{path.name}: {'stale' if options.check else 'written'}")
    return int(bool(stale) and options.check)


if __name__ == "__main__":
    sys.exit(main())
