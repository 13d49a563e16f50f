"""The pairs and response sets of data files one by one, without holding all of them."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rmcheck.data import Dialogue, Message, PreferencePair, ResponseSet
from rmcheck.data.dialogue import Prompt
from rmcheck.data.file_note import FileNote, told
from rmcheck.data.layouts import repeated
from rmcheck.data.preferences import UNFILLED, Item, load, unfilled
from rmcheck.data.reading import begins_as_ours
from rmcheck.data.row_reader import read_item
from rmcheck.data.rows import read_rows, shown_path
from rmcheck.errors import Problem, ProblemsFound

MOST_PROBLEMS = 600


@dataclass
class ItemStream:
    """Data files read item by item.

    A file in our own layout is read row by row, whatever its size. One in another layout is read
    whole, since a layout is recognised from all rows.

    Parameters
    ----------
    paths
        The files.
    root
        Messages print paths below this folder relative to it.
    layout
        The name of the layout of all files; by default each file's is recognised.
    """

    paths: Sequence[Path]
    root: Path | None = None
    layout: str | None = None

    def __post_init__(self) -> None:
        self.said: list[str] = []

    def __iter__(self) -> Iterator[Item]:
        """Every item in the order of the files.

        Raises
        ------
        ProblemsFound
            After the last item: every malformed row, and every id that came before.
        """
        problems: list[Problem] = []
        seen = array("q")
        notes: list[FileNote] = []
        for path in self.paths:
            shown = shown_path(path, self.root)
            if self.layout is None and begins_as_ours(path, shown):
                found = _row_by_row(path, shown, problems)
            else:
                data = load([path], root=self.root, layout=self.layout)
                notes.extend(data.notes)
                found = iter((*data.pairs, *data.sets))
            for item in found:
                seen.append(hash(item.id))
                yield item
        self.said = told(notes)
        if problems:
            raise ProblemsFound(problems[:MOST_PROBLEMS])
        stamps = np.frombuffer(seen, dtype=np.int64) if seen else np.empty(0, dtype=np.int64)
        stamps.sort()  # in place: of ten million ids, a copy would be the largest thing in memory
        if (stamps[1:] == stamps[:-1]).any():
            load(self.paths, root=self.root, layout=self.layout)  # names the ids and their lines


def _row_by_row(path: Path, shown: str, problems: list[Problem]) -> Iterator[Item]:
    try:
        for row in read_rows(path, shown):
            item = read_item(row, {}, problems)
            if item is None:
                continue
            if unfilled(item):
                problems.append(Problem(shown, row.line, 1, UNFILLED))
                continue
            if repeated.repeats_surely(row.values):
                problems.append(Problem(shown, row.line, 1, repeated.SAID))
                continue
            yield item
    except ProblemsFound as error:
        problems.extend(error.problems)


def packed(item: Item | Dialogue) -> str:
    """An item, or a single text, as a line of a shard's input."""
    prompt: Any = item.prompt
    if not isinstance(prompt, str):
        prompt = [[message.role, message.content, message.extra] for message in prompt]
    if isinstance(item, Dialogue):
        line = {"id": item.key, "hash": item.origin, "prompt": prompt, "text": item.response}
    elif isinstance(item, PreferencePair):
        both = [item.chosen, item.rejected]
        line = {"id": item.id, "hash": item.hash, "prompt": prompt, "pair": both}
    else:
        line = {"id": item.id, "hash": item.hash, "prompt": prompt, "set": list(item.responses)}
    return json.dumps(line, ensure_ascii=True) + "\n"


def texts_of(line: dict[str, Any]) -> Sequence[Dialogue]:
    """The dialogues of a line, in order."""
    prompt: Prompt
    turns = line["prompt"]
    prompt = turns if isinstance(turns, str) else tuple(Message(*turn) for turn in turns)
    if "text" in line:
        return [Dialogue(prompt, line["text"], line["id"], line["hash"])]
    if "pair" in line:
        chosen, rejected = line["pair"]
        return PreferencePair(line["id"], prompt, chosen, rejected, group="").dialogues()
    return ResponseSet(line["id"], prompt, tuple(line["set"]), (), "").dialogues()


def row_of(line: dict[str, Any], rewards: Sequence[float]) -> str:
    """The row of a score file for a line and the rewards of its texts."""
    row: dict[str, Any] = {"id": line["id"], "hash": line["hash"]}
    if "pair" in line:
        row |= {"chosen": rewards[0], "rejected": rewards[1]}
    elif "set" in line:
        row["scores"] = list(rewards)
    else:
        row["score"] = rewards[0]
    return json.dumps(row) + "\n"
