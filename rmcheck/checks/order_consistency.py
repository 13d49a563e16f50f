"""The check `order_consistency`: a judge prefers the same response in both orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import CANDIDATE, CannotDecide, Context, Need, Share, SourceRef
from rmcheck.data import PreferencePair, orders_of
from rmcheck.data.preferences import PreferenceData
from rmcheck.reward_source import BothOrders
from rmcheck.verdict import Estimate, Evidence, Table, Verdict
from rmcheck.wording import listed

Answers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OrderConsistency(threshold.ThresholdCheck):
    """The share of pairs with the same verdict in both orders of the responses is at least `min`.

    For sources that compare two responses (`judge:URL,mode=pairwise`); skipped for others. Uses
    the Wilson interval at the effective sample size, clustered by prompt. Shows the pairs that
    flip, and the position bias: how often the response in first place wins (0.5 without a bias).

    Parameters
    ----------
    min
        The smallest acceptable share of pairs with the same verdict in both orders, in [0, 1].
    repeats
        How often each question is asked again; 0 (default): not.
    min_repeat
        Optional: the smallest acceptable share of answers that are the same when a question is
        asked again, in [0, 1]; needs `repeats`.
    on_inconclusive
    """

    kind: ClassVar[str] = "order_consistency"
    sentence: ClassVar[str] = "Whether a judge prefers the same response in both orders."
    rejudged: ClassVar[bool] = False  # its answers have a zero that a map would move

    min: Share
    repeats: Annotated[int, Ge(0), Le(20)] = 0
    min_repeat: Share | None = None

    def __post_init__(self) -> None:
        if self.min_repeat is not None and not self.repeats:
            raise ValueError("min_repeat has no effect without 'repeats: 1' or more")

    def needs(self, data: PreferenceData) -> list[Need]:
        """Both orders of the selected pairs, once and once more for each repetition."""
        asked = orders_of(self.select(data))
        refs = [CANDIDATE, *map(_repetition, range(self.repeats))]
        return [Need(ref, asked, only=BothOrders) for ref in refs]

    def judge(self, ctx: Context) -> Verdict:
        """Compare the interval of the share with `min`, and that of repetitions."""
        from rmcheck.stats.winrate import share_estimate

        if not ctx.offers(BothOrders):
            raise CannotDecide(
                f"{ctx.name()} scores each response by itself, so an order cannot be tested; "
                "this check is for sources that compare two (judge:URL,mode=pairwise)"
            )
        pairs = self.select(ctx.data)
        criterion: dict[str, object] = {"min": self.min}
        if self.min_repeat is not None:
            criterion["min_repeat"] = self.min_repeat
        groups = [pair.group for pair in pairs]
        reason = threshold.too_few(len(pairs), len(set(groups)))
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        asked = orders_of(pairs)
        signs = np.sign(ctx.score(asked)).reshape(-1, 2)
        # A judge that decides for neither has given no verdict that could be the same.
        same = ((signs[:, 0] == -signs[:, 1]) & (signs[:, 0] != 0)).astype(np.float64)
        agreed = share_estimate(same, groups)
        first = share_estimate((signs.mean(axis=1) + 1) / 2, groups)
        again = None
        if self.repeats:
            others = [
                np.sign(ctx.score(asked, _repetition(number))).reshape(-1, 2)
                for number in range(self.repeats)
            ]
            credits = np.mean([other == signs for other in others], axis=(0, 2))
            again = share_estimate(credits, groups)
        facts = {**threshold.interval_facts(agreed), "repeats": self.repeats}
        verdict = threshold.hold(
            f"{self.label} same verdict in both orders",
            agreed,
            threshold.Bound(name="min", low=self.min),
            self.on_inconclusive,
            criterion=criterion,
            signature=ctx.signature(self.kind, facts),
            evidence=self._evidence(pairs, signs, same, first, again),
        )
        flips = [pair.id for pair, held in zip(pairs, same, strict=True) if not held]
        told = f"{verdict.message}; first place wins {_interval(first)}"
        if flips:
            told = f"{told}; not the same: {listed(flips)}"
        if again is None:
            return replace(verdict, message=told)
        if self.min_repeat is None:
            return replace(
                verdict, message=f"{told}; same answer when asked again {_interval(again)}"
            )
        repeated = threshold.hold(
            "same answer when asked again",
            again,
            threshold.Bound(name="min_repeat", low=self.min_repeat),
            self.on_inconclusive,
            criterion=criterion,
            signature=verdict.signature,
            evidence=verdict.evidence,
        )
        return _both(replace(verdict, message=told), repeated)

    def _evidence(
        self,
        pairs: Sequence[PreferencePair],
        signs: Answers,
        same: Answers,
        first: Estimate,
        again: Estimate | None,
    ) -> Evidence:
        from rmcheck.stats.winrate import share_estimate

        flips = np.flatnonzero(same == 0.0)[: evidence.MOST_PAIRS]
        rates: Mapping[str, Estimate] = {
            "same verdict in both orders": share_estimate(same, [pair.group for pair in pairs]),
            **({"same answer when asked again": again} if again else {}),
            "first place wins": first,
        }
        by_tag = evidence.estimates_by_tag(pairs, same)
        return Evidence(
            pictures=(
                evidence.forest(
                    "Order and repetition",
                    {**rates, **{f"same verdict, {tag}": each for tag, each in by_tag.items()}},
                    x_label="share",
                    threshold=self.min,
                    reference=0.5,
                ),
            ),
            tables=(
                Table(
                    title="Verdicts in both orders",
                    columns=("verdict", "pairs"),
                    rows=tuple(_verdicts(signs).items()),
                ),
            ),
            pairs=tuple(pairs[int(row)].id for row in flips),
        )


def _repetition(number: int) -> SourceRef:
    return SourceRef(probe=f"repeat {number + 1}")


def _verdicts(signs: Answers) -> dict[str, int]:
    """How many pairs have which verdicts, from the signs with chosen first and rejected first."""
    chosen_first, rejected_first = signs[:, 0], signs[:, 1]
    kinds = {
        "the chosen response in both orders": (chosen_first > 0) & (rejected_first < 0),
        "the rejected response in both orders": (chosen_first < 0) & (rejected_first > 0),
        "whichever is first": (chosen_first > 0) & (rejected_first > 0),
        "whichever is second": (chosen_first < 0) & (rejected_first < 0),
        "undecided in an order": (chosen_first == 0) | (rejected_first == 0),
    }
    return {name: int(found.sum()) for name, found in kinds.items()}


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _both(first: Verdict, second: Verdict) -> Verdict:
    """Both must hold: the first one's estimate with the worse outcome of the two."""
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    failed = [each for each in (first, second) if each.outcome == "fail"]
    decides = failed or [first, second]
    return replace(
        first,
        decision=min((first.decision, second.decision), key=lambda one: order[one]),
        outcome="fail" if failed else "pass",
        weak=all(each.weak for each in decides) if failed else any(each.weak for each in decides),
        message=f"{first.message}; {second.message}",
    )
