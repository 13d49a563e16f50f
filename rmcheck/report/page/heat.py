"""Heat maps of the page: a grid of numbers as a table whose cells are coloured by how bad it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rmcheck.record.run import PictureRecord
from rmcheck.report import numbers
from rmcheck.report.charts.canvas import DrawingError, finite, number_in, sequence, text_in
from rmcheck.report.text import one_line
from rmcheck.wording import counted, minus

STEPS = 8
"""The steps of the colour: 0 is the worst, 8 the best."""

MOST_ROWS, MOST_COLUMNS = 120, 40
_SHORT = 12


@dataclass(frozen=True)
class Cell:
    """A cell: its number in words, the step of its colour, what it says in full, its link."""

    text: str
    step: int
    title: str
    link: str = ""


@dataclass(frozen=True)
class HeatMap:
    """A grid of cells, None where a number is missing; `corner` says what the rows are."""

    title: str
    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    lead: str = ""
    remark: str = ""

    @property
    def long(self) -> bool:
        """Whether it is better folded."""
        return len(self.rows) > _SHORT

    @property
    def summary(self) -> str:
        """What the fold holds: `45 rows, 10 columns`."""
        return f"{counted(len(self.rows), 'row')}, {counted(len(self.columns), 'column')}"


def heat_map(picture: PictureRecord) -> HeatMap:
    """The heat map of a picture; without rows, and with a remark, if its data do not fit."""
    try:
        return _drawn(picture.title, picture.data)
    except DrawingError as reason:
        return HeatMap(picture.title, "", (), (), remark=f"No chart: {reason}.")


def _drawn(title: str, data: Mapping[str, Any]) -> HeatMap:
    rows, columns, values = (sequence(data, key) for key in ("rows", "columns", "values"))
    if not rows or not columns:
        raise DrawingError("no rows or no columns to draw")
    if len(values) != len(rows) or any(
        not isinstance(row, (list, tuple)) or len(row) != len(columns) for row in values
    ):
        raise DrawingError(f"'values': expected {len(rows)} lists of {len(columns)} numbers")
    worst = number_in(data, "worst")
    scale = 1.0 if worst is None else worst
    share = data.get("share", True) is True
    names = [one_line(str(name), 200) for name in columns]
    label = text_in(data, "label")
    made = []
    for name, row in zip(rows, values, strict=True):
        found = [None if value is None else finite(value, "a cell") for value in row]
        called = one_line(str(name), 200)
        cells = (
            None if value is None else _cell(value, scale, f"{called}, {column}", share=share)
            for value, column in zip(found[:MOST_COLUMNS], names, strict=False)
        )
        made.append((called, tuple(cells)))
    known = [(name, cells) for name, cells in made if any(cells)]
    if not known:
        raise DrawingError("no cell has a number")
    hidden = [
        counted(count, what)
        for count, what in (
            (len(known) - MOST_ROWS, "row"),
            (len(columns) - MOST_COLUMNS, "column"),
        )
        if count > 0
    ]
    said = [f"{' and '.join(hidden)} not drawn."] if hidden else []
    if len(known) < len(made):
        said.append(f"{counted(len(made) - len(known), 'row')} without any number left out.")
    ends = f"{_words(0.0 if scale > 0 else 1.0, share=share)} to {_words(scale, share=share)}"
    return HeatMap(
        title=title,
        corner="",
        columns=tuple(names[:MOST_COLUMNS]),
        rows=tuple(known[:MOST_ROWS]),
        lead=f"{label}; green to red: {ends}" if label else f"green to red: {ends}",
        remark=" ".join(said),
    )


def _cell(value: float, worst: float, where: str, *, share: bool) -> Cell:
    # With a worst of 0 the numbers are shares that should be large.
    bad = value / worst if worst > 0 else 1.0 - value
    step = round(STEPS * (1.0 - min(1.0, max(0.0, bad))))
    exact = numbers.rate(value) if share else numbers.number(value)
    return Cell(_words(value, share=share), step, f"{where}: {exact}")


def _words(value: float, *, share: bool) -> str:
    if not share:
        return numbers.number(value, 2)
    if value and abs(value) < 0.005:
        return "<1%" if value > 0 else minus("-<1%")
    return minus(f"{value:.0%}")
