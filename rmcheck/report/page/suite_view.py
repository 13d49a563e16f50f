"""One suite on the page: checks, null controls, slices by tag; and all slices at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from rmcheck.checks.evidence import MOST_DOTS
from rmcheck.record.run import EstimateRecord, RunRecord, SuiteRecord
from rmcheck.report import anchor, numbers
from rmcheck.report.charts import svg
from rmcheck.report.page.check_view import CheckView
from rmcheck.report.page.figure import Figure, Grid
from rmcheck.report.page.heat import STEPS, Cell, HeatMap
from rmcheck.report.page.pairs import Pair
from rmcheck.report.sentence import Group
from rmcheck.wording import counted

_GRAVITY: tuple[Group, ...] = (
    "regression",
    "failure",
    "error",
    "weak",
    "advisory",
    "skipped",
    "passed",
)
_POINT_STATE = {
    "newly_wrong": "newly_wrong",
    "newly_right": "newly_right",
    "both_wrong": "kept_wrong",
    "kept": "kept_right",
}
_CONTROL_WORD = {
    "pick_longer": "always the longer",
    "pick_shorter": "always the shorter",
    "constant": "one score for all",
    "shuffled_labels": "labels shuffled",
    "swapped_prompts": "prompts swapped",
}


@dataclass(frozen=True)
class SuiteView:
    """A suite with its checks and charts; `group` is the most serious of its checks' groups."""

    name: str
    anchor: str
    path: str
    description: str
    tags: tuple[str, ...]
    data: str
    data_hash: str
    notes: tuple[str, ...]
    source: str
    group: Group
    checks: tuple[CheckView, ...]
    controls: Figure | None
    slices: Figure | None
    slice_table: Grid | None
    members: Grid | None
    margins: Figure | None
    pairs: int
    pairs_link: str

    @property
    def results(self) -> str:
        """How many checks have which result: `4 checks: 1 regression, 3 passed`."""
        words = Counter(check.word.lower() for check in self.checks)
        told = ", ".join(f"{count} {word}" for word, count in words.items())
        return f"{counted(len(self.checks), 'check')}: {told}" if told else "no checks"

    @property
    def charts(self) -> tuple[Figure, ...]:
        """The charts of the suite as a whole, folded below its checks."""
        return tuple(each for each in (self.controls, self.slices, self.margins) if each)

    @property
    def charts_title(self) -> str:
        """What the fold contains: `Null controls, win rate by tag`."""
        named = (
            ("null controls", self.controls),
            ("win rate by tag", self.slices),
            ("margins", self.margins),
            ("members", self.members),
        )
        title = ", ".join(name for name, each in named if each)
        return title[:1].upper() + title[1:]


def suite_view(
    suite: SuiteRecord,
    checks: tuple[CheckView, ...],
    pairs: Sequence[Pair],
    baseline: SuiteRecord | None,
    baseline_name: str | None,
) -> SuiteView:
    """The view of one suite; `baseline` is the same suite as the baseline's run recorded it."""
    groups = {check.group for check in checks}
    compared = any(
        picture.kind == "scatter" and check.state is not None
        for check in suite.checks
        for picture in check.evidence.pictures
    )
    named = baseline_name or "the baseline"
    return SuiteView(
        name=suite.name,
        anchor=anchor.suite(suite.name),
        path=suite.path,
        description=suite.description,
        tags=tuple(suite.tags),
        data=f"{counted(suite.data.pairs, 'pair')} in {counted(suite.data.groups, 'group')}",
        data_hash=suite.data.hash,
        notes=(
            *(f"{file.path}: {file}" for file in suite.data.files),
            *(suite.members.said if suite.members else ()),
        ),
        source=suite.source.spec if suite.source else "",
        group=next((group for group in _GRAVITY if group in groups), "skipped"),
        checks=checks,
        controls=_controls(suite, pairs),
        slices=_slices(suite, baseline, named),
        slice_table=_slice_table(suite),
        members=_members(suite),
        margins=None if compared else _margins(suite.name, pairs, named),
        pairs=len(pairs),
        pairs_link=anchor.selection(suite=suite.name),
    )


def heat_map(record: RunRecord) -> HeatMap | None:
    """All slices at once, the weakest tag first; None with fewer than two suites with slices."""
    suites = [suite for suite in record.suites if suite.slices]
    if len(suites) < 2:
        return None
    lowest: dict[str, float] = {}
    for suite in suites:
        for tag, estimate in suite.slices.items():
            lowest[tag] = min(lowest.get(tag, estimate.value), estimate.value)
    rows = []
    for tag in sorted(lowest, key=lambda tag: (lowest[tag], tag)):
        cells = tuple(_cell(suite, tag, suite.slices.get(tag)) for suite in suites)
        rows.append((tag, cells))
    return HeatMap(
        title="Win rate by tag and suite",
        corner="tag",
        columns=tuple(suite.name for suite in suites),
        rows=tuple(rows),
    )


