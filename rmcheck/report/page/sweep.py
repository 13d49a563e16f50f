"""The page of `rmcheck sweep`: all runs, and the best of them on fresh prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from markupsafe import Markup

from rmcheck import __version__
from rmcheck.report import numbers
from rmcheck.report.charts.svg import draw
from rmcheck.report.page.figure import Figure, Grid
from rmcheck.report.page.html import document
from rmcheck.report.stopping import MEASURES, Pruned, rungs, summary
from rmcheck.stats.paired import Difference
from rmcheck.verdict import Estimate, Forest, Interval
from rmcheck.wording import counted, minus

MOST_DRAWN = 40
"""Runs in the chart; the table has all of them."""


class Tried(Protocol):
    """A run."""

    @property
    def number(self) -> int:
        """Its number; 0 is the recipe as it is."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The keys that differ from the recipe."""

    @property
    def fingerprint(self) -> str:
        """The hash of its recipe."""

    @property
    def estimate(self) -> Estimate | None:
        """Its win rate on the prompts that choose."""

    @property
    def failed(self) -> str:
        """Why its training failed."""

    @property
    def rungs(self) -> Mapping[int, float]:
        """Its values at the rungs that it reached."""

    @property
    def stopped(self) -> int | None:
        """The rung at which it was stopped."""


class Plan(Protocol):
    """What was to be tried."""

    @property
    def search(self) -> str:
        """How settings were proposed."""

    @property
    def seed(self) -> int:
        """The seed of folds and search."""

    @property
    def space(self) -> Mapping[str, object]:
        """The keys that were varied."""

    @property
    def prune(self) -> Pruned | None:
        """How runs were stopped early."""


class Found(Protocol):
    """What a sweep found."""

    @property
    def sweep(self) -> Plan:
        """What was to be tried."""

    @property
    def trained_on(self) -> int:
        """Training pairs of every run."""

    @property
    def runs(self) -> Sequence[Tried]:
        """The runs, best first."""

    @property
    def chosen(self) -> Estimate:
        """The winner where it was chosen."""

    @property
    def confirmed(self) -> Estimate:
        """The winner on fresh prompts."""

    @property
    def unchanged(self) -> Estimate | None:
        """The recipe as it is on these."""

    @property
    def difference(self) -> Difference | None:
        """The winner less the recipe on these."""

    @property
    def notes(self) -> Sequence[str]:
        """What limits the result."""

    @property
    def shares(self) -> Sequence[float]:
        """The rungs, as shares of a training."""

    @property
    def saved(self) -> float:
        """The share of the training that was not made."""


def render(found: Found) -> str:
    """The page; the same input gives the same text."""
    plan = found.sweep
    return document(
        "sweep.html.j2",
        ("page.js",),
        version=__version__,
        headline=_headline(found),
        lead=f"{counted(len(found.runs), 'run')} ({plan.search}, seed {plan.seed}), each trained "
        f"on {counted(found.trained_on, 'pair')}. Chosen on {counted(found.chosen.n, 'pair')} of "
        f"{counted(found.chosen.n_groups, 'other prompt')}, confirmed on {_fresh(found)}",
        notes=found.notes,
        confirmation=_confirmation(found),
        chart=_chart(found),
        rungs=None if plan.prune is None else _rungs(found, plan.prune),
        runs=_runs(found),
    )


def _fresh(found: Found) -> str:
    prompts = counted(found.confirmed.n_groups, "fresh prompt")
    return f"{numbers.count(found.confirmed.n)} of {prompts}"


def _headline(found: Found) -> str:
    winner = found.runs[0]
    if found.difference is None:
        return "No settings were better than those of the recipe"
    gain = found.difference.estimate
    if gain.low > 0:
        return f"Run {winner.number} is better than the recipe, also on fresh prompts"
    if gain.value > 0:
        return f"Run {winner.number} is ahead on fresh prompts, but not beyond doubt"
    return f"Run {winner.number} is not better than the recipe on fresh prompts"


