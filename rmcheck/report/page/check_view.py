"""One check on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from rmcheck.checks import about
from rmcheck.record.run import CheckRecord, EstimateRecord, PictureRecord
from rmcheck.report import anchor, numbers
from rmcheck.report.charts import svg
from rmcheck.report.facts import Fact, column, facts, is_number
from rmcheck.report.glossary import GROUP_WORD, reading
from rmcheck.report.page.brief import brief
from rmcheck.report.page.figure import Figure, Grid
from rmcheck.report.page.finding_view import MOST_FINDINGS, Findings, findings
from rmcheck.report.page.heat import HeatMap, heat_map
from rmcheck.report.page.pairs import Pair
from rmcheck.report.page.trend_view import Past
from rmcheck.report.sentence import Group, Placed
from rmcheck.wording import counted

STOPS: frozenset[Group] = frozenset({"regression", "failure", "error"})
_MOST_TABLE_ROWS = 200


@dataclass(frozen=True)
class CheckView:
    """A check: criterion, estimate, verdict and evidence."""

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
    brief: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    signature: str
    gauge: Markup | None
    has_forest: bool
    figures: tuple[Figure, ...]
    grids: tuple[Grid, ...]
    heat_maps: tuple[HeatMap, ...]
    findings: Findings
    notes: tuple[str, ...]
    pairs: int
    pairs_link: str
    stops: bool


def check_view(
    placed: Placed,
    baseline: str | None,
    named: Sequence[Pair] = (),
    past: Past | None = None,
    *,
    most: int = MOST_FINDINGS,
    texts: bool = True,
) -> CheckView:
    """The view of one check.

    `baseline` is the name of the baseline, `named` the pairs that the check's evidence points to,
    `past` its results in earlier runs. At most `most` counterexamples are shown, with their `texts`
    or without.
    """
    check, suite = placed.check, placed.suite
    estimate = check.estimate
    heat_maps = [each for each in check.evidence.pictures if each.kind == "heat_map"]
    charts = [each for each in check.evidence.pictures if each.kind != "heat_map"]
    figures = [figure(each, links=suite.name) for each in charts]
    if past is not None:
        figures.append(_trend(check, past))
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
        brief=brief(check, baseline, named),
        facts=facts(check),
        signature=check.signature,
        gauge=None if estimate is None else _gauge(check, estimate),
        has_forest=any(each.kind == "forest" for each in check.evidence.pictures),
        figures=tuple(figures),
        grids=tuple(grid(each.title, each.columns, each.rows) for each in check.evidence.tables),
        heat_maps=tuple(map(heat_map, heat_maps)),
        findings=findings(check.evidence.counterexamples, most, texts=texts),
        notes=tuple(check.evidence.notes),
        pairs=len(check.evidence.pairs),
        pairs_link=anchor.selection(of=check.id),
        stops=placed.group in STOPS,
    )


def figure(picture: PictureRecord, *, links: str = "") -> Figure:
    """A picture drawn; points of a scatter link to pairs of the suite `links`."""
    data = {**picture.data, "links": links} if links else picture.data
    drawn = svg.draw(picture.kind, picture.title, data)
    return Figure(picture.title, Markup(drawn.svg) if drawn.svg else None, drawn.remark)


def grid(title: str, columns: list[str], rows: list[list[Any]]) -> Grid:
    """A table of plain values; a long table is cut with a remark.

    The numbers of a column have one format (`facts.column`).
    """
    shown = rows[:_MOST_TABLE_ROWS]
    numeric = [
        all(is_number(row[index]) or row[index] is None for row in shown if index < len(row))
        for index in range(len(columns))
    ]
    said = [
        column(name, [row[index] if index < len(row) else None for row in shown])
        for index, name in enumerate(columns)
    ]
    cut = len(rows) - len(shown)
    return Grid(
        title=title,
        columns=tuple(zip(columns, numeric, strict=True)),
        rows=tuple(zip(*said, strict=True)),
        remark=f"{counted(cut, 'more row')} in results.json." if cut else None,
    )


def _word(placed: Placed) -> str:
    word = GROUP_WORD[placed.group]
    if placed.group == "passed" and placed.check.state in {"improved", "identical"}:
        return {"improved": "Improved", "identical": "Identical"}[placed.check.state]
    return word


def _trend(check: CheckRecord, past: Past) -> Figure:
    data = past.data()
    threshold = _threshold(check)
    if threshold is not None:
        data["threshold_label"], data["threshold"] = threshold
    title = f"The last {len(past.runs)} runs"
    drawn = svg.draw("trend", f"{check.id}: {title.lower()}", data)
    return Figure(title, Markup(drawn.svg) if drawn.svg else None, drawn.remark)


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
    """The threshold of the estimate, and its name in the suite file."""
    for key, value in check.criterion.items():
        if not is_number(value):
            continue
        if key == "max_drop":
            # A comparison's estimate is a change, so a tolerated drop is negative.
            return ("tolerated drop", -value) if check.state is not None else (key, value)
        if key.split("_")[0] in {"min", "max"}:
            return key, value
    return None
