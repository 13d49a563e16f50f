"""The check `null_controls`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Lt
from numpy.typing import NDArray

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import CANDIDATE, Check, Context, Need, Share
from rmcheck.checks.controls import LONGER, SHORTER, control_wins, with_swapped_prompts
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Evidence, Outcome, Table, Verdict
from rmcheck.wording import minus

if TYPE_CHECKING:
    from rmcheck.stats.paired import Difference


@dataclass(frozen=True, kw_only=True)
class NullControls(Check):
    """The model reads the texts: it beats trivial scorers, and wins less with the wrong prompt.

    Makes two paired comparisons on the same pairs, each by the exact sign-flip test at `alpha`: the
    model against the better of "pick the longer" and "pick the shorter", and the model against
    itself with each response scored under another pair's prompt. A model that wins as often with
    the wrong prompt does not use the prompt.

    Parameters
    ----------
    alpha
        The level of each test, in (0, 1).
    max_swapped
        Optional: the largest acceptable win rate with swapped prompts, in [0, 1]; compared with
        the point estimate.
    """

    kind: ClassVar[str] = "null_controls"
    sentence: ClassVar[str] = "Whether the model beats scorers that do not read the texts."

    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05
    max_swapped: Share | None = None

    def needs(self, data: PreferenceData) -> list[Need]:
        """All pairs, and all responses once more under another pair's prompt."""
        swapped = with_swapped_prompts(self.select(data))
        return [*super().needs(data), Need(CANDIDATE, swapped)]

    def judge(self, ctx: Context) -> Verdict:
        """Compare with the best control, then with the model under the wrong prompts."""
        from rmcheck.stats import winrate
        from rmcheck.stats.paired import paired_difference

        pairs = self.select(ctx.data)
        criterion = {"alpha": self.alpha}
        if self.max_swapped is not None:
            criterion["max_swapped"] = self.max_swapped
        groups = [pair.group for pair in pairs]
        reason = threshold.too_few(len(pairs), len(set(groups)))
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        scored = ctx.scored(pairs)
        both = ctx.score(with_swapped_prompts(pairs))
        wins: dict[str, NDArray[np.float64]] = {
            "the model": winrate.wins(scored.chosen, scored.rejected),
            **control_wins(pairs, ctx.seed),
            "swapped prompts": winrate.wins(both[0::2], both[1::2]),
        }
        rates = {name: winrate.win_rate(column, groups) for name, column in wins.items()}
        best = max((LONGER, SHORTER), key=lambda name: rates[name].value)
        over_control = paired_difference(wins["the model"], wins[best], groups)
        over_swapped = paired_difference(wins["the model"], wins["swapped prompts"], groups)
        faults = [
            *self._not_above(best, over_control),
            *self._not_above("itself with swapped prompts", over_swapped),
        ]
        swapped = rates["swapped prompts"]
        if self.max_swapped is not None and swapped.value > self.max_swapped:
            faults.append(
                f"with swapped prompts it still wins {swapped.value:.3f} > max_swapped "
                f"{self.max_swapped:.2f}"
            )
        held: Outcome = "fail" if faults else "pass"
        stands = (
            f"{self.label}: win rate {rates['the model'].value:.3f}, {best} "
            f"{rates[best].value:.3f}, swapped prompts {swapped.value:.3f} (n={len(pairs)})"
        )
        return Verdict(
            decision=held,
            outcome=held,
            estimate=over_control.estimate,
            criterion=criterion,
            p_value=max(_p_greater(over_control), _p_greater(over_swapped)),
            message="; ".join([stands, *faults]),
            signature=ctx.signature(self.kind, threshold.interval_facts(over_control.estimate)),
            evidence=Evidence(
                pictures=(
                    evidence.forest(
                        "The model and scorers that do not read the texts",
                        rates,
                        x_label="win rate",
                        reference=0.5,
                    ),
                ),
                tables=(_table(best, over_control, over_swapped),),
            ),
        )

    def _not_above(self, other: str, difference: Difference) -> list[str]:
        p_value = _p_greater(difference)
        if p_value <= self.alpha and difference.estimate.value > 0:
            return []
        points = minus(f"{difference.estimate.value * 100:+.1f}")
        return [
            f"not shown to beat {other}: {points} points, p={p_value:.2g} > alpha {self.alpha:g}"
        ]


def _p_greater(difference: Difference) -> float:
    """One-sided p of Δ > 0: half of the two-sided one, the distribution being symmetric."""
    half = difference.p_two_sided / 2
    return half if difference.estimate.value > 0 else 1.0


def _table(best: str, over_control: Difference, over_swapped: Difference) -> Table:
    rows = []
    for name, each in ((best, over_control), ("swapped prompts", over_swapped)):
        low, high = each.estimate.low, each.estimate.high
        rows.append((name, each.estimate.value, low, high, _p_greater(each)))
    return Table(
        title="The model's advantage on the same pairs",
        columns=("over", "difference", "low", "high", "p"),
        rows=tuple(rows),
    )