def _confirmation(found: Found) -> Grid:
    rows = [
        _row("the best run, where it was chosen", found.chosen),
        _row("the best run, on fresh prompts", found.confirmed),
    ]
    remark = None
    if found.difference is not None and found.unchanged is not None:
        rows.append(_row("the recipe as it is, on fresh prompts", found.unchanged))
        gain = found.difference.estimate
        rows.append(
            [
                f"gained by the settings (p = {numbers.p_value(found.difference.p_two_sided)})",
                minus(f"{gain.value:+.3f}"),
                minus(f"[{gain.low:+.3f}, {gain.high:+.3f}]"),
            ]
        )
        remark = (
            "The first number is too high on average, as the best of several runs was chosen by it."
        )
    columns = (("measured", False), ("win rate", True), ("95 % interval", True))
    return Grid(f"Win rates of run {found.runs[0].number}", columns, rows, remark)


def _row(name: str, estimate: Estimate) -> list[str]:
    return [name, numbers.rate(estimate.value), numbers.interval(estimate)]


def _chart(found: Found) -> Figure:
    """The runs that choose, below them the confirmation."""
    rows = [
        Interval(_name(run), run.estimate.value, run.estimate.low, run.estimate.high)
        for run in found.runs[:MOST_DRAWN]
        if run.estimate is not None
    ]
    fresh = found.confirmed
    rows.append(
        Interval(f"{_name(found.runs[0])}, fresh prompts", fresh.value, fresh.low, fresh.high)
    )
    forest = Forest(
        title="Win rates of the runs",
        rows=tuple(rows),
        x_label="win rate",
        reference=next(
            (run.estimate.value for run in found.runs if run.number == 0 and run.estimate), None
        ),
    )
    drawn = draw(forest.kind, forest.title, {**forest.data, "reference_label": "recipe as it is"})
    svg = None if drawn.svg is None else Markup(drawn.svg)
    remark = drawn.remark
    if len(found.runs) > MOST_DRAWN:
        remark = f"The best {MOST_DRAWN} of {len(found.runs)} runs." + (
            f" {remark}" if remark else ""
        )
    return Figure("Win rates with 95 % intervals, best first", svg, remark)


def _name(run: Tried) -> str:
    return f"run {run.number}" if run.number else "run 0, as it is"


def _rungs(found: Found, how: Pruned) -> Grid:
    """What was measured and stopped at each rung."""
    columns = (
        ("share of the training", True),
        ("runs measured", True),
        (f"best {MEASURES[how.by]}", True),
        ("stopped", False),
    )
    rows = [
        [
            each.share,
            str(each.reached),
            "–" if each.best is None else numbers.number(each.best),
            ", ".join(f"run {number}" for number in each.stopped) or "none",
        ]
        for each in rungs(found)
    ]
    remark = (
        f"A run went on if it was among the best 1/{how.reduction} of those that had reached the "
        "rung before it. The recipe as it is, run 0, was never stopped."
    )
    return Grid(f"{summary(found)[0].upper()}{summary(found)[1:]}", columns, rows, remark)


def _runs(found: Found) -> Grid:
    keys = list(found.sweep.space)
    columns = [("run", True), ("win rate", True), ("95 % interval", True)]
    columns += [(key, False) for key in keys] + [("recipe's hash", False)]
    rows = []
    for run in found.runs:
        estimate = run.estimate
        if run.stopped is not None:
            reached = [f"stopped at {found.shares[run.stopped]:.0%}", "–"]
        elif estimate is None:
            reached = ["failed", "–"]
        else:
            reached = [numbers.rate(estimate.value), numbers.interval(estimate)]
        values = [str(run.settings[key]) if key in run.settings else "–" for key in keys]
        rows.append([str(run.number), *reached, *values, run.fingerprint[:12]])
    failed = [f"Run {run.number} failed: {run.failed}." for run in found.runs if run.failed]
    return Grid("All runs, best first", columns, rows, " ".join(failed) or None)
