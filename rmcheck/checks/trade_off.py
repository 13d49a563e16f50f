"""The check `trade_off`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, MinLen
from numpy.typing import NDArray

from rmcheck.checks import threshold
from rmcheck.checks.check import BASELINE, CANDIDATE, Check, Context, Need, Share
from rmcheck.data import Pairs, PreferencePair, sides_of
from rmcheck.data.objectives import label_of
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import RmcheckError
from rmcheck.verdict import Estimate, Evidence, Picture, Table, Verdict
from rmcheck.wording import counted, listed

MOST_WEIGHTINGS = 1_001
"""Of one check: each is a product of the margins, and a row of the search."""
MOST_ROWS, MOST_CHARTS = 40, 6

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """The pairs that one objective judges: their rows, the sign of its label, their groups."""

    rows: NDArray[np.int64]
    signs: Column
    groups: Sequence[str]

    def wins(self, margins: Column) -> Column:
        """1 where the better side has the higher reward, 0.5 for a tie, of margins (n,)."""
        own = margins[self.rows] * self.signs
        won: Column = (own > 0) + 0.5 * (own == 0)
        return won


@dataclass(frozen=True, kw_only=True)
class TradeOff(Check):
    """No weighting of the objectives is better on all of them than the one in use.

    The outputs of the model are weighted in many ways, from the same scores, and each weighting's
    win rate is measured on each objective, by the pairs' own labels for it. The check fails if one
    of them is better on every objective, by more than `max_loss` and for sure: the lower bounds of
    all differences are above 0, with alpha divided by the number of weightings. The report shows
    which weightings are on the Pareto front, where an objective gains only at the cost of another,
    the one in use, and the baseline.

    Parameters
    ----------
    objectives
        The names of the outputs; two at least.
    max_loss
        By how much a weighting may be better on all objectives, in [0, 1].
    steps
        Weights are tried in steps of 1 / steps, in units of each output's spread.
    alpha
        The probability of a false alarm, over all weightings.
    """

    kind: ClassVar[str] = "trade_off"
    sentence: ClassVar[str] = (
        "Whether another weighting of the objectives is better on all of them."
    )
    one_objective: ClassVar[bool] = False

    objectives: Annotated[tuple[str, ...], MinLen(2)]
    max_loss: Share = 0.02
    steps: Annotated[int, Ge(2), Le(100)] = 10
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05

    def __post_init__(self) -> None:
        if self.objective:
            raise ValueError("objective has no effect beside 'objectives'; remove it")
        twice = sorted({name for name in self.objectives if self.objectives.count(name) > 1})
        if twice:
            raise ValueError(f"objectives: {listed(twice)} given twice; give each once")
        k = len(self.objectives)
        count = math.comb(self.steps + k - 1, k - 1)
        if count > MOST_WEIGHTINGS:
            raise ValueError(
                f"steps={self.steps} of {k} objectives makes {count:,} weightings, at most "
                f"{MOST_WEIGHTINGS:,} are tried; use fewer steps"
            )

    def needs(self, data: PreferenceData) -> list[Need]:
        """All selected pairs: each output, the reward in use, and the baseline's reward."""
        sides = sides_of(self.select(data))
        outputs = [replace(CANDIDATE, objective=name) for name in self.objectives]
        return [Need(source, sides) for source in (*outputs, CANDIDATE, BASELINE)]

    def judge(self, ctx: Context) -> Verdict:
        """Measure every weighting, and look for one that is better on all objectives."""
        from rmcheck.stats.pareto import front, lattice
        from rmcheck.stats.winrate import undecidable, win_rate

        pairs = self.select(ctx.data)
        judged = [_judged(pairs, name) for name in self.objectives]
        criterion = {
            "objectives": list(self.objectives),
            "max_loss": self.max_loss,
            "steps": self.steps,
            "alpha": self.alpha,
        }
        used = ctx.scored(pairs).margins
        for name, each in zip(self.objectives, judged, strict=True):
            reason = undecidable(each.wins(used), each.groups)
            if reason:
                return threshold.undecidable(self.label, f"{name}: {reason}", criterion)
        outputs = np.stack(
            [
                ctx.scored(pairs, replace(CANDIDATE, objective=name)).margins
                for name in self.objectives
            ],
            axis=1,
        )
        shares = lattice(len(self.objectives), self.steps)
        weights = shares / _spread(outputs)
        tried = [self._rates(outputs @ row, judged) for row in weights]
        mine = self._rates(used, judged)
        points = np.array([mine, *tried])
        best = front(points)
        before = self._before(ctx, pairs, judged)
        estimates, found = self._best(used, outputs, weights, judged, points)
        better = estimates[0].value > self.max_loss
        own = {
            name: win_rate(each.wins(used), each.groups)
            for name, each in zip(self.objectives, judged, strict=True)
        }
        rates = ", ".join(f"{name} {each.value:.3f}" for name, each in own.items())
        head = f"{self.label}: {rates} with the weights in use"
        verdict = self._decided(head, estimates, weights[found], len(weights))
        if not better:
            place = "on" if best[0] else "within the tolerated loss of"
            said = f"{verdict.message}; {place} the Pareto front of {len(points):,} weightings"
            verdict = replace(verdict, message=said)
        facts = {"weightings": len(weights), "labels": [len(each.rows) for each in judged]}
        shown = [self._weights(row) for row in weights]
        return replace(
            verdict,
            criterion=criterion,
            estimate=estimates[0],
            signature=ctx.signature(self.kind, facts),
            evidence=Evidence(
                pictures=self._pictures(points, best, before, shown, ctx),
                tables=(self._table(points, best, before, shown, ctx, found if better else None),),
                notes=self._notes(pairs, judged, before),
            ),
        )

    def _rates(self, margins: Column, judged: Sequence[Judged]) -> list[float]:
        """The win rate of rewards on each objective."""
        return [float(each.wins(margins).mean()) for each in judged]

    def _best(
        self,
        used: Column,
        outputs: Column,
        weights: Column,
        judged: Sequence[Judged],
        points: Column,
    ) -> tuple[list[Estimate], int]:
        """The weighting that gains most on the objective on which it gains least.

        Of those that gain more than `max_loss` on all, one comes first for which all gains are
        sure. Returns the gains, the least one first, and the weighting's row.
        """
        from rmcheck.stats.paired import paired_difference

        gains = points[1:] - points[0]
        least = gains.min(axis=1)
        order = [int(row) for row in np.argsort(-least, kind="stable")]
        rows = [row for row in order if least[row] > self.max_loss] or order[:1]
        found: list[tuple[list[Estimate], int]] = []
        for row in rows:
            margins = outputs @ weights[row]
            differences = [
                paired_difference(
                    each.wins(margins),
                    each.wins(used),
                    each.groups,
                    level=1 - 2 * self.alpha / len(weights),
                ).estimate
                for each in judged
            ]
            found.append((sorted(differences, key=lambda each: each.value), row))
            if _sure(found[-1][0]):
                return found[-1]
        return found[0]

    def _decided(
        self, head: str, estimates: Sequence[Estimate], weights: Column, count: int
    ) -> Verdict:
        least = estimates[0]
        if least.value <= self.max_loss:
            return Verdict(decision="pass", outcome="pass", message=head)
        low = min(each.low for each in estimates)
        said = (
            f"{head}; {self._weights(weights)} gains {least.value:+.3f} or more on every "
            f"objective, lower bound {low:+.3f} (alpha {self.alpha:g} over "
            f"{counted(count, 'weighting')})"
        )
        if _sure(estimates):
            remedy = "use these weights, or remove an objective that should not count"
            return Verdict(decision="fail", outcome="fail", message=f"{said}; {remedy}")
        return Verdict(decision="inconclusive", outcome="pass", weak=True, message=said)

    def _before(self, ctx: Context, pairs: Pairs, judged: Sequence[Judged]) -> list[float] | None:
        """The win rates of the baseline's reward, if it has scores of these pairs."""
        try:
            return self._rates(ctx.scored(pairs, BASELINE).margins, judged)
        except RmcheckError:
            return None

    def _weights(self, row: Column) -> str:
        """A weighting as a spec takes it."""
        largest = float(np.abs(row).max())
        named = zip(self.objectives, (row / largest).tolist(), strict=True)
        return "weights=" + ";".join(f"{name}:{weight:.3g}" for name, weight in named)

    def _pictures(
        self,
        points: Column,
        best: NDArray[np.bool_],
        before: list[float] | None,
        shown: Sequence[str],
        ctx: Context,
    ) -> tuple[Picture, ...]:
        """A chart of each two objectives."""
        found = []
        for across, up in list(combinations(range(len(self.objectives)), 2))[:MOST_CHARTS]:
            x, y = self.objectives[across], self.objectives[up]
            dots = [
                [point[across], point[up], "front" if on else "other", label]
                for point, on, label in zip(points[1:].tolist(), best[1:], shown, strict=True)
            ]
            dots.append([points[0, across], points[0, up], "used", f"in use: {ctx.name()}"])
            if before is not None:
                dots.append([before[across], before[up], "baseline", ctx.name(BASELINE)])
            data = {
                "points": dots,
                "x_label": f"win rate on {x}",
                "y_label": f"win rate on {y}",
                "whole": len(self.objectives) == 2,
            }
            found.append(Picture(kind="pareto", title=f"{x} against {y}", data=data))
        return tuple(found)

    def _table(
        self,
        points: Column,
        best: NDArray[np.bool_],
        before: list[float] | None,
        shown: Sequence[str],
        ctx: Context,
        found: int | None,
    ) -> Table:
        """The weights in use, the baseline, and the weightings on the front."""
        rows: list[tuple[object, ...]] = [
            (f"in use: {ctx.name()}", "on it" if best[0] else "", *map(_percent, points[0]))
        ]
        if before is not None:
            rows.append((f"baseline: {ctx.name(BASELINE)}", "", *map(_percent, before)))
        on = [row for row in range(len(shown)) if best[row + 1] or row == found]
        for row in on[:MOST_ROWS]:
            place = "on it" if best[row + 1] else "better on all"
            rows.append((shown[row], place, *map(_percent, points[row + 1])))
        more = len(on) - MOST_ROWS
        title = "Weightings on the Pareto front" + (f" ({more} more left out)" if more > 0 else "")
        columns = ("weighting", "Pareto front", *self.objectives)
        return Table(title=title, columns=columns, rows=tuple(rows))

    def _notes(
        self, pairs: Pairs, judged: Sequence[Judged], before: list[float] | None
    ) -> tuple[str, ...]:
        counts = ", ".join(
            f"{name} {len(each.rows):,}" for name, each in zip(self.objectives, judged, strict=True)
        )
        notes = [f"pairs with a label by each objective: {counts} of {len(pairs):,}"]
        own = [name for name in self.objectives if not _labelled(pairs, name)]
        if own:
            notes.append(f"no pair has a label by {listed(own)}: judged by the pairs' own label")
        if before is None:
            notes.append("no baseline with scores of these pairs, so it is not shown")
        return tuple(notes)


def _labelled(pairs: Sequence[PreferencePair], objective: str) -> bool:
    return any(label_of(pair, objective) for pair in pairs)


def _judged(pairs: Pairs, objective: str) -> Judged:
    """The pairs with a label by an objective; all, by their own, where none has one."""
    labels = [label_of(pair, objective) for pair in pairs]
    better = [label.better if label else "tie" for label in labels]
    if not any(labels):
        better = ["chosen"] * len(pairs)
    signs = np.array([{"chosen": 1.0, "rejected": -1.0, "tie": 0.0}[each] for each in better])
    rows = np.flatnonzero(signs)
    return Judged(rows, signs[rows], [pairs[row].group for row in rows.tolist()])


def _spread(outputs: Column) -> Column:
    """The standard deviation of the margins of each output, (k,); 1 for a constant one."""
    found: Column = outputs.std(axis=0)
    return np.where(found > 0, found, 1.0)


def _sure(estimates: Sequence[Estimate]) -> bool:
    return all(each.low > 0 for each in estimates)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
