"""Look at files before they are committed: line ends, YAML that parses, nothing large.

    python .ci/files.py FILE...

Prints one line for each mistake; exit code 1 tells that there is one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

LARGEST = 1024 * 1024
# The embedded model, the training data and the sample reports are as large as they have to be.
MAY_BE_LARGE = ("fixtures/", "reports/")
MADE = ("reports/", "fixtures/", "schemas/")
"""Where files lie that scripts write and nobody edits; their ends are the scripts' business."""


def mistakes(path: Path) -> Iterator[str]:
    """What is wrong with a file, named relative to the repository's root, in words."""
    name, content = path.as_posix(), path.read_bytes()
    if len(content) > LARGEST and not name.startswith(MAY_BE_LARGE):
        yield f"{name}: {len(content):,} bytes; at most {LARGEST:,} outside fixtures/"
    if b"\0" in content:
        return
    if b"\r\n" in content:
        yield f"{name}: lines end in CRLF; expected LF"
    ends_well = content.endswith(b"\n") and not content.endswith(b"\n\n")
    if content and not ends_well and not name.startswith(MADE):
        yield f"{name}: expected exactly one line break at the end"
    if path.suffix in (".yaml", ".yml"):
        try:
            list(yaml.safe_load_all(content))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
            yield f"{name}{place}: {getattr(error, 'problem', None) or 'not valid YAML'}"


def main(names: Sequence[str]) -> int:
    """Print the mistakes of all files."""
    found = [said for name in names for said in mistakes(Path(name))]
    print(*found, sep="\n", end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
