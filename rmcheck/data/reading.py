"""From a file, or rows of a hub's data set, to pairs and response sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rmcheck import collector
from rmcheck.data.forms.json_text import NotText
from rmcheck.data.forms.tables import is_table
from rmcheck.data.layouts import texts
from rmcheck.data.layouts.layout import Item, Layout, NoPreference, NotAPair
from rmcheck.data.layouts.recognise import named, recognised, unrecognised
from rmcheck.data.layouts.registry import OURS
from rmcheck.data.layouts.shape import Shape
from rmcheck.data.row_reader import plain_pair, read_item
from rmcheck.data.rows import Row, read_rows, renamed, under_our_keys
from rmcheck.errors import Problem, ProblemsFound
from rmcheck.wording import counted, read_as

MOST_LEFT_OUT = 0.05
"""The largest share of rows that may be left out for a fault of theirs."""
SAME_TEXTS = "the same texts as an earlier row"
_EXAMPLES = 3
_MOST_REASONS = 20


@dataclass(frozen=True)
class LeftOut:
    """A row that is not a pair, with the reason; `fault` where it counts against the data."""

    line: int
    reason: str
    fault: bool = True


@dataclass(frozen=True)
class FileNote:
    """How a file was read.

    Parameters
    ----------
    path
        The file as messages print it, or the name of the data set.
    layout, guessed
        The layout, and whether it was recognised, not named.
    form
        The form of the file in words.
    rows
        Its rows.
    reasons
        How many rows were left out, by reason.
    examples
        The lines of the first rows that were left out, by reason.
    """

    path: str
    layout: str = OURS
    guessed: bool = False
    form: str = ""
    rows: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def without(self, line: int, reason: str) -> FileNote:
        """The note with one more row that was left out."""
        lines = self.examples.get(reason, ())
        return replace(
            self,
            reasons={**self.reasons, reason: self.reasons.get(reason, 0) + 1},
            examples={**self.examples, reason: (*lines, line)[:_EXAMPLES]},
        )

    def as_dict(self) -> dict[str, Any]:
        """It for a record, with at most `_MOST_REASONS` reasons."""
        reasons = dict(list(self.reasons.items())[:_MOST_REASONS])
        return {
            "path": self.path,
            "layout": self.layout,
            "guessed": self.guessed,
            "form": self.form,
            "rows": self.rows,
            "left_out": reasons,
            "examples": {reason: list(self.examples[reason]) for reason in reasons},
        }

    def __str__(self) -> str:
        """The layout, and what was left out, in a line."""
        return read_as(
            self.layout,
            guessed=self.guessed,
            rows=self.rows,
            left_out=self.reasons,
            examples=self.examples,
        )


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
    as_it_is = not columns and not is_table(shown)
    try:
        for row in read_rows(path, shown, form):
            plain = plain_pair(row.values) if as_it_is else None
            if plain is not None and not _particular(row.values):
                found.read += 1
                found.items.append((row.line, plain))
                found.sources.extend([row.values] if keep else [])
                continue
            row = row if as_it_is else renamed(row, columns)
            if strict and not surely_ours(row.values):
                return None
            found.read += 1
            item = read_item(row, columns, found.problems)
            if item is not None:
                found.items.append((row.line, item))
                found.sources.extend([row.values] if keep else [])
    except ProblemsFound as error:
        if strict and not found.read:
            return None
        _add(found, error)
    found.note = FileNote(shown, OURS, strict, form[-1] if form else "", found.read)
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
    cells = _decoded(rows)
    shape = Shape(row.values for row in cells)
    try:
        chosen = named(layout) if layout is not None else recognised(shape)
    except ValueError as error:
        return _refused(shown, len(rows), str(error))
    if chosen is None:
        return _refused(shown, len(rows), unrecognised(shape, columns))
    if chosen.name == OURS:
        found = Reading(FileNote(shown, OURS, layout is None, form, len(rows)), read=len(rows))
        for row in rows:
            item = read_item(renamed(row, {}), columns, found.problems)
            if item is not None:
                found.items.append((row.line, item))
                found.sources.extend([row.values] if keep else [])
        return found
    return _in_layout(cells, shown, chosen, layout is None, form, keep)


def _refused(shown: str, rows: int, said: str) -> Reading:
    return Reading(FileNote(shown), problems=[Problem(shown, 0, 0, said)], read=rows)


def _in_layout(
    rows: list[Row], shown: str, layout: Layout, guessed: bool, form: str, keep: bool
) -> Reading:
    total = len(rows)
    items: list[tuple[int, Item]] = []
    left_out: list[LeftOut] = []
    sources: list[Mapping[str, Any]] = []
    seen: dict[str, tuple[int, Item]] = {}
    for lines, belonging in _together(rows, layout):
        line = lines[0]
        try:
            for values in belonging:
                texts.refuse_media(values)
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
            if keep:
                sources.append({} if layout.together else belonging[0])
    note = _note(shown, layout, guessed, form, total, left_out)
    faults = [each for each in left_out if each.fault]
    problems = []
    if len(faults) > MOST_LEFT_OUT * total:
        problems = _too_many(faults, total, shown, layout)
    return Reading(note, items, problems, total, sources)


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


def _decoded(rows: list[Row]) -> list[Row]:
    """The rows; of a table, columns whose cells are lists or messages as JSON text, decoded.

    A column is decoded where most of its cells are such text: a response may be JSON by itself.
    """
    if not rows or not is_table(rows[0].path):
        return rows
    given: Counter[str] = Counter()
    packed: Counter[str] = Counter()
    for row in rows:
        for key, value in row.values.items():
            if isinstance(value, str) and value:
                given[key] += 1
                packed[key] += _of_json(value) is not value
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


def _of_json(value: Any) -> Any:
    found = texts.parsed(value)
    if isinstance(found, Mapping):
        return found if {"role", "content"} <= set(found) else value
    if not isinstance(found, list) or not found:
        return value
    same = all(isinstance(one, str) for one in found) or all(isinstance(o, dict) for o in found)
    return found if same else value


def _note(
    shown: str, layout: Layout, guessed: bool, form: str, rows: int, left_out: Sequence[LeftOut]
) -> FileNote:
    reasons = Counter(each.reason for each in left_out)
    examples: dict[str, tuple[int, ...]] = {}
    for each in left_out:
        lines = examples.get(each.reason, ())
        if len(lines) < _EXAMPLES:
            examples[each.reason] = (*lines, each.line)
    return FileNote(shown, layout.name, guessed, form, rows, dict(reasons.most_common()), examples)


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


def other_layouts(notes: Iterable[FileNote]) -> tuple[str, ...]:
    """The layouts other than ours, each once, sorted; they are a part of the data's hash."""
    return tuple(sorted({note.layout for note in notes} - {OURS}))


def told(notes: Iterable[FileNote]) -> list[str]:
    """A line for each file that has another layout than ours."""
    return [f"{note.path}: {note}" for note in notes if note.layout != OURS]
