"""The runs before this one: the results of each check, and a table of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from rmcheck.record.history import HistoryCheck, HistoryRun, up_to
from rmcheck.report import anchor, numbers
from rmcheck.report.charts import svg
from rmcheck.report.input import ReportInput
from rmcheck.report.page.identity import moment
from rmcheck.report.sentence import Groups, Placed
from rmcheck.report.text import one_line
from rmcheck.wording import listed

_MOST_TABLED = 20


@dataclass(frozen=True)
class TrendRow:
    """A check in the table of trends."""

    placed: Placed
    anchor: str
    chart: Markup
    before: str
    now: str
    change: str
    failed: str


@dataclass(frozen=True)
class TrendRun:
    """A run in the table of runs, the latest first."""

    when: str
    group: str
    word: str
    source: str
    commit: str
    failed: str


@dataclass(frozen=True)
class TrendView:
    """The section about earlier runs; only if there are any."""

    count: int
    since: str
    said: tuple[str, ...]
    rows: tuple[TrendRow, ...]
    runs: tuple[TrendRun, ...]
    left_out: int


@dataclass(frozen=True)
class Past:
    """One check in the runs that include it, this one last."""

    runs: tuple[HistoryRun, ...]
    checks: tuple[HistoryCheck, ...]

    def data(self) -> dict[str, Any]:
        """The data of a `trend` or `spark`."""
        return {
            "points": [
                {"y": check.value, "low": check.low, "high": check.high, "mark": _mark(check)}
                for check in self.checks
            ],
            "first": moment(self.runs[0].started)[:10],
            "last": moment(self.runs[-1].started)[:10],
        }


def runs_of(report: ReportInput) -> tuple[HistoryRun, ...]:
    """The runs of a trend, this one last; empty without earlier runs."""
    runs = up_to(report.history, report.record)
    return runs if len(runs) > 1 else ()


def past_of(check_id: str, runs: Sequence[HistoryRun]) -> Past | None:
    """A check's past; None if fewer than two runs have an estimate."""
    passed = [(run, run.checks[check_id]) for run in runs if check_id in run.checks]
    if sum(check.value is not None for _, check in passed) < 2:
        return None
    return Past(tuple(run for run, _ in passed), tuple(check for _, check in passed))


def trend_view(runs: Sequence[HistoryRun], groups: Groups, report: ReportInput) -> TrendView | None:
    """The section of all runs; None if there is only one."""
    if not runs:
        return None
    rows = [_row(each, past_of(each.check.id, runs)) for each in groups.all]
    latest = list(reversed(runs))[:_MOST_TABLED]
    return TrendView(
        count=len(runs),
        since=moment(runs[0].started)[:10],
        said=report.over_time,
        rows=tuple(row for row in rows if row is not None),
        runs=tuple(_run(run) for run in latest),
        left_out=len(runs) - len(latest),
    )


def _row(placed: Placed, past: Past | None) -> TrendRow | None:
    if past is None:
        return None
    drawn = svg.draw("spark", f"{placed.check.id} over time", past.data())
    if drawn.svg is None:
        return None
    decided = [check.value for check in past.checks if check.value is not None]
    now = past.checks[-1].value
    # "Before" is the last earlier run with an estimate.
    before = decided[-1] if now is None else decided[-2]
    failed = sum(check.outcome == "fail" for check in past.checks)
    return TrendRow(
        placed=placed,
        anchor=anchor.check(placed.check.id),
        chart=Markup(drawn.svg),
        before=numbers.estimate_number(before),
        now=numbers.MISSING if now is None else numbers.estimate_number(now),
        change=numbers.MISSING if now is None else _change(now - before),
        failed=f"{failed} of {len(past.checks)}",
    )


def _change(value: float) -> str:
    text = numbers.estimate_number(value)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def _run(run: HistoryRun) -> TrendRun:
    group = {"pass": "passed", "fail": "failure", "error": "error"}[run.outcome]
    word = {"pass": "passed", "fail": "failed", "error": "in error"}[run.outcome]
    failed = [one_line(name, 80) for name, check in run.checks.items() if check.outcome == "fail"]
    return TrendRun(
        when=moment(run.started),
        group="error" if run.incomplete and run.outcome == "pass" else group,
        word=f"{word}, incomplete" if run.incomplete else word,
        source=run.source.spec,
        commit=_short_commit(run.commit or ""),
        failed=listed(failed),
    )


def _short_commit(commit: str) -> str:
    """The first ten characters, and what follows a dash (`-dirty`)."""
    name, dash, state = one_line(commit, 60).partition("-")
    return f"{name[:10]}{dash}{state}"


def _mark(check: HistoryCheck) -> str:
    if check.outcome == "fail":
        return "bad"
    return "weak" if check.weak else ""
