"""Plain words for what the record names in terms of the trade."""

from __future__ import annotations

from rmcheck.record import CheckRecord
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

_ABOUT = {
    "win_rate": "How often the model scores the better answer above the worse one.",
    "score_gap": "Whether the better answer is scored higher by a margin, beyond chance.",
    "no_regression": "Whether the model got worse than the baseline on the same pairs.",
    "label_noise": "How much is lost when the model is trained on partly flipped labels.",
    "scale_invariance": "Whether rankings survive when the scores are scaled, shifted and rounded.",
    "calibration": "Whether a margin means what it says: sure where it is right.",
    "length_bias": "Whether the model prefers an answer merely for its length.",
    "agreement": "How well the scores follow the ratings that people gave.",
    "best_of_n": "How often the best of several answers comes out on top.",
}


def about(kind: str) -> str:
    """What a check of this kind asks, in one sentence; empty for a kind from elsewhere."""
    return _ABOUT.get(kind, "")


def reading(check: CheckRecord, baseline: str | None) -> str:
    """The estimate of a check read out for somebody who knows no statistics; may be empty."""
    estimate = check.estimate
    if estimate is None:
        return ""
    sure = numbers.number(estimate.level * 100)
    if check.kind == "win_rate" and 0 <= estimate.value <= 1:
        text = (
            f"It picks the better answer in {_hundred(estimate.value)} of 100 pairs "
            f"(with {sure} % confidence between {_hundred(estimate.low)} "
            f"and {_hundred(estimate.high)})"
        )
        minimum = check.criterion.get("min")
        if isinstance(minimum, (int, float)):
            text += f"; at least {_hundred(minimum)} are asked for"
        return f"{text}."
    if check.kind == "no_regression" and -1 <= estimate.value <= 1:
        than = baseline or "the baseline"
        if check.state == "identical":
            return f"Every pair is scored as {than} scores it."
        more = "fewer" if estimate.value < 0 else "more"
        return (
            f"It picks the better answer in {numbers.points(estimate.value)} {more} of 100 pairs "
            f"than {than} (with {sure} % confidence between {_change(estimate.low)} "
            f"and {_change(estimate.high)})."
        )
    return ""


def _hundred(share: float) -> str:
    return numbers.number(share * 100, 2) if share < 1 else "100"


def _change(value: float) -> str:
    text = numbers.number(abs(value) * 100, 2)
    if text == "0":
        return "0"
    return f"{text} fewer" if value < 0 else f"{text} more"
