"""A plan: which item of the data is in which shard, so that texts of one prompt stay together.

A plan is a folder with `plan.json`, `order.npy` (the shard of each row of the score file), and
`in-*.jsonl`, the items of each shard. It depends on the source, the data and the number of shards,
so every process that makes it makes the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from array import array
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair
from rmcheck.data.dialogue import content_hash, prompt_group
from rmcheck.data.preferences import Item
from rmcheck.errors import SourceError, UsageError, os_reason
from rmcheck.shards.items import packed

FORMAT = 1
PLAN, ORDER = "plan.json", "order.npy"
SHARD_BYTES = 4_000_000
"""Of data in a shard, about, unless a number of shards is given."""
MOST_SHARDS = 4096
HELD = 64_000_000
"""Characters of lines that wait in memory to be written."""


@dataclass(frozen=True)
class Plan:
    """What is scored, by which source, in how many shards.

    Parameters
    ----------
    folder
        Where the plan is.
    source, fingerprint
        The source's spec, without secrets, and its fingerprint.
    items, texts
        Rows of the score file, and texts in all.
    sizes
        Texts of each shard.
    digests
        SHA-256 of each shard's items.
    """

    folder: Path
    source: str
    fingerprint: str
    items: int
    texts: int
    sizes: tuple[int, ...]
    digests: tuple[str, ...]

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return len(self.sizes)

    def input(self, shard: int) -> Path:
        """The file with the items of a shard."""
        return self.folder / f"in-{shard:05d}.jsonl"

    def output(self, shard: int) -> Path:
        """The file with the scores of a shard; its name is a hash of its items and the source."""
        key = content_hash("shard", FORMAT, self.fingerprint, self.digests[shard])
        return self.folder / f"out-{key}.jsonl"

    @property
    def order(self) -> NDArray[np.int32]:
        """The shard of each row of the score file, shape (items,)."""
        found: NDArray[np.int32] = np.load(self.folder / ORDER, allow_pickle=False)
        return found

    def as_data(self) -> dict[str, Any]:
        """It as JSON, without the folder."""
        return {
            "format": FORMAT,
            "source": self.source,
            "fingerprint": self.fingerprint,
            "items": self.items,
            "texts": self.texts,
            "sizes": list(self.sizes),
            "digests": list(self.digests),
        }


def number_of_shards(size: int) -> int:
    """How many shards data of `size` bytes have: a power of two.

    >>> number_of_shards(1), number_of_shards(4_000_001), number_of_shards(40_000_000)
    (1, 2, 16)
    """
    wanted = max(1, -(-size // SHARD_BYTES))
    return min(MOST_SHARDS, 1 << (wanted - 1).bit_length())


def shard_of(item: Item | Dialogue, shards: int) -> int:
    """The shard of an item: that of its prompt, from 0."""
    return int(prompt_group(item.prompt), 16) % shards


def make(
    folder: Path,
    items: Iterable[Item | Dialogue],
    shards: int,
    *,
    source: str,
    fingerprint: str,
    mine: Collection[int] | None = None,
    replace: bool = False,
) -> Plan:
    """Write the plan for `items`, in one pass and in bounded memory.

    Parameters
    ----------
    folder
        Where the plan goes; made when it is not there.
    items
        Pairs, response sets or single texts.
    shards
        How many shards, at least 1.
    mine
        The shards whose items are written; None: all.
    replace
        Whether the plan of other data or another source is replaced.

    Raises
    ------
    UsageError
        If `folder` has the plan of other data or another source, and it is not to be replaced.
    SourceError
        If it cannot be written.
    """
    wanted = range(shards) if mine is None else sorted(mine)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        spool = _Spool(folder)
        try:
            order, sizes, digests = _assign(items, shards, spool, frozenset(wanted))
            plan = Plan(folder, source, fingerprint, len(order), sum(sizes), tuple(sizes), digests)
            if not replace:
                _refuse_other(plan)
            spool.put(plan, wanted)
        finally:
            spool.remove()
        written(folder / ORDER, lambda file: np.save(file, order, allow_pickle=False))
        text = json.dumps(plan.as_data()) + "\n"
        written(folder / PLAN, lambda file: file.write(text.encode()))
    except OSError as error:
        raise SourceError(f"{folder}: the plan cannot be written: {os_reason(error)}") from None
    return plan


def _assign(
    items: Iterable[Item | Dialogue], shards: int, spool: _Spool, mine: Collection[int]
) -> tuple[NDArray[np.int32], list[int], tuple[str, ...]]:
    """The shard of each row, texts and digest of each shard; the lines of `mine` are spooled."""
    order, sets = array("i"), array("i")
    sizes = [0] * shards
    digests = [hashlib.sha256() for _ in range(shards)]
    for item in items:
        shard = shard_of(item, shards)
        line = packed(item)
        digests[shard].update(line.encode())
        if isinstance(item, PreferencePair):
            sizes[shard] += 2
            order.append(shard)
        elif isinstance(item, Dialogue):
            sizes[shard] += 1
            order.append(shard)
        else:  # in a score file the response sets follow the pairs
            sizes[shard] += len(item.responses)
            sets.append(shard)
        if shard in mine:
            spool.add(shard, line)
    order.extend(sets)
    rows = np.frombuffer(order, dtype=np.int32) if order else np.empty(0, dtype=np.int32)
    return rows, sizes, tuple(digest.hexdigest() for digest in digests)


class _Spool:
    """Lines on their way to the files of their shards, appended a block at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / f".spool.{os.getpid()}"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        self._waiting: dict[int, list[str]] = {}
        self._size = 0

    def add(self, shard: int, line: str) -> None:
        self._waiting.setdefault(shard, []).append(line)
        self._size += len(line)
        if self._size > HELD:
            self._append()

    def put(self, plan: Plan, shards: Iterable[int]) -> None:
        """Move the finished files into their places; a shard without items gets an empty file."""
        self._append()
        for shard in shards:
            path = self._folder / str(shard)
            path.touch()
            path.replace(plan.input(shard))

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _append(self) -> None:
        for shard, lines in self._waiting.items():
            with (self._folder / str(shard)).open("a", encoding="ascii", newline="\n") as file:
                file.writelines(lines)
        self._waiting.clear()
        self._size = 0


def written(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file whole or not at all, whoever else writes it."""
    staging = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with staging.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        staging.replace(path)
    finally:
        staging.unlink(missing_ok=True)


def read(folder: Path) -> Plan:
    """The plan in a folder.

    Raises
    ------
    UsageError
        If the folder has no plan, or one of another version.
    """
    path = folder / PLAN
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise UsageError(
                f"{path}: format {told['format']} of another version of rmcheck; score again"
            )
        return Plan(
            folder,
            str(told["source"]),
            str(told["fingerprint"]),
            int(told["items"]),
            int(told["texts"]),
            tuple(map(int, told["sizes"])),
            tuple(map(str, told["digests"])),
        )
    except OSError as error:
        raise UsageError(
            f"{folder}: no plan of shards ({os_reason(error)}); expected the folder of "
            "`rmcheck score DATA --shard I/N --shard-folder FOLDER`"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: damaged ({error}); remove it, and score again") from None


def _refuse_other(plan: Plan) -> None:
    if not (plan.folder / PLAN).exists():
        return
    known = read(plan.folder)
    for what, mine, theirs in (
        ("source", plan.fingerprint, known.fingerprint),
        ("number of shards", plan.shards, known.shards),
        ("data", plan.digests, known.digests),
    ):
        if mine != theirs:
            raise UsageError(
                f"{plan.folder}: has the plan of another {what}; choose another folder, or remove "
                "this one"
            )
