"""The page of a watched log: a table of the aspects, and charts of each over the log."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from rmcheck import __version__
from rmcheck.monitor.aspect import PROMPTS, SCORES
from rmcheck.monitor.summary import Line, evidence, number, summary, when
from rmcheck.monitor.watch import Watched
from rmcheck.report import numbers
from rmcheck.report.charts.svg import draw
from rmcheck.report.page.figure import Figure
from rmcheck.report.page.html import document
from rmcheck.wording import counted, listed, minus

_GROUPS = {"changed": "failure", "unchanged": "passed", "not watched": "skipped"}
MOST_WORDS = 20


@dataclass(frozen=True)
class _Row:
    anchor: str
    group: str
    name: str
    state: str
    mean: str
    before: str
    after: str
    evidence: str
    since: str


@dataclass(frozen=True)
class _Section:
    anchor: str
    title: str
    lead: str
    charts: Sequence[Figure]
    words: Sequence[tuple[str, str]]


def render(found: Watched, name: str) -> str:
    """The page; the same input gives the same text. `name` says what log it is."""
    lines = summary(found)
    changed = [line.kind.name for line in lines if line.state == "changed"]
    headline = f"Changed: {listed(changed, limit=4)}" if changed else "No change"
    notes = []
    if found.backwards:
        notes.append(
            f"{counted(found.backwards, 'row')} earlier than the row before (by up to "
            f"{numbers.seconds(found.gap)}): the log is not sorted by time."
        )
    return document(
        "monitor.html.j2",
        ("page.js",),
        version=__version__,
        headline=headline,
        lead=_lead(found, name),
        notes=notes,
        rows=[_row(line, found) for line in lines],
        sections=[_section(line, found) for line in lines if line.state != "not watched"],
    )


def _lead(found: Watched, name: str) -> str:
    start = found.own_reference
    against = f"its first {counted(start, 'row')}" if start else "another log or run"
    return (
        f"{name}: {counted(found.rows, 'row')}, compared with {against}. If nothing changed, the "
        f"probability that this page ever says otherwise is at most {found.alpha:.0%}, however "
        "often it is made. A daily rhythm of the traffic is a change, too."
    )


def _row(line: Line, found: Watched) -> _Row:
    known = line.state != "not watched"
    since = "" if line.crossed is None else f"{line.crossed.row:,} {when(line.crossed.time)}"
    return _Row(
        anchor=f"aspect-{line.kind.name}",
        group=_GROUPS[line.state],
        name=line.kind.name,
        state=line.state if known else f"{line.state}: {line.reason}",
        mean=line.kind.mean,
        before=number(line.kind, line.before),
        after=number(line.kind, line.after),
        evidence=evidence(line, found) if known else numbers.MISSING,
        since=since.strip() or numbers.MISSING,
    )


def _section(line: Line, found: Watched) -> _Section:
    kind = line.kind
    charts = [_means(line, found), _evidence(line, found)]
    if kind is SCORES:
        charts.append(_distribution(line, found))
    words: list[tuple[str, str]] = []
    if kind is PROMPTS:
        frequent = found.vocabulary.most_frequent(MOST_WORDS)
        words = [(word, numbers.count(times)) for word, times in frequent]
    return _Section(
        anchor=f"aspect-{kind.name}",
        title=kind.name.capitalize(),
        lead=_sentence(kind.changed if line.state == "changed" else f"{kind.mean}: unchanged"),
        charts=charts,
        words=words,
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _chart(kind: str, title: str, data: Mapping[str, Any]) -> Figure:
    drawn = draw(kind, title, data)
    return Figure(title, None if drawn.svg is None else Markup(drawn.svg), drawn.remark)


def _means(line: Line, found: Watched) -> Figure:
    name = line.kind.name
    points = []
    for window in found.windows.kept:
        mean = window.means[name]
        if mean.value is not None:
            room = 1.96 * mean.error
            points.append(
                {"x": window.rows, "y": mean.value, "low": mean.value - room,
                 "high": mean.value + room}
            )  # fmt: skip
    data = {
        "series": [{"label": f"{line.kind.mean} with 95 % intervals", "points": points}],
        "threshold": line.before,
        "threshold_label": "reference",
        "x_label": "row of the log",
    }
    return _chart("curve", f"{line.kind.mean.capitalize()} over the log", data)


def _evidence(line: Line, found: Watched) -> Figure:
    points = [
        {"x": window.rows, "y": window.capital[line.kind.name]} for window in found.windows.kept
    ]
    data = {
        "series": [{"label": "evidence, powers of ten", "points": points}],
        "threshold": math.log10(found.threshold),
        "threshold_label": "needed: ten to the power of",
        "x_label": "row of the log",
    }
    return _chart("curve", f"Evidence that {line.kind.name} changed", data)


def _distribution(line: Line, found: Watched) -> Figure:
    """The scores of the reference and of the log (since the change), as shares of bins."""
    row = line.crossed.row if line.crossed else 0
    later = [window.bins for window in found.windows.kept if window.rows >= row]
    middle = (found.bars[:-1] + found.bars[1:]) / 2
    series = []
    label = "since the change" if line.crossed else "log"
    for name, counts in (("reference", found.reference_bins), (label, np.sum(later, axis=0))):
        shares = counts / max(1, int(np.sum(counts)))
        points = [{"x": float(x), "y": float(y)} for x, y in zip(middle, shares, strict=True)]
        series.append({"label": name, "points": points})
    low, high = (minus(f"{end:.3g}") for end in (found.bars[0], found.bars[-1]))
    title = f"Share of the scores, from {low} or less to {high} or more"
    return _chart("curve", title, {"series": series, "x_label": "score"})
