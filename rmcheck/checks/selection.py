"""The check `selection`: the more responses there are to choose from, the better the one chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from rmcheck.checks import threshold
from rmcheck.checks.check import BASELINE, Context, Need
from rmcheck.checks.response_sets import SetCheck, all_tied
from rmcheck.data import ResponseSet
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import BaselineMissing, Unscorable
from rmcheck.verdict import Curve, Estimate, Evidence, Point, Series, Table, Verdict
from rmcheck.wording import counted, minus

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rmcheck.stats.selection import Selection as Found
    from rmcheck.stats.selection import Step


@dataclass(frozen=True, kw_only=True)
class Selection(SetCheck):
    """Best-of-n: the response with the highest score gets better, not worse, as n grows.

    For n = 1, 2, 4, 8, … the check computes how good the response with the highest score is among n
    random ones of a set: the exact mean over all subsets of n, in which tied responses are chosen
    equally often. A reward model that is good on average can still prefer a bad outlier, which is
    found more often the more responses there are.

    The check fails if quality falls from one n to the next by more than chance explains (a
    one-sided sign-flip test over prompts, Holm over the steps, at `alpha`). Otherwise the gain at
    the last n over a random response is compared with `min_gain`. Sets whose responses are all
    equally good are left out.

    Parameters
    ----------
    quality
        `best` (default: a response is good if it is one of the best ones) or `ratings` (the
        ratings in the data, in their own units; sets without ratings are left out).
    up_to
        The largest n, at least 2; sets with fewer responses are left out (default: as many as
        every set has).
    min_gain
        The smallest acceptable gain in quality at the last n over a random response, at least 0.
    alpha
        The level of the test for a fall, in (0, 1).
    on_inconclusive
    """

    kind: ClassVar[str] = "selection"
    sentence: ClassVar[str] = (
        "Whether the answer with the highest score gets better the more answers there are."
    )

    quality: Literal["best", "ratings"] = "best"
    up_to: Annotated[int, Ge(2)] | None = None
    min_gain: Annotated[float, Ge(0)] = 0.0
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05

    def _sets(self, data: PreferenceData) -> list[ResponseSet]:
        return [
            each
            for each in data.sets
            if len(each.responses) >= (self.up_to or 2) and len(set(self._values(each))) > 1
        ]

    def _values(self, of: ResponseSet) -> list[float]:
        """How good each response is; empty where the data do not tell."""
        if self.quality == "ratings":
            return [float(rating) for rating in of.ratings or ()]
        best = set(of.best)
        return [float(index in best) for index in range(len(of.responses))]

    def needs(self, data: PreferenceData) -> list[Need]:
        """Every response of the sets, by the candidate and by the baseline."""
        (need,) = super().needs(data)
        return [need, replace(need, source=BASELINE)]

    def judge(self, ctx: Context) -> Verdict:
        """Look for a fall, and compare the interval of the gain with `min_gain`."""
        from rmcheck.stats import selection as stats

        sets = self._sets(ctx.data)
        most = self.up_to or min((len(each.responses) for each in sets), default=2)
        criterion = {
            "quality": self.quality,
            "up_to": most,
            "min_gain": self.min_gain,
            "alpha": self.alpha,
        }
        groups = [each.group for each in sets]
        reason = threshold.too_few(len(sets), len(set(groups)), "response set", self._usable())
        scores = [] if reason else self._scores(ctx, sets)
        reason = reason or all_tied(scores)
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        sizes = stats.sizes_up_to(most)
        good = [self._values(each) for each in sets]

        def found(columns: Sequence[NDArray[np.float64]]) -> Found:
            rng = np.random.default_rng(ctx.seed)
            return stats.selection(columns, good, groups, sizes, rng=rng, alpha=self.alpha)

        ours, before = found(scores), self._before(ctx, sets)
        curves = {ctx.name(): ours}
        if before is not None:
            curves[ctx.name(BASELINE)] = found(before)
        curves["the best possible choice"] = found([np.array(each) for each in good])
        facts = {"n_max": most, "quality": self.quality, "test": "sign_flip"}
        first, last = ours.quality[0].value, ours.quality[-1].value
        verdict = threshold.hold(
            f"{self.label} {_value(first)} at n=1, {_value(last)} at n={most}: gain",
            ours.gain,
            threshold.Bound(name="min_gain", low=self.min_gain),
            self.on_inconclusive,
            unit="sets",
            criterion=criterion,
            signature=ctx.signature(self.kind, facts | threshold.interval_facts(ours.gain)),
            evidence=Evidence(
                pictures=(self._curve(curves),),
                tables=(_table(ours),),
                notes=self._left_out(ctx.data, sets),
            ),
        )
        return self._with_fall(verdict, ours)

    def _with_fall(self, verdict: Verdict, found: Found) -> Verdict:
        """The verdict on the gain, and on top of it whether a fall is shown."""
        fall = found.fall(self.alpha)
        verdict = replace(
            verdict,
            p_value=min(step.p for step in found.steps),
            adjusted_p=min(step.adjusted for step in found.steps),
            detectable=max(step.detectable for step in found.steps),
        )
        if fall is None:
            told = f"no fall shown up to n={found.sizes[-1]}"
            return replace(verdict, message=f"{verdict.message}; {told}")
        message = (
            f"{self.label}: quality falls from {_at(found, fall.before)} to "
            f"{_at(found, fall.after)}, p={fall.adjusted:.2g} ≤ alpha {self.alpha:g} (sign_flip, "
            f"Holm over {counted(len(found.steps), 'step')}); no fall shown up to n={fall.before}"
        )
        return replace(verdict, decision="fail", outcome="fail", weak=False, message=message)

    def _before(self, ctx: Context, sets: list[ResponseSet]) -> list[NDArray[np.float64]] | None:
        """The baseline's scores of the same responses, if there is one that has them."""
        try:
            return self._scores(ctx, sets, BASELINE)
        except (BaselineMissing, Unscorable):
            return None

    def _curve(self, curves: dict[str, Found]) -> Curve:
        return Curve(
            title="Quality of the chosen response against n",
            series=tuple(Series(name, _points(found)) for name, found in curves.items()),
            x_label="n, responses to choose from",
            y_label="mean rating" if self.quality == "ratings" else "share of good responses",
        )

    def _usable(self) -> str:
        """What the sets have that are used, as messages say it."""
        size = f" with {self.up_to} or more responses" if self.up_to else ""
        kind = "different ratings" if self.quality == "ratings" else "a worse response"
        return f"{size}{' and' if size else ' with'} {kind}"

    def _left_out(self, data: PreferenceData, sets: list[ResponseSet]) -> tuple[str, ...]:
        rest = len(data.sets) - len(sets)
        used = f"{counted(len(sets), 'set')}{self._usable()}"
        return (f"{used}; {counted(rest, 'set')} left out",) if rest else ()


def _points(found: Found) -> tuple[Point, ...]:
    return tuple(
        Point(float(size), each.value, each.low, each.high)
        for size, each in zip(found.sizes, found.quality, strict=True)
    )


def _table(found: Found) -> Table:
    steps: list[Step | None] = [None, *found.steps]
    return Table(
        title="Quality by n",
        columns=("n", "quality", "low", "high", "gain", "p of a fall, Holm", "detectable fall"),
        rows=tuple(
            (size, each.value, each.low, each.high)
            + ((step.gain.value, step.adjusted, step.detectable) if step else (None, None, None))
            for size, each, step in zip(found.sizes, found.quality, steps, strict=True)
        ),
    )


def _at(found: Found, size: int) -> str:
    at: Estimate = found.quality[found.sizes.index(size)]
    return f"{_value(at.value)} at n={size}"


def _value(value: float) -> str:
    return minus(f"{value:.3f}")
