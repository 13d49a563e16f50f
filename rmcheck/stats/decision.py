"""From an estimate and a criterion to a decision, and from a policy to the outcome."""

from __future__ import annotations

import math
from typing import Literal

from rmcheck.verdict import Decision, Estimate, Outcome

MIN_GROUPS = 15
"""Fewer groups (different prompts) than this decide nothing: no clustered error is sound then."""

Policy = Literal["point", "pass", "fail"]
"""What an inconclusive decision becomes: what the point estimate says, a pass, or a failure."""

LossMeasure = Literal["log_loss", "rank_log_loss"]
"""The measures of a comparison that keep the margins."""

Measure = Literal["win_rate", LossMeasure]
"""What the evidence of a comparison is measured by."""


def decide_threshold(
    estimate: Estimate, *, minimum: float | None = None, maximum: float | None = None
) -> Decision:
    """Hold an interval against a threshold, or against a range.

    Parameters
    ----------
    estimate : with low ≤ high, in the threshold's units.
    minimum, maximum : at least one of them.

    Returns
    -------
    `pass` when the whole interval is at or above `minimum` (at or below `maximum`), `fail` when
    all of it is beyond either one, else `inconclusive`.
    """
    if minimum is None and maximum is None:
        raise ValueError("a threshold needs a minimum or a maximum")
    for name, number in (
        ("low", estimate.low),
        ("high", estimate.high),
        ("minimum", minimum),
        ("maximum", maximum),
    ):
        if number is not None and math.isnan(number):
            raise ValueError(f"{name} is nan; a threshold needs numbers")
    lower = -math.inf if minimum is None else minimum
    upper = math.inf if maximum is None else maximum
    if lower > upper:
        raise ValueError(f"minimum={minimum} is above maximum={maximum}")
    if estimate.high < lower or estimate.low > upper:
        return "fail"
    if estimate.low >= lower and estimate.high <= upper:
        return "pass"
    return "inconclusive"


def apply_policy(
    decision: Decision,
    estimate_holds: bool,
    on_inconclusive: Policy,
    undecidable: str | None,
) -> tuple[Outcome, bool]:
    """Turn a decision into the colour of the test.

    Parameters
    ----------
    decision : what the statistics say.
    estimate_holds : whether the point estimate alone meets the criterion.
    on_inconclusive : what an inconclusive decision becomes.
    undecidable : why the data are too degenerate to decide; no policy lifts that.

    Returns
    -------
    The outcome, and whether it is weak (the policy decided, not the data).
    """
    if undecidable is not None:
        return "fail", True
    if decision != "inconclusive":
        return decision, False
    if on_inconclusive == "point":
        return ("pass" if estimate_holds else "fail"), True
    if on_inconclusive in ("pass", "fail"):
        return on_inconclusive, True
    raise ValueError(f"on_inconclusive={on_inconclusive!r} is unknown (allowed: point, pass, fail)")
