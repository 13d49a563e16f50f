"""The check `label_noise`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Len
from numpy.typing import NDArray

from rmcheck.checks import threshold
from rmcheck.checks.check import (
    CANDIDATE,
    CannotDecide,
    Context,
    Need,
    Share,
    SourceRef,
)
from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.data.preferences import PreferenceData
from rmcheck.reward_source import Retrainable
from rmcheck.verdict import Curve, Estimate, Evidence, Point, Series, Table, Verdict
from rmcheck.wording import minus

Rate = Annotated[float, Gt(0), Le(0.5)]


@dataclass(frozen=True, kw_only=True)
class LabelNoise(threshold.ThresholdCheck):
    """Wrong labels in the training data cost at most `max_drop` of the win rate.

    Trains the recipe again with a share of its training labels flipped, once per rate and seed, and
    compares its win rate on the clean evaluation pairs with that of the clean training, pair by
    pair. Wins are averaged over the seeds of a rate. The interval covers other pairs, not other
    seeds; the spread of the seeds is shown. Skipped for a source that is not a recipe.

    Parameters
    ----------
    rates
        Shares of training labels to flip, each in (0, 0.5].
    seeds
        Number of trainings per rate.
    max_drop
        The largest acceptable drop of the win rate at the highest rate, in [0, 1].
    on_inconclusive
    """

    kind: ClassVar[str] = "label_noise"
    sentence: ClassVar[str] = "How much the win rate falls when some training labels are flipped."
    rejudged: ClassVar[bool] = False

    rates: Annotated[tuple[Rate, ...], Len(1, 10)] = (0.2,)
    seeds: Annotated[int, Ge(1), Le(20)] = 2
    max_drop: Share = 0.10

    def needs(self, data: PreferenceData) -> list[Need]:
        """The selected pairs, by the candidate and by each noisy training of its recipe."""
        dialogues = pair_dialogues(self.select(data))
        variants = [self._variant(rate, seed) for rate in self.rates for seed in range(self.seeds)]
        return [Need(source, dialogues) for source in (CANDIDATE, *variants)]

    def _variant(self, rate: float, seed: int) -> SourceRef:
        return SourceRef(flip_rate=rate, flip_seed=seed)

    def judge(self, ctx: Context) -> Verdict:
        """Compare the drop at the highest rate with `max_drop`."""
        from rmcheck.stats import decision as gate
        from rmcheck.stats import noise, winrate

        if not ctx.offers(Retrainable):
            raise CannotDecide(
                f"label_noise retrains a recipe, but {ctx.name()} is not a recipe; "
                "use --rm recipe:NAME"
            )
        pairs = self.select(ctx.data)
        clean = self._wins(ctx, pairs, CANDIDATE)
        groups = [pair.group for pair in pairs]
        criterion = {"max_drop": self.max_drop, "rates": list(self.rates), "seeds": self.seeds}
        reason = winrate.undecidable(clean, groups)
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        noisy = {
            rate: np.stack(
                [self._wins(ctx, pairs, self._variant(rate, s)) for s in range(self.seeds)]
            )
            for rate in sorted(self.rates)
        }
        drops = {rate: noise.noise_drop(clean, wins, groups) for rate, wins in noisy.items()}
        top = max(drops)
        estimate = drops[top]
        decision = gate.decide_threshold(estimate, maximum=self.max_drop)
        outcome, weak = gate.apply_policy(
            decision, estimate.value <= self.max_drop, self.on_inconclusive, None
        )
        facts = {
            "rates": ",".join(f"{rate:g}" for rate in noisy),
            "seeds": self.seeds,
            "n": estimate.n,
            "groups": estimate.n_groups,
            "ci": f"{estimate.method}@{estimate.level:g}",
        }
        return Verdict(
            decision=decision,
            outcome=outcome,
            weak=weak,
            estimate=estimate,
            criterion=criterion,
            message=self._message(estimate, top, clean, noisy[top], weak=weak),
            signature=ctx.signature(self.kind, facts),
            evidence=Evidence(
                pictures=(self._curve(clean, noisy, groups),),
                tables=(_table(clean, noisy, drops),),
            ),
        )

    def _wins(
        self, ctx: Context, pairs: Sequence[PreferencePair], source: SourceRef
    ) -> NDArray[np.float64]:
        from rmcheck.stats.winrate import wins

        scored = ctx.scored(pairs, source)
        return wins(scored.chosen, scored.rejected)

    def _message(
        self,
        estimate: Estimate,
        rate: float,
        clean: NDArray[np.float64],
        noisy: NDArray[np.float64],
        *,
        weak: bool,
    ) -> str:
        sign = "≤" if estimate.value <= self.max_drop else ">"
        per_seed = ", ".join(f"{share:.3f}" for share in noisy.mean(axis=1))
        value, low, high = (
            minus(f"{end * 100:.1f}") for end in (estimate.value, estimate.low, estimate.high)
        )
        text = (
            f"{self.label} at {rate:.0%} flipped training labels the win rate falls by "
            f"{value} points [{low}, {high}] {sign} max_drop {self.max_drop * 100:.1f} "
            f"(clean {clean.mean():.3f}, noisy {per_seed}; n={estimate.n})"
        )
        included = f"; weak: the interval includes {self.max_drop * 100:.1f}"
        return f"{text}{included}" if weak else text

    def _curve(
        self,
        clean: NDArray[np.float64],
        noisy: dict[float, NDArray[np.float64]],
        groups: list[str],
    ) -> Curve:
        from rmcheck.stats.winrate import win_rate

        start = win_rate(clean, groups)
        points = [Point(0.0, start.value, start.low, start.high)]
        for rate, wins in noisy.items():
            shares = wins.mean(axis=1)
            points.append(
                Point(rate, float(shares.mean()), float(shares.min()), float(shares.max()))
            )
        return Curve(
            title="Win rate by share of flipped labels (bars: interval at 0, then range of seeds)",
            series=(Series("win rate on clean labels", tuple(points)),),
            x_label="share of training labels flipped",
            y_label="win rate",
            threshold=float(clean.mean()) - self.max_drop,
        )


def _table(
    clean: NDArray[np.float64],
    noisy: dict[float, NDArray[np.float64]],
    drops: dict[float, Estimate],
) -> Table:
    rows: list[tuple[object, ...]] = [("0 %", float(clean.mean()), "", "", "")]
    for rate, wins in noisy.items():
        drop = drops[rate]
        rows.append((f"{rate:.0%}", float(wins.mean()), drop.value, drop.low, drop.high))
    return Table(
        title="Win rate on clean labels",
        columns=("flipped", "win rate", "drop", "drop, low", "drop, high"),
        rows=tuple(rows),
    )
