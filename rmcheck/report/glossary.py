"""Plain words for the terms of a run record."""

from __future__ import annotations

from rmcheck.record.run import CheckRecord
from rmcheck.report import numbers
from rmcheck.report.sentence import Group

GROUP_WORD: dict[Group, str] = {
    "regression": "Regression",
    "failure": "Failed",
    "error": "Error",
    "weak": "Inconclusive",
    "advisory": "Failed (advisory)",
    "passed": "Passed",
    "skipped": "Skipped",
}

GROUP_LEAD: dict[Group, str] = {
    "regression": "Worse than the baseline by more than chance explains. These block the merge.",
    "failure": "Required checks that failed. These block the merge.",
    "error": "Could not be run because of an error.",
    "weak": "The data cannot decide these; the suite lets them pass. More pairs would decide them.",
    "advisory": "Reported only; these never block a merge.",
    "passed": "The criterion is met.",
    "skipped": "Not run, for the reason given.",
}

STATE_WORD = {
    "identical": "identical",
    "improved": "better",
    "non_inferior": "within the tolerated drop",
    "regressed": "worse",
    "inconclusive": "inconclusive",
}

PAIR_WORD = {
    "newly_wrong": "Newly wrong",
    "both_wrong": "Both wrong",
    "wrong": "Wrong",
    "newly_right": "Newly right",
    "kept": "Both right",
    "right": "Right",
}

COMPARING = ("no_regression", "objectives")
"""Kinds whose estimate is a change of the win rate."""

_TIGHT = "\u00a0"


def reading(check: CheckRecord, baseline: str | None) -> str:
    """The estimate of a check in words for readers who know no statistics; may be empty."""
    estimate = check.estimate
    if estimate is None:
        return ""
    if _is_share(check):
        text = f"It picks the better answer in {_hundred(estimate.value)} of 100 pairs"
        minimum = check.criterion.get("min")
        if isinstance(minimum, (int, float)):
            text += f"; at least {_hundred(minimum)} are required"
        return f"{text}."
    if _is_change(check):
        than = baseline or "the baseline"
        if check.state == "identical":
            return f"Every score is the same as in {than}."
        if not estimate.value:
            return f"It picks the better answer as often as {than} does."
        more = "fewer" if estimate.value < 0 else "more"
        return (
            f"It picks the better answer in {numbers.points(estimate.value)} {more} of 100 pairs "
            f"than {than}."
        )
    return ""


def certainty(check: CheckRecord) -> str:
    """How certain the estimate of a check is, in words; empty without an estimate."""
    estimate = check.estimate
    if estimate is None:
        return ""
    low, high = numbers.estimate_number(estimate.low), numbers.estimate_number(estimate.high)
    if _is_share(check):
        low, high = _hundred(estimate.low), f"{_hundred(estimate.high)} of 100"
    elif _is_change(check):
        low, high = _change(estimate.low), _change(estimate.high)
        if low.split(" ")[1:] == high.split(" ")[1:]:
            low = low.split(" ")[0]
    text = f"{numbers.number(estimate.level * 100)} % interval: between {low} and {high}"
    p = check.p_value if check.adjusted_p is None else check.adjusted_p
    if p is not None:
        adjusted = "" if check.adjusted_p is None else ", adjusted"
        text += f"; chance alone: p{_TIGHT}{_is(numbers.p_value(p))}{adjusted}"
    return f"{text}."


def _is_share(check: CheckRecord) -> bool:
    return (
        check.kind == "win_rate" and check.estimate is not None and 0 <= check.estimate.value <= 1
    )


def _is_change(check: CheckRecord) -> bool:
    return (
        check.kind in COMPARING and check.estimate is not None and -1 <= check.estimate.value <= 1
    )


def _is(p: str) -> str:
    """With non-breaking spaces: `= 0.004`, `< 0.0001`."""
    return p.replace(" ", _TIGHT) if p.startswith("<") else f"={_TIGHT}{p}"


def _hundred(share: float) -> str:
    return numbers.number(share * 100, 2) if share < 1 else "100"


def _change(value: float) -> str:
    text = numbers.points(value)
    if text == "0":
        return "0"
    return f"{text} fewer" if value < 0 else f"{text} more"
