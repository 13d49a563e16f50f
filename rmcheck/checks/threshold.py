"""Holding an estimate against a bound: the verdict that most check kinds end in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rmcheck.stats.decision import Policy, apply_policy, decide_threshold
from rmcheck.verdict import Estimate, Evidence, Verdict

MIN_GROUPS = 15
"""Fewer different prompts than this decide nothing."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What an estimate is held against; at least one of both ends.

    `name` is the YAML key that set it, as messages print it.
    """

    name: str
    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a bare number lies inside."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def words(self, value: float) -> str:
        """`≥ min 0.70`, `> max_ece 0.10`, `outside ±max_gap 0.20`."""
        inside = self.holds(value)
        if self.low is not None and self.high is not None:
            return f"{'within' if inside else 'outside'} ±{self.name} {self.high:.2f}"
        if self.low is not None:
            return f"{'≥' if inside else '<'} {self.name} {self.low:.2f}"
        return f"{'≤' if inside else '>'} {self.name} {self.high or 0:.2f}"


def too_few(n: int, groups: int, what: str = "pairs") -> str | None:
    """Why `n` pairs (or sets) of so many groups decide nothing, or None when they may."""
    if groups >= MIN_GROUPS:
        return None
    return f"{n} {what} of {groups} different prompts; at least {MIN_GROUPS} prompts are needed"


def undecidable(label: str, reason: str, criterion: Mapping[str, object]) -> Verdict:
    """The verdict on data too degenerate to decide: a weak failure that no policy lifts."""
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
) -> Verdict:
    """The verdict of an estimate and a bound.

    Parameters
    ----------
    text
        What was estimated, such as ``ece 0.083``; interval, method and n are added to it.
    """
    decision = decide_threshold(estimate, minimum=bound.low, maximum=bound.high)
    outcome, weak = apply_policy(decision, bound.holds(estimate.value), policy, None)
    message = (
        f"{text} {estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}] "
        f"({estimate.method} {estimate.level:.0%}, n={estimate.n}) {bound.words(estimate.value)}"
    )
    return Verdict(
        decision=decision,
        outcome=outcome,
        weak=weak,
        estimate=estimate,
        criterion=criterion,
        message=f"{message}; weak: the interval includes it" if weak else message,
        signature=signature,
        evidence=evidence,
    )


def interval_facts(estimate: Estimate) -> dict[str, object]:
    """What a signature says of an estimate."""
    return {
        "n": estimate.n,
        "groups": estimate.n_groups,
        "ci": f"{estimate.method}@{estimate.level:g}",
    }