def _cell(suite: SuiteRecord, tag: str, estimate: EstimateRecord | None) -> Cell | None:
    if estimate is None:
        return None
    return Cell(
        text=numbers.rate(estimate.value, 2),
        # Steps of 0.0625 from 0.5 up: at or under chance is the lowest.
        step=max(0, min(STEPS, int((estimate.value - 0.5) * 16 + 1e-9) + (estimate.value > 0.5))),
        title=f"{numbers.interval(estimate)}, {counted(estimate.n, 'pair')}",
        link=anchor.selection(suite=suite.name, tag=tag),
    )


def _controls(suite: SuiteRecord, pairs: Sequence[Pair]) -> Figure | None:
    if not suite.controls:
        return None
    rows = [_row(_CONTROL_WORD.get(name, name), each) for name, each in suite.controls.items()]
    model = _own_rate(suite, pairs)
    if model is not None:
        rows.insert(0, {**model, "emphasis": True})
    return _drawn(
        "forest",
        "Null controls: pairs won without reading them",
        {"rows": rows, "x_label": "win rate", "reference": 0.5, "reference_label": "chance"},
    )


def _own_rate(suite: SuiteRecord, pairs: Sequence[Pair]) -> dict[str, Any] | None:
    rates = [check.estimate for check in suite.checks if check.kind == "win_rate"]
    known = [estimate for estimate in rates if estimate is not None]
    if known:
        return _row("this model", max(known, key=lambda estimate: estimate.n))
    if not pairs:
        return None
    won = sum(1.0 if pair.margin > 0 else 0.5 * (pair.margin == 0) for pair in pairs)
    return {"label": "this model", "value": won / len(pairs)}


def _slices(suite: SuiteRecord, baseline: SuiteRecord | None, named: str) -> Figure | None:
    if not suite.slices:
        return None
    before = baseline.slices if baseline else {}
    rows = []
    for tag, estimate in sorted(suite.slices.items(), key=lambda each: (each[1].value, each[0])):
        row = _row(tag, estimate)
        if tag in before:
            row["reference"] = before[tag].value
        rows.append(row)
    data = {"rows": rows, "x_label": "win rate", "reference_label": named}
    return _drawn("forest", "Win rate by tag, weakest first", data)


def _slice_table(suite: SuiteRecord) -> Grid | None:
    if not suite.slices:
        return None
    ordered = sorted(suite.slices.items(), key=lambda each: (each[1].value, each[0]))
    return Grid(
        title="Win rate by tag",
        columns=(("tag", False), ("win rate", True), ("interval", True), ("pairs", True)),
        rows=tuple(
            (
                tag,
                numbers.rate(estimate.value),
                numbers.interval(estimate),
                numbers.count(estimate.n),
            )
            for tag, estimate in ordered
        ),
    )


def _members(suite: SuiteRecord) -> Grid | None:
    if suite.members is None:
        return None
    return Grid(
        title="Members of the ensemble",
        columns=(
            ("member", False),
            ("win rate alone", True),
            ("interval", True),
            ("orders otherwise", True),
            ("width of margins", True),
        ),
        rows=tuple(
            (
                member.spec,
                numbers.rate(member.win_rate),
                f"[{numbers.rate(member.low)}, {numbers.rate(member.high)}]",
                f"{member.dissent:.1%}",
                numbers.number(member.spread),
            )
            for member in suite.members.members
        ),
        remark="orders otherwise: share of pairs in which the ensemble prefers the other response; "
        "width: standard deviation of the margins, times the member's weight",
    )


def _margins(suite: str, pairs: Sequence[Pair], named: str) -> Figure | None:
    points = [
        (pair.baseline_margin, pair.margin, _POINT_STATE[pair.state], pair.id)
        for pair in pairs
        if pair.baseline_margin is not None and pair.state in _POINT_STATE
    ]
    if not points:
        return None
    title = f"Margins, this candidate against {named}"
    if len(points) > MOST_DOTS:  # in the order of the list, so that each state has its share
        title = f"{title} ({MOST_DOTS:,} of {counted(len(points), 'pair')})"
        points = [points[place * len(points) // MOST_DOTS] for place in range(MOST_DOTS)]
    data = {
        "points": points,
        "x_label": f"margin under {named}",
        "y_label": "margin under this candidate",
        "links": suite,
    }
    return _drawn("scatter", title, data)


def _row(label: str, estimate: EstimateRecord) -> dict[str, Any]:
    return {
        "label": label,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
    }


def _drawn(kind: str, title: str, data: dict[str, Any]) -> Figure:
    drawn = svg.draw(kind, title, data)
    return Figure(title, Markup(drawn.svg) if drawn.svg else None, drawn.remark)
