"""Plain words for what the record names in terms of the trade."""

from __future__ import annotations

from rmcheck.record.run import CheckRecord
from rmcheck.report import numbers
from rmcheck.report.sentence import Group

GROUP_WORD: dict[Group, str] = {
    "regression": "Regression",
    "failure": "Failed",
    "error": "Error",
    "weak": "Too close to call",
    "advisory": "Advisory, falls short",
    "held": "Held",
    "skipped": "Skipped",
}

GROUP_LEAD: dict[Group, str] = {
    "regression": "Worse than the baseline, by more than chance explains. These stop the merge.",
    "failure": "Required, and not met. These stop the merge.",
    "error": "Could not be decided because something broke.",
    "weak": "The data cannot decide these; the suite's policy let them through. More pairs would.",
    "advisory": "Reported only; these never stop a merge.",
    "held": "Measured and met.",
    "skipped": "Not decided, for the reason given.",
}

STATE_WORD = {
    "identical": "identical",
    "improved": "better",
    "non_inferior": "no worse than tolerated",
    "regressed": "worse",
    "inconclusive": "undecided",
}

PAIR_WORD = {
    "newly_wrong": "Newly wrong",
    "both_wrong": "Both wrong",
    "wrong": "Wrong",
    "newly_right": "Newly right",
    "kept": "Kept right",
    "right": "Right",
}

_TIGHT = "\u00a0"


def reading(check: CheckRecord, baseline: str | None) -> str:
    """The estimate of a check read out for somebody who knows no statistics; may be empty."""
    estimate = check.estimate
    if estimate is None:
        return ""
    if _is_share(check):
        text = f"It picks the better answer in {_hundred(estimate.value)} of 100 pairs"
        minimum = check.criterion.get("min")
        if isinstance(minimum, (int, float)):
            text += f"; at least {_hundred(minimum)} are asked for"
        return f"{text}."
    if _is_change(check):
        than = baseline or "the baseline"
        if check.state == "identical":
            return f"Every pair is scored as {than} scores it."
        if not estimate.value:
            return f"It picks the better answer as often as {than} does."
        more = "fewer" if estimate.value < 0 else "more"
        return (
            f"It picks the better answer in {numbers.points(estimate.value)} {more} of 100 pairs "
            f"than {than}."
        )
    return ""


def certainty(check: CheckRecord) -> str:
    """How sure the estimate of a check is, in words; empty where nothing was estimated."""
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
        check.kind == "no_regression"
        and check.estimate is not None
        and -1 <= check.estimate.value <= 1
    )


def _is(p: str) -> str:
    """With spaces that do not break: `= 0.004`, `< 0.0001`."""
    return p.replace(" ", _TIGHT) if p.startswith("<") else f"={_TIGHT}{p}"


def _hundred(share: float) -> str:
    return numbers.number(share * 100, 2) if share < 1 else "100"


def _change(value: float) -> str:
    text = numbers.points(value)
    if text == "0":
        return "0"
    return f"{text} fewer" if value < 0 else f"{text} more"
