"""One check as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from rmcheck.record import CheckRecord, EstimateRecord, PictureRecord
from rmcheck.report import anchor, numbers, svg
from rmcheck.report.glossary import GROUP_WORD, STATE_WORD, about, reading
from rmcheck.report.sentence import Group, Placed
from rmcheck.report.text import one_line

OPEN: frozenset[Group] = frozenset({"regression", "failure", "error"})
_MOST_TABLE_ROWS = 200


@dataclass(frozen=True)
class Fact:
    """A label and its value; `note` says what the value means."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A chart with its caption, or the remark that stands in its place."""

    title: str
    svg: Markup | None
    remark: str | None = None


@dataclass(frozen=True)
class Grid:
    """A small table: for each column its name and whether it holds numbers."""

    title: str
    columns: tuple[tuple[str, bool], ...]
    rows: tuple[tuple[str, ...], ...]
    remark: str | None = None


@dataclass(frozen=True)
class CheckView:
    """A check: what was asked, measured and concluded, and the evidence."""

    id: str
    name: str
    kind: str
    anchor: str
    group: Group
    word: str
    suite: str
    place: str
    required: bool
    weak: bool
    value: str
    interval: str
    message: str
    about: str
    reading: str
    facts: tuple[Fact, ...]
    signature: str
    gauge: Markup | None
    figures: tuple[Figure, ...]
    grids: tuple[Grid, ...]
    notes: tuple[str, ...]
    pairs: int
    pairs_link: str
    open: bool


def check_view(placed: Placed, baseline: str | None) -> CheckView:
    """The view of one check; `baseline` is the name of what the run was compared with."""
    check, suite = placed.check, placed.suite
    estimate = check.estimate
    figures = tuple(figure(each, links=suite.name) for each in check.evidence.pictures)
    drawn = any(each.kind == "forest" for each in check.evidence.pictures)
    return CheckView(
        id=check.id,
        name=placed.name,
        kind=check.kind,
        anchor=anchor.check(check.id),
        group=placed.group,
        word=_word(placed),
        suite=suite.name,
        place=f"{suite.path}:{check.line}" if check.line else suite.path,
        required=check.gate == "required",
        weak=check.weak,
        value=numbers.estimate_number(estimate.value) if estimate else "",
        interval=numbers.interval(estimate) if estimate else "",
        message=check.message,
        about=about(check.kind),
        reading=reading(check, baseline),
        facts=_facts(check),
        signature=check.signature,
        gauge=None if estimate is None or drawn else _gauge(check, estimate),
        figures=figures,
        grids=tuple(grid(each.title, each.columns, each.rows) for each in check.evidence.tables),
        notes=tuple(check.evidence.notes),
        pairs=len(check.evidence.pairs),
        pairs_link=anchor.selection(of=check.id),
        open=placed.group in OPEN,
    )


def figure(picture: PictureRecord, *, links: str = "") -> Figure:
    """A picture drawn; points of a scatter link to pairs of the suite `links`."""
    data = {**picture.data, "links": links} if links else picture.data
    drawn = svg.draw(picture.kind, picture.title, data)
    return Figure(picture.title, Markup(drawn.svg) if drawn.svg else None, drawn.remark)


def grid(title: str, columns: list[str], rows: list[list[Any]]) -> Grid:
    """A table of plain values; numbers get few digits, a long table is cut with a remark."""
    shown = rows[:_MOST_TABLE_ROWS]
    numeric = [
        all(_is_number(row[index]) or row[index] is None for row in shown if index < len(row))
        for index in range(len(columns))
    ]
    cut = len(rows) - len(shown)
    return Grid(
        title=title,
        columns=tuple(zip(columns, numeric, strict=True)),
        rows=tuple(
            tuple(_cell(row[index] if index < len(row) else None) for index in range(len(columns)))
            for row in shown
        ),
        remark=f"{numbers.counted(cut, 'more row')} in results.json." if cut else None,
    )


def criterion_words(check: CheckRecord) -> str:
    """What was asked, as the suite file says it: `min 0.70, on_inconclusive fail`."""
    return ", ".join(f"{key} {_cell(value)}" for key, value in check.criterion.items())


def _word(placed: Placed) -> str:
    word = GROUP_WORD[placed.group]
    if placed.group == "held" and placed.check.state in {"improved", "identical"}:
        return {"improved": "Improved", "identical": "Identical"}[placed.check.state]
    return word


def _facts(check: CheckRecord) -> tuple[Fact, ...]:
    facts: list[Fact] = []
    estimate = check.estimate
    if estimate is not None:
        level = numbers.number(estimate.level * 100)
        both = f"{numbers.estimate_number(estimate.value)} {numbers.interval(estimate)}"
        facts.append(Fact("Estimate", both, f"{level} % interval, {estimate.method}"))
        facts.append(
            Fact(
                "Data",
                numbers.counted(estimate.n, "pair"),
                f"in {numbers.counted(estimate.n_groups, 'group')} of one prompt each",
            )
        )
    if check.criterion:
        facts.append(Fact("Asked", criterion_words(check)))
    if check.state is not None:
        facts.append(Fact("Beside the baseline", STATE_WORD[check.state]))
    if check.decision is not None:
        weak = "the data alone do not decide; the policy did" if check.weak else ""
        facts.append(Fact("Decision", check.decision, weak))
    if check.p_value is not None:
        facts.append(
            Fact("p", numbers.p_value(check.p_value), "how often chance alone does as much")
        )
    if check.adjusted_p is not None:
        facts.append(
            Fact("p, adjusted", numbers.p_value(check.adjusted_p), "Holm, for all comparisons")
        )
    if check.detectable is not None:
        facts.append(
            Fact(
                "Could see",
                numbers.number(check.detectable, 2),
                "the smallest effect these data reveal 4 times in 5",
            )
        )
    return tuple(facts)


def _gauge(check: CheckRecord, estimate: EstimateRecord) -> Markup | None:
    data: dict[str, Any] = {
        "rows": [
            {
                "label": "",
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
                "emphasis": True,
            }
        ]
    }
    threshold = _threshold(check)
    if threshold is not None:
        data["threshold_label"], data["threshold"] = threshold
    if check.state is not None:
        data["reference"], data["reference_label"] = 0.0, "no change"
    drawn = svg.draw("forest", f"{check.id}: estimate and interval", data)
    return Markup(drawn.svg) if drawn.svg else None


def _threshold(check: CheckRecord) -> tuple[str, float] | None:
    """The line that the estimate is held against, and its name in the suite file."""
    for key, value in check.criterion.items():
        if not _is_number(value):
            continue
        if key == "max_drop":
            # A comparison's estimate is a change, so a tolerated drop lies below zero.
            return ("tolerated drop", -value) if check.state is not None else (key, value)
        if key.split("_")[0] in {"min", "max"}:
            return key, value
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if value is None:
        return numbers.MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return numbers.minus(f"{value:,}")
    if isinstance(value, float):
        return numbers.number(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(_cell(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_cell(each)}" for key, each in value.items())
    return one_line(str(value), 400)
