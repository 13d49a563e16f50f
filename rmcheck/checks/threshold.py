"""Compare an estimate with a bound: most check kinds make their verdict this way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rmcheck.checks.check import Check
from rmcheck.stats.decision import MIN_GROUPS, Policy, apply_policy, decide_threshold
from rmcheck.verdict import Estimate, Evidence, Verdict
from rmcheck.wording import counted, minus, percent


@dataclass(frozen=True, kw_only=True)
class ThresholdCheck(Check):
    """A check that compares an estimate with a threshold; the interval may include the threshold.

    Parameters
    ----------
    on_inconclusive
        `point` (default: the point estimate decides, marked weak), `pass` or `fail`.
    """

    on_inconclusive: Policy = "point"


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The bound that an estimate is compared with; at least one end is given.

    `name` is the YAML key that set it, as messages print it.
    """

    name: str
    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a number is within the bound."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def words(self, value: float) -> str:
        """`≥ min 0.70`, `> max_ece 0.10`, `outside ±max_gap 0.20`."""
        inside = self.holds(value)
        if self.low is not None and self.high is not None:
            return f"{'within' if inside else 'outside'} ±{self.name} {self.high:.2f}"
        if self.low is not None:
            return f"{'≥' if inside else '<'} {self.name} {minus(f'{self.low:.2f}')}"
        return f"{'≤' if inside else '>'} {self.name} {self.high or 0:.2f}"

    def crossed(self, estimate: Estimate) -> list[float]:
        """The ends that are inside an interval, which therefore cannot decide."""
        ends = [end for end in (self.low, self.high) if end is not None]
        return [end for end in ends if estimate.low <= end <= estimate.high]


def too_few(n: int, groups: int, what: str = "pair", which: str = "") -> str | None:
    """Why `n` pairs (or sets) in `groups` groups are too few; None if they are enough."""
    if groups >= MIN_GROUPS:
        return None
    told = f"{counted(n, what)}{which} of {counted(groups, 'different prompt')}"
    return f"{told}; at least {MIN_GROUPS} prompts are needed"


def undecidable(label: str, reason: str, criterion: Mapping[str, object]) -> Verdict:
    """The verdict on data that cannot decide: a weak failure, whatever `on_inconclusive` says."""
    return Verdict(
        decision="inconclusive",
        outcome="fail",
        weak=True,
        criterion=criterion,
        message=f"{label}: undecidable: {reason}",
    )


def hold(
    text: str,
    estimate: Estimate,
    bound: Bound,
    policy: Policy,
    *,
    criterion: Mapping[str, object],
    signature: str,
    evidence: Evidence,
    reason: str | None = None,
    unit: str = "pairs",
) -> Verdict:
    """The verdict of an estimate and a bound.

    Parameters
    ----------
    text
        What was estimated, such as ``ece 0.083``; interval, method and n are added to it.
    reason
        Why the data can decide nothing, whatever the estimate.
    unit
        What n counts.
    """
    decision = decide_threshold(estimate, minimum=bound.low, maximum=bound.high)
    decision = "inconclusive" if reason else decision
    outcome, weak = apply_policy(decision, bound.holds(estimate.value), policy, reason)
    value = minus(f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]")
    message = (
        f"{text} {value} "
        f"({estimate.method} {percent(estimate.level)}, n={estimate.n}) "
        f"{bound.words(estimate.value)}"
    )
    if reason:
        message += f"; undecidable: {reason}"
    elif weak:
        message += f"; weak: {_why_weak(estimate, bound, unit)}"
    return Verdict(
        decision=decision,
        outcome=outcome,
        weak=weak,
        estimate=estimate,
        criterion=criterion,
        message=message,
        signature=signature,
        evidence=evidence,
    )


def _why_weak(estimate: Estimate, bound: Bound, unit: str) -> str:
    """Why a verdict is weak, and how many pairs would decide, if known."""
    from rmcheck.stats.winrate import pairs_to_decide

    ends = bound.crossed(estimate)
    text = f"the interval includes {minus(' and '.join(f'{end:.2f}' for end in ends))}"
    if not estimate.method.startswith("wilson"):
        return text
    enough = pairs_to_decide(estimate, ends[0])
    hint = (
        f"about {enough:,} {unit} would decide" if enough else "the estimate equals the threshold"
    )
    return f"{text}, {hint}"


def interval_facts(estimate: Estimate) -> dict[str, object]:
    """The facts about an estimate for a signature."""
    return {
        "n": estimate.n,
        "groups": estimate.n_groups,
        "ci": f"{estimate.method}@{estimate.level:g}",
    }
