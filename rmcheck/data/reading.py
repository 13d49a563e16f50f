"""From a file, or rows of a hub's data set, to pairs and response sets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rmcheck import collector
from rmcheck.data.doubts import Doubts, needs_a_look
from rmcheck.data.file_note import FileNote, LeftOut, note_of
from rmcheck.data.forms.json_text import NotText
from rmcheck.data.forms.tables import is_table
from rmcheck.data.layouts import repeated, texts
from rmcheck.data.layouts.layout import Item, Layout, NoPreference, NotAPair
from rmcheck.data.layouts.recognise import named, recognised, unrecognised
from rmcheck.data.layouts.registry import OURS
from rmcheck.data.layouts.shape import Shape
from rmcheck.data.row_reader import plain_pair, read_item
from rmcheck.data.rows import Row, read_rows, renamed, under_our_keys
from rmcheck.data.unread import unread
from rmcheck.errors import Problem, ProblemsFound
from rmcheck.wording import counted

MOST_LEFT_OUT = 0.05
"""The largest share of rows that may be left out for a fault of theirs."""
SAME_TEXTS = "the same texts as an earlier row"


@dataclass
class Reading:
    """What was read of a file: items with their lines, and the mistakes of its rows."""

    note: FileNote
    items: list[tuple[int, Item]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    read: int = 0
    """How many rows were looked at, mistakes included."""
    sources: list[Mapping[str, Any]] = field(default_factory=list)
    """The row of each item, where they were asked for."""


@collector.paused()
def read_file(
    path: Path,
    shown: str,
    columns: Mapping[str, str],
    layout: str | None = None,
    *,
    keep: bool = False,
) -> Reading:
    """The pairs and response sets of a file, in its layout.

    Parameters
    ----------
    layout
        The name of the layout; None: recognise it from all rows.
    keep
        Whether the rows are kept beside their items.
    """
    if layout in (None, OURS):
        found = _ours(path, shown, columns, strict=layout is None, keep=keep)
        if found is not None:
            return found
    form: list[str] = []
    rows: list[Row] = []
    bad: ProblemsFound | None = None
    try:
        rows.extend(under_our_keys(row, columns) for row in read_rows(path, shown, form))
    except ProblemsFound as error:
        bad = error
    found = read_layout(rows, shown, columns, layout, form[-1] if form else "", keep=keep)
    if bad is not None:
        _add(found, bad)
    return found


def _add(found: Reading, error: ProblemsFound) -> None:
    """Add the mistakes of a file's form to those of its rows."""
    if isinstance(error, NotText):
        found.problems.clear()
    found.problems.extend(error.problems)
    found.read += len(error.problems)


def _ours(
    path: Path, shown: str, columns: Mapping[str, str], *, strict: bool, keep: bool
) -> Reading | None:
    """The file in our own layout, row by row; with `strict` None unless it surely has that."""
    form: list[str] = []
    found = Reading(FileNote(shown))
    doubts = Doubts()
    as_it_is = not columns and not is_table(shown)
    try:
        for row in read_rows(path, shown, form):
            plain = plain_pair(row.values) if as_it_is else None
            if plain is not None and not _particular(row.values):
                found.read += 1
                found.items.append((row.line, plain))
                found.sources.extend([row.values] if keep else [])
                if needs_a_look(row.values):
                    doubts.look(row.line, row.values, plain)
                continue
            row = row if as_it_is else renamed(row, columns)
            if strict and not surely_ours(row.values):
                return None
            found.read += 1
            item = read_item(row, columns, found.problems)
            if item is not None:
                found.items.append((row.line, item))
                found.sources.extend([row.values] if keep else [])
                if needs_a_look(row.values):
                    doubts.look(row.line, row.values, item)
    except ProblemsFound as error:
        if strict and not found.read:
            return None
        _add(found, error)
    if strict and any(repeated.item_repeats(item) for _, item in found.items):
        return None  # told, or read without the prompt, once all rows are looked at
    return _noted(found, doubts, strict, form[-1] if form else "")


def _noted(found: Reading, doubts: Doubts, guessed: bool, form: str) -> Reading:
    """What was read in our own layout, with its note."""
    found.note = note_of(
        found.note.path, OURS, guessed=guessed, form=form, rows=found.read, remarks=doubts.found
    )
    found.problems.extend(Problem(found.note.path, 0, 0, said) for said in doubts.mistakes())
    return found


