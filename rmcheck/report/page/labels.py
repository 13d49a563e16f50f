"""The page of `rmcheck lint --scores`: pairs whose label the sources contradict, with texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rmcheck import __version__
from rmcheck.data import PreferencePair, prompt_text
from rmcheck.report import numbers
from rmcheck.report.page.figure import Grid
from rmcheck.report.page.html import document
from rmcheck.wording import counted, minus

MOST = 500
"""So many pairs are shown with their texts; the others are counted."""


class Judge(Protocol):
    """A source that judged the labels."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def pairs(self) -> int:
        """How many pairs it has scored."""

    @property
    def wrong(self) -> int:
        """How many labels it contradicts."""

    @property
    def spread(self) -> float:
        """The root mean square of its margins."""


class Candidate(Protocol):
    """A pair whose label is in doubt."""

    @property
    def place(self) -> object:
        """Where it is; as text, file and line."""

    @property
    def item(self) -> PreferencePair:
        """The pair."""

    @property
    def units(self) -> Sequence[float | None]:
        """Each source's margin in units of its spread."""


class Audit(Protocol):
    """What the linter found."""

    @property
    def auditors(self) -> Sequence[Judge]:
        """The sources."""

    @property
    def doubts(self) -> Sequence[Candidate]:
        """The candidates, worst first."""

    @property
    def judged(self) -> int:
        """How many pairs could be judged."""

    @property
    def most(self) -> bool:
        """Whether more than half of the sources are enough."""

    @property
    def expected(self) -> float:
        """How many candidates independent mistakes would give."""


@dataclass(frozen=True)
class _Pair:
    number: int
    id: str
    place: str
    tags: Sequence[str]
    prompt: str
    chosen: str
    rejected: str
    units: Sequence[tuple[str, str]]


def render(audit: Audit) -> str:
    """The page; the same input gives the same text."""
    count = len(audit.doubts)
    who = "more than half" if audit.most else "all"
    return document(
        "labels.html.j2",
        ("page.js",),
        version=__version__,
        headline=f"{counted(count, 'label')} to look at" if count else "No label to look at",
        lead=f"{counted(count, 'pair')} of {audit.judged:,} whose label {who} of "
        f"{len(audit.auditors)} sources contradict; {audit.expected:.1f} would be expected if the "
        "sources failed independently. Hard pairs are among them.",
        sources=Grid(
            title="Sources",
            columns=(("source", False), ("pairs", True), ("contradicts", True), ("spread", True)),
            rows=[
                [one.name, numbers.count(one.pairs), numbers.count(one.wrong),
                 numbers.number(one.spread)]
                for one in audit.auditors
            ],
        ),
        pairs=[_pair(number, audit) for number in range(min(MOST, count))],
        left_out=max(0, count - MOST),
    )  # fmt: skip


def _pair(index: int, audit: Audit) -> _Pair:
    doubt = audit.doubts[index]
    units = ["–" if unit is None else minus(f"{unit:+.2f}") for unit in doubt.units]
    return _Pair(
        number=index + 1,
        id=doubt.item.id,
        place=str(doubt.place),
        tags=doubt.item.tags,
        prompt=prompt_text(doubt.item.prompt),
        chosen=doubt.item.chosen,
        rejected=doubt.item.rejected,
        units=[(one.name, unit) for one, unit in zip(audit.auditors, units, strict=True)],
    )
