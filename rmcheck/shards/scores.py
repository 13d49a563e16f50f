"""The scores of one shard: computed, written whole or not at all, read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rmcheck.errors import SourceError, os_reason
from rmcheck.reward_source import Source
from rmcheck.scoring.rewards import checked
from rmcheck.shards.items import row_of, texts_of
from rmcheck.shards.plan import written

BLOCK = 1 << 16
"""The most bytes that are read of a shard at a time."""


def score(source: Source, given: Path, output: Path) -> None:
    """Score the items of the file `given` into `output`.

    The last line has the number of rows and their hash, so that a cut file is not believed.

    Raises
    ------
    SourceError
        If the source fails, or the scores cannot be written.
    """
    try:
        with given.open(encoding="ascii") as file:
            lines: list[dict[str, Any]] = [json.loads(line) for line in file]
    except (OSError, ValueError) as error:
        raise SourceError(f"{given}: cannot be read ({error}); make the plan again") from None
    lines.sort(key=lambda line: "set" in line)  # stable: pairs, then sets, as the data have them
    texts = [texts_of(line) for line in lines]
    dialogues = [dialogue for several in texts for dialogue in several]
    found = source.score(dialogues) if dialogues else np.empty(0)
    rewards = checked(found, dialogues, source.spec).tolist()
    rows, at = [], 0
    for line, several in zip(lines, texts, strict=True):
        rows.append(row_of(line, rewards[at : at + len(several)]))
        at += len(several)
    content = "".join(rows).encode()
    seal = {"rows": len(rows), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        written(output, lambda file: file.write(content + json.dumps(seal).encode() + b"\n"))
    except OSError as error:
        raise SourceError(f"{output}: cannot be written: {os_reason(error)}") from None


def whole(output: Path) -> bool:
    """Whether the scores of a shard are there, all of them and unchanged."""
    try:
        content = output.read_bytes()
        rows, _, last = content[:-1].rpartition(b"\n")
        seal = json.loads(last)
        body = rows + b"\n" if rows else b""
        return bool(
            content.endswith(b"\n")
            and seal["sha256"] == hashlib.sha256(body).hexdigest()
            and seal["rows"] == body.count(b"\n")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def rows(output: Path, block: int = BLOCK) -> Iterator[bytes]:
    """The rows of a shard's scores in order, without the seal; the file is open for moments only.

    `block` bytes are read at a time.

    Thousands of shards are merged at a time, more than a process may have open files.
    """
    at, rest, held = 0, b"", b""
    while True:
        with output.open("rb") as file:
            file.seek(at)
            read = file.read(block)
        if not read:
            return  # what is held back is the seal
        at += len(read)
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            if held:
                yield held
            held = line + b"\n"