_PARTICULAR = ("subset", "chosen_model", "rejected_model")
"""The keys of RewardBench, whose rows look like ours otherwise."""


def surely_ours(values: Mapping[str, Any]) -> bool:
    """Whether a row has our own layout and no other, whatever the other rows are."""
    name = values.get("id")
    if not isinstance(name, str | int) or isinstance(name, bool) or "prompt" not in values:
        return False
    if "responses" in values:
        return "best" in values
    both = isinstance(values.get("chosen"), str) and isinstance(values.get("rejected"), str)
    return both and not _particular(values)


def _particular(values: Mapping[str, Any]) -> bool:
    return "subset" in values and all(key in values for key in _PARTICULAR)


def read_layout(
    rows: list[Row],
    shown: str,
    columns: Mapping[str, str],
    layout: str | None,
    form: str = "",
    *,
    keep: bool = False,
) -> Reading:
    """Rows that are in memory, their columns renamed, in a layout.

    The list is emptied, so that a row's memory is free once it is read.
    """
    if not rows:
        return Reading(FileNote(shown, layout or OURS, form=form))
    try:
        cells = decoded(rows)
    except ProblemsFound as error:
        return Reading(FileNote(shown), problems=list(error.problems), read=len(rows))
    shape = Shape(row.values for row in cells)
    try:
        chosen = named(layout) if layout is not None else _recognised(shape, cells)
    except ValueError as error:
        return _refused(shown, len(rows), str(error))
    if chosen is None:
        return _refused(shown, len(rows), unrecognised(shape, columns))
    if chosen.name == OURS:
        found, doubts = Reading(FileNote(shown), read=len(rows)), Doubts()
        for row in rows:
            item = read_item(renamed(row, {}), columns, found.problems)
            if item is None:
                continue
            if layout is None and repeated.repeats_surely(row.values):
                found.problems.append(Problem(shown, row.line, 1, repeated.SAID))
                continue
            found.items.append((row.line, item))
            found.sources.extend([row.values] if keep else [])
            doubts.look(row.line, row.values, item)
        return _noted(found, doubts, layout is None, form)
    return _in_layout(cells, shown, chosen, layout is None, form, keep, columns)


_EXPLICIT = ("trl", OURS)
"""Layouts of a prompt and two answers, whose answers may repeat the prompt."""


def _recognised(shape: Shape, rows: Sequence[Row]) -> Layout | None:
    """The layout of rows, by their keys and kinds of value, and by what their texts repeat.

    Raises
    ------
    ValueError
        If it cannot be told whether answers repeat their prompts.
    """
    found = recognised(shape)
    if found is None or found.name not in _EXPLICIT:
        return found
    return repeated.REPEATED if repeated.all_repeat(row.values for row in rows) else found


def _refused(shown: str, rows: int, said: str) -> Reading:
    return Reading(FileNote(shown), problems=[Problem(shown, 0, 0, said)], read=rows)


def _in_layout(
    rows: list[Row],
    shown: str,
    layout: Layout,
    guessed: bool,
    form: str,
    keep: bool,
    columns: Mapping[str, str],
) -> Reading:
    total = len(rows)
    items: list[tuple[int, Item]] = []
    left_out: list[LeftOut] = []
    sources: list[Mapping[str, Any]] = []
    seen: dict[str, tuple[int, Item]] = {}
    doubts = Doubts()
    for lines, belonging in _together(rows, layout):
        line = lines[0]
        try:
            for values in belonging:
                texts.refuse_media(values)
                _refuse_unread(values, layout, guessed, columns)
            made = list(layout.read(belonging))
        except NotAPair as error:
            fault = not isinstance(error, NoPreference)
            left_out.extend(LeftOut(line, str(error), fault) for line in lines)
            continue
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            said = f"does not fit the layout {layout.name} ({type(error).__name__}: {error})"
            left_out.extend(LeftOut(line, said) for line in lines)
            continue
        for item in made:
            if item.id in seen and seen[item.id][1].hash == item.hash:
                left_out.append(LeftOut(line, SAME_TEXTS, fault=False))
                continue
            if item.id in seen and not layout.own_ids:
                item = replace(item, id=f"{item.id}:{item.hash[:8]}")
            seen.setdefault(item.id, (line, item))
            items.append((line, item))
            doubts.look(line, {} if layout.asked_by is None else belonging[0], item)
            if keep:
                sources.append({} if layout.together else belonging[0])
    note = note_of(
        shown,
        layout.name,
        guessed=guessed,
        form=form,
        rows=total,
        left_out=left_out,
        remarks=doubts.found,
    )
    faults = [each for each in left_out if each.fault]
    problems = [Problem(shown, 0, 0, said) for said in doubts.mistakes()]
    if len(faults) > MOST_LEFT_OUT * total:
        problems += _too_many(faults, total, shown, layout)
    return Reading(note, items, problems, total, sources)


