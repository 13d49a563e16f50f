"""What a check concludes: an estimate, a decision, an outcome, and the evidence for it as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

Decision = Literal["pass", "fail", "inconclusive"]
"""What the statistics say."""

Outcome = Literal["pass", "fail"]
"""What the policy makes of a decision; the colour of the test."""

State = Literal["identical", "improved", "non_inferior", "regressed", "inconclusive"]
"""The result of a comparison with a baseline."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its uncertainty.

    `low` and `high` bound the two-sided interval at `level`; `method` names how it was made
    (`wilson`, `wilson-neff`, `newcombe-neff`, `bootstrap`, ...); `n` counts pairs and
    `n_groups` the groups (prompts) that they fall into.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int
    n_groups: int


PairState = Literal["kept_right", "kept_wrong", "newly_wrong", "newly_right"]
"""Whether a pair is right now, and whether it was right before (or for another source)."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A chart of any kind: `kind` is one of those that the report draws, `data` what it draws.

    The kinds, as plain JSON; `Forest`, `Histogram`, `Curve` and `Scatter` make the same of fields:

    - `forest`: rows [{label, value, low, high}], optional threshold, reference; x_label
    - `histogram`: edges (k+1), counts (k), x_label, optional marks [{x, label}],
      wrong_below_zero (bool)
    - `curve`: series [{label, points: [{x, y, low?, high?}]}], x_label, y_label,
      optional threshold, diagonal (bool)
    - `scatter`: points [[x, y, state, id]], x_label, y_label, optional diagonal (bool);
      state is one of kept_right, kept_wrong, newly_wrong, newly_right
    - `pareto`: points [[x, y, kind, label]], x_label, y_label, optional whole (bool): the front is
      that of these two axes; kind is one of other, front, used, baseline
    - `heat_map`: rows, columns, values [[number or null]], label, worst, share (bool)
    """

    kind: str
    title: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Interval:
    """A row of a forest plot: a value and the two ends of its interval."""

    label: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Forest:
    """Intervals on one axis, one a row, against a threshold and a reference with its name."""

    kind: ClassVar[str] = "forest"

    title: str
    rows: tuple[Interval, ...]
    x_label: str
    threshold: float | None = None
    reference: float | None = None
    reference_label: str = ""

    @property
    def data(self) -> Mapping[str, Any]:
        """As plain JSON."""
        named = {"reference_label": self.reference_label} if self.reference_label else {}
        return {
            "rows": [dict(vars(row)) for row in self.rows],
            "threshold": self.threshold,
            "reference": self.reference,
            **named,
            "x_label": self.x_label,
        }


@dataclass(frozen=True)
class Mark:
    """A named place on the axis of a histogram."""

    x: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Counts (k,) between edges (k+1,).

    `wrong_below_zero` says that values are margins: left of 0 the worse response is ahead.
    """

    kind: ClassVar[str] = "histogram"

    title: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    x_label: str
    marks: tuple[Mark, ...] = ()
    wrong_below_zero: bool = False

    @property
    def data(self) -> Mapping[str, Any]:
        """As plain JSON."""
        return {
            "edges": list(self.edges),
            "counts": list(self.counts),
            "x_label": self.x_label,
            "marks": [dict(vars(mark)) for mark in self.marks],
            "wrong_below_zero": self.wrong_below_zero,
        }


@dataclass(frozen=True)
class Point:
    """A point of a curve; `low` and `high`, where given, are the ends of its bar."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Series:
    """A named line through points."""

    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Lines through points; `diagonal` adds the line of equal values."""

    kind: ClassVar[str] = "curve"

    title: str
    series: tuple[Series, ...]
    x_label: str
    y_label: str
    threshold: float | None = None
    diagonal: bool = False

    @property
    def data(self) -> Mapping[str, Any]:
        """As plain JSON; what is not there is left out."""
        series = [
            {"label": each.label, "points": [_given(vars(point)) for point in each.points]}
            for each in self.series
        ]
        axes = {"series": series, "x_label": self.x_label, "y_label": self.y_label}
        return axes | _given({"threshold": self.threshold, "diagonal": self.diagonal or None})


@dataclass(frozen=True)
class Dot:
    """A pair in a scatter plot."""

    x: float
    y: float
    state: PairState
    id: str


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """One dot per pair, coloured by its state; `diagonal` adds the line of equal values."""

    kind: ClassVar[str] = "scatter"

    title: str
    points: tuple[Dot, ...]
    x_label: str
    y_label: str
    diagonal: bool = False

    @property
    def data(self) -> Mapping[str, Any]:
        """As plain JSON; what is not there is left out."""
        points = [[dot.x, dot.y, dot.state, dot.id] for dot in self.points]
        axes = {"points": points, "x_label": self.x_label, "y_label": self.y_label}
        return axes | _given({"diagonal": self.diagonal or None})


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A number for each cell of a grid: `values` (rows, columns), None without a number.

    The colour is worst at `worst` and beyond, best at 0; with a `worst` of 0 it is best at 1. A
    `share` is shown in percent.
    """

    kind: ClassVar[str] = "heat_map"

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    label: str
    worst: float = 1.0
    share: bool = True

    @property
    def data(self) -> Mapping[str, Any]:
        """As plain JSON."""
        return {
            "rows": list(self.rows),
            "columns": list(self.columns),
            "values": [list(row) for row in self.values],
            "label": self.label,
            "worst": self.worst,
            "share": self.share,
        }


