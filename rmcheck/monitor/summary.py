"""What came of a log, aspect by aspect, for the terminal, the page and Prometheus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from rmcheck.monitor.aspect import KINDS, SCORES, Kind
from rmcheck.monitor.watch import BLOCK, Crossing, Watched
from rmcheck.monitor.window import Mean
from rmcheck.report import numbers
from rmcheck.wording import counted, minus


@dataclass(frozen=True)
class Line:
    """An aspect: `state` is `changed`, `unchanged` or `not watched`.

    `before` is the mean in the reference, `after` that of the log, or since the change;
    `evidence` the logarithm to base 10 of the most that the capital was.
    """

    kind: Kind
    state: str
    reason: str = ""
    before: float | None = None
    after: float | None = None
    evidence: float = 0.0
    crossed: Crossing | None = None


def summary(found: Watched) -> list[Line]:
    """The aspects in their order."""
    lines = []
    for kind in KINDS:
        if kind.name in found.skipped:
            lines.append(Line(kind, "not watched", found.skipped[kind.name]))
            continue
        aspect, crossed = found.aspects[kind.name], found.crossed.get(kind.name)
        after = Mean()
        for window in found.windows.kept:
            if crossed is None or window.rows >= crossed.row:
                after.join(window.means[kind.name])
        lines.append(
            Line(
                kind,
                "changed" if crossed else "unchanged",
                before=aspect.reference.value,
                after=after.value,
                evidence=aspect.capital.peak / math.log(10),
                crossed=crossed,
            )
        )
    return lines


def told(found: Watched) -> list[str]:
    """The lines of the terminal."""
    start = found.own_reference
    where = f"the first {start:,} of them" if start else f"{found.reference_rows:,} other rows"
    lines = [f"{counted(found.rows, 'row')}{_span(found)}; reference: {where}"]
    lines += [_line(line, found) for line in summary(found)]
    if found.waiting:
        lines.append(
            f"note: {counted(found.waiting, 'prompt')} at the end not used yet: evidence is added "
            f"by blocks of {BLOCK}"
        )
    if found.backwards:
        lines.append(
            f"note: {counted(found.backwards, 'row')} earlier than the row before, by up to "
            f"{numbers.seconds(found.gap)}; read in the order of the file: sort the log by time"
        )
    return lines


def _line(line: Line, found: Watched) -> str:
    kind = line.kind
    if line.state == "not watched":
        return f"{kind.name}: not watched: {line.reason}"
    means = f"{kind.mean} {number(kind, line.before)} → {number(kind, line.after)}"
    if line.crossed is None:
        return f"{kind.name}: unchanged; {means}; evidence {evidence(line, found)}"
    return (
        f"CHANGED {kind.name}: {kind.changed}, seen at row {line.crossed.row:,}"
        f"{_at(line.crossed.time)}; {means}; evidence {evidence(line, found)}"
    )


def evidence(line: Line, found: Watched) -> str:
    """How strong the evidence was at most, and what was needed."""
    most = f"10^{line.evidence:.0f}" if line.evidence >= 4 else f"{10**line.evidence:.3g}"
    return f"{most} ({found.threshold:g} needed)"


def number(kind: Kind, value: float | None) -> str:
    """A mean of an aspect: a score, or a share."""
    if value is None:
        return numbers.MISSING
    return numbers.number(value) if kind is SCORES else numbers.rate(value)


def when(seconds: float | None) -> str:
    """A time for people, in UTC; empty without one."""
    if seconds is None:
        return ""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return minus(f"{seconds:g} s")


def _at(seconds: float | None) -> str:
    return f" ({when(seconds)})" if seconds is not None else ""


def _span(found: Watched) -> str:
    kept = found.windows.kept
    if not kept or kept[0].first is None or found.last_time is None:
        return ""
    return f" up to {when(found.last_time)}"