def _refuse_unread(
    values: Mapping[str, Any], layout: Layout, guessed: bool, columns: Mapping[str, str]
) -> None:
    """Raise NotAPair for a row of which the layout would miss a part, or read one twice."""
    if layout.asked_by is None:
        return
    said = unread(values, layout.asked_by, columns)
    if said is None and guessed and layout.name in _EXPLICIT and repeated.repeats_surely(values):
        said = repeated.SAID
    if said is not None:
        raise NotAPair(said)


def _together(rows: list[Row], layout: Layout) -> Iterator[tuple[Sequence[int], Sequence[Any]]]:
    """The lines and the values of rows that belong together; empties the list."""
    rows.reverse()
    if layout.together is None:
        while rows:
            row = rows.pop()
            yield (row.line,), (row.values,)
        return
    groups: dict[Any, tuple[list[int], list[Any]]] = {}
    for number in range(len(rows)):
        row = rows.pop()
        values = row.values
        try:
            key = layout.together(values)
            hash(key)
        except (KeyError, TypeError, AttributeError):
            key = ("row", number)  # alone; the layout says why it cannot be read
        lines, held = groups.setdefault(key, ([], []))
        lines.append(row.line)
        held.append(values)
    yield from groups.values()


def decoded(rows: list[Row]) -> list[Row]:
    """The rows; of a table, columns whose cells are lists or messages as JSON text, decoded.

    A column is decoded where most of its cells are such text: a response may be JSON by itself.

    Raises
    ------
    ProblemsFound
        For a column of messages as Python prints them, which JSON is not.
    """
    if not rows or not is_table(rows[0].path):
        return rows
    given: Counter[str] = Counter()
    packed: Counter[str] = Counter()
    printed: Counter[str] = Counter()
    for row in rows:
        for key, value in row.values.items():
            if isinstance(value, str) and value:
                given[key] += 1
                packed[key] += _of_json(value) is not value
                printed[key] += _PRINTED.match(value) is not None
    for key, count in printed.items():
        if count > given[key] / 2:
            said = (
                f"column '{key}' has messages or lists as Python prints them ({{'role': …}}), "
                "which JSON is not; write them with json.dumps, or save the data as JSON Lines or "
                "Parquet"
            )
            raise ProblemsFound([Problem(rows[0].path, rows[0].line, 1, said)])
    columns = {key for key, count in packed.items() if count > given[key] / 2}
    if not columns:
        return rows
    return [
        Row(
            row.path,
            row.line,
            {key: _of_json(one) if key in columns else one for key, one in row.values.items()},
        )
        for row in rows
    ]


_PRINTED = re.compile(r"\[?\s*\{\s*'(role|content|from|value)'\s*:|\[\s*'[^\n]*'\s*\]$")
"""A message, or a list of messages or of texts, as Python or NumPy prints it."""


def _of_json(value: Any) -> Any:
    found = texts.parsed(value)
    if isinstance(found, Mapping):
        return found if {"role", "content"} <= set(found) else value
    if not isinstance(found, list) or not found:
        return value
    same = any(all(isinstance(one, kind) for one in found) for kind in (str, dict, list))
    return found if same else value


def _too_many(faults: Sequence[LeftOut], rows: int, shown: str, layout: Layout) -> list[Problem]:
    said = (
        f"{counted(len(faults), 'row')} of {rows:,} {'is' if len(faults) == 1 else 'are'} not "
        f"{'a pair' if len(faults) == 1 else 'pairs'} of the layout {layout.name} (at most "
        f"{MOST_LEFT_OUT:.0%} are left out); remove them, or name another layout with 'layout:'"
    )
    return [
        Problem(shown, 0, 0, said),
        *(Problem(shown, each.line, 1, each.reason) for each in faults),
    ]


def begins_as_ours(path: Path, shown: str) -> bool:
    """Whether the first row of a file has our own layout and no answers that repeat its prompt."""
    try:
        first = next(read_rows(path, shown), None)
    except ProblemsFound:
        return False
    return first is not None and surely_ours(first.values) and not repeated.repeats(first.values)