AnyPicture = Picture | Forest | Histogram | Curve | Scatter | HeatMap
"""The pictures of evidence; checks of other packages may use other kinds of `Picture`."""


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A small table of plain values beside a verdict: `rows` are as long as `columns`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A text on the way from the first find of a search to its smallest, and its score."""

    label: str
    text: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Counterexample:
    """A text that breaks a promise: what was changed, and what the scores were.

    `key` is that of the original dialogue (`conv-0007/chosen`), `promise` what was broken, in
    words. `before` and `after` are the responses; `after_prompt` is the prompt where it was changed
    too. `against` is the score that the text should have stayed above (or below), if there is one.
    `repeat` is a command that shows it again; `steps` lead from the first find to this one. `pin`
    is the row of a pin file that tests the same texts again, whole (`rmcheck.record.pin`).
    """

    title: str
    key: str
    promise: str
    prompt: str
    before: str
    after: str
    before_score: float
    after_score: float
    after_prompt: str | None = None
    against: float | None = None
    repeat: str = ""
    steps: tuple[Step, ...] = ()
    pin: Mapping[str, Any] | None = None


PinState = Literal["holds", "broken"]
"""Whether the promise of a pinned text holds now."""


@dataclass(frozen=True, kw_only=True)
class PinResult:
    """A pin, whether its promise holds, and whether it did in the baseline (None: not known)."""

    id: str
    state: PinState
    before: PinState | None = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The evidence of a verdict: charts, tables, ids of pairs to look at, texts, pins, remarks."""

    pictures: tuple[AnyPicture, ...] = ()
    tables: tuple[Table, ...] = ()
    pairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    counterexamples: tuple[Counterexample, ...] = ()
    pins: tuple[PinResult, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What a verdict with early stopping rests on: look `look` of `looks`, `pairs` pairs of `of`.

    `ids` are those pairs; empty at the last look, which has all of them.
    """

    look: int
    looks: int
    pairs: int
    of: int
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A check's conclusion.

    `decision` is what the statistics say, `outcome` what the policy makes of it; `weak` marks an
    inconclusive decision that the policy let through or stopped. `criterion` repeats the YAML keys
    that decided. `detectable` is the smallest drop that this check would have caught (None where it
    has no meaning). `left_out` counts pairs of the baseline that a comparison left out. `p_value`
    and `adjusted_p` are given by comparisons and tests; `p_less` is the one-sided p of a
    comparison with the baseline, by which runs are judged over time (with early stopping adjusted
    for the looks before). `looked` is given by early stopping.
    """

    decision: Decision
    outcome: Outcome
    message: str
    estimate: Estimate | None = None
    criterion: Mapping[str, Any] = field(default_factory=dict)
    state: State | None = None
    weak: bool = False
    p_value: float | None = None
    adjusted_p: float | None = None
    p_less: float | None = None
    detectable: float | None = None
    signature: str = ""
    left_out: int = 0
    evidence: Evidence = field(default_factory=Evidence)
    looked: Looked | None = None


__all__ = [
    "Counterexample",
    "Decision",
    "Estimate",
    "Evidence",
    "HeatMap",
    "Looked",
    "Outcome",
    "Picture",
    "PinResult",
    "State",
    "Step",
    "Table",
    "Verdict",
]
