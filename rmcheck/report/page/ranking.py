"""The page of `rmcheck compare A B C …`: a ranking for each suite, as one self-contained file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup

from rmcheck import __version__
from rmcheck.report import numbers
from rmcheck.report.charts.svg import Drawn, draw
from rmcheck.report.page.figure import Figure, Grid
from rmcheck.report.page.html import document
from rmcheck.stats.ranking import Ranked, Ranking, Versus
from rmcheck.verdict import Forest, Interval
from rmcheck.wording import counted, listed, minus


class Section(Protocol):
    """What the page shows of a table."""

    @property
    def title(self) -> str:
        """The suite, or what the table is over."""

    @property
    def ranking(self) -> Ranking:
        """The models in order."""

    @property
    def notes(self) -> Sequence[str]:
        """What was left out, a sentence each."""


@dataclass(frozen=True)
class _Table:
    anchor: str
    title: str
    lead: str
    rows: Sequence[_Row]
    chart: Figure
    versus: Grid
    notes: Sequence[str]


@dataclass(frozen=True)
class _Row:
    ranks: str
    model: str
    rate: str
    interval: str
    letters: str
    ties: str


def render(sections: Sequence[Section], explained: str) -> str:
    """The page; the same input gives the same text.

    Parameters
    ----------
    sections
        The tables, at least one, in order.
    explained
        A sentence that says what the letters mean.
    """
    tables = [_table(f"table-{number}", each) for number, each in enumerate(sections, start=1)]
    return document(
        "ranking.html.j2",
        ("page.js",),
        version=__version__,
        headline=_headline(sections[0]),
        explained=explained,
        tables=tables,
    )


def _headline(section: Section) -> str:
    """Which models nobody is told apart from, at the top of the first table."""
    ranking = section.ranking
    top = ranking.rows[0]
    even = [row.model for row in ranking.rows if set(row.letters) & set(top.letters)]
    if ranking.undecided:
        return "Too little data to tell the models apart"
    if len(even) == len(ranking.rows):
        return f"None of the {len(even)} models is better beyond doubt"
    if len(even) == 1:
        return f"{top.model} is better than all others"
    return f"{listed(even, limit=4)} are ahead; these are not told apart"


def _table(anchor: str, section: Section) -> _Table:
    ranking = section.ranking
    prompts = counted(ranking.n_groups, "different prompt")
    notes = [*section.notes]
    if ranking.undecided:
        notes.insert(0, f"Undecidable: {ranking.undecided}")
    return _Table(
        anchor=anchor,
        title=section.title,
        lead=f"{counted(ranking.n, 'pair')} of {prompts}, each scored by all models",
        rows=[_row(row) for row in ranking.rows],
        chart=_chart(section.title, ranking),
        versus=_versus(ranking),
        notes=notes,
    )


def _row(row: Ranked) -> _Row:
    low, high = row.best_rank, row.worst_rank
    return _Row(
        ranks=str(low) if low == high else f"{low}–{high}",
        model=row.model,
        rate=numbers.rate(row.estimate.value),
        interval=minus(f"[{row.estimate.low:.3f}, {row.estimate.high:.3f}]"),
        letters=row.letters,
        ties=numbers.count(row.ties),
    )


def _chart(title: str, ranking: Ranking) -> Figure:
    forest = Forest(
        title=f"Win rates, {title}",
        rows=tuple(
            Interval(f"{row.letters}: {row.model}", row.estimate.value, row.estimate.low,
                     row.estimate.high)
            for row in ranking.rows
        ),
        x_label="win rate",
        reference=0.5,
    )  # fmt: skip
    labelled = {**forest.data, "reference_label": "chance"}
    drawn: Drawn = draw(forest.kind, forest.title, labelled)
    svg = None if drawn.svg is None else Markup(drawn.svg)
    return Figure("Win rates with 95 % intervals", svg, drawn.remark)


def _versus(ranking: Ranking) -> Grid:
    return Grid(
        title="Every two models",
        columns=(("ahead", False), ("behind", False), ("difference in points", True),
                 ("interval", True), ("p", True), ("p (Holm)", True), ("told apart", False)),
        rows=[_compared(one) for one in ranking.versus],
    )  # fmt: skip


def _compared(one: Versus) -> list[str]:
    it = one.difference
    return [
        one.better,
        one.worse,
        minus(f"{it.value * 100:+.1f}"),
        minus(f"[{it.low * 100:+.1f}, {it.high * 100:+.1f}]"),
        numbers.p_value(one.p),
        numbers.p_value(one.adjusted_p),
        "yes" if one.apart else "no",
    ]
