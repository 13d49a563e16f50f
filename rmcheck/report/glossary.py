"""Plain words for the terms of a run record."""

from __future__ import annotations

from dataclasses import dataclass

from rmcheck.checks.trial_evidence import BROKEN, CHANGES
from rmcheck.record.run import CheckRecord, EstimateRecord
from rmcheck.report import numbers
from rmcheck.report.sentence import Group
from rmcheck.report.text import one_line
from rmcheck.wording import listed

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


@dataclass(frozen=True)
class _Share:
    """How a kind whose estimate is a share is read, and the key of its bound in words."""

    said: str
    key: str
    bound: str


_SHARES = {
    "win_rate": _Share(
        "It picks the better answer in {} of 100 pairs", "min", "at least {} are required"
    ),
    "invariance": _Share(
        "Changes that mean nothing cost it {} of 100 wins", "max_flips", "at most {} are allowed"
    ),
    "directional": _Share(
        "Its score falls for {} of 100 texts that were made worse",
        "min",
        "at least {} are required",
    ),
    "exploit": _Share(
        "A poor answer that only looks better wins in {} of 100 cases",
        "max_wins",
        "at most {} are allowed",
    ),
}

_TIGHT = "\u00a0"


def reading(check: CheckRecord, baseline: str | None) -> str:
    """The estimate of a check in words for readers who know no statistics; may be empty."""
    estimate = check.estimate
    if estimate is None:
        return ""
    if _is_share(check):
        words = _SHARES[check.kind]
        text = words.said.format(_hundred(estimate.value))
        bound = check.criterion.get(words.key)
        if isinstance(bound, (int, float)):
            text += f"; {words.bound.format(_hundred(bound))}"
        return f"{text}.{_broken(check)}"
    if check.kind == "selection":
        return _selection(check, estimate)
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


def _broken(check: CheckRecord) -> str:
    """Which changes of a text break their promise by themselves, as a sentence."""
    names = [
        one_line(str(row[0]), 40)
        for table in check.evidence.tables
        if table.title == CHANGES
        for row in table.rows
        if row[-1] == BROKEN
    ]
    if not names:
        return ""
    said = "By itself, {} breaks" if len(names) == 1 else "By themselves, {} break"
    return f" {said.format(listed(names))} a bound."


def _undecided_by_p(check: CheckRecord) -> bool:
    """Whether p is that of a single change and none of them breaks its promise.

    The share over all changes decides then, by its interval.
    """
    tables = [table for table in check.evidence.tables if table.title == CHANGES]
    broken = any(row[-1] == BROKEN for table in tables for row in table.rows)
    return bool(tables) and check.state is None and not broken


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
    text = f"{numbers.level(estimate.level)} % interval: between {low} and {high}"
    p = check.p_value if check.adjusted_p is None else check.adjusted_p
    if p is not None and not _undecided_by_p(check):
        adjusted = "" if check.adjusted_p is None else ", adjusted"
        by = f" by {measure}" if (measure := measure_of(check)) else ""
        text += f"; chance alone: p{_TIGHT}{_is(numbers.p_value(p))}{by}{adjusted}"
    return f"{text}."


def measure_of(check: CheckRecord) -> str:
    """What the p of a comparison was measured by; empty for the win rate and other checks."""
    given = check.criterion.get("measure")
    return one_line(given, 40) if check.state is not None and isinstance(given, str) else ""


def _selection(check: CheckRecord, estimate: EstimateRecord) -> str:
    """The gain of the best of n over a random answer; empty where n is not known."""
    most = check.criterion.get("up_to")
    if not isinstance(most, int):
        return ""
    than = f"than a random one of {most} answers"
    if not estimate.value:
        return f"The answer with the highest score is as good as a random one of {most} answers."
    sort = "better" if estimate.value > 0 else "worse"
    if check.criterion.get("quality") == "ratings":
        size = numbers.number(abs(estimate.value))
        return f"The answer with the highest score is rated {size} {sort} {than}."
    return (
        f"The answer with the highest score is a good one in {numbers.points(estimate.value)} "
        f"{'more' if estimate.value > 0 else 'fewer'} of 100 cases {than}."
    )


def _is_share(check: CheckRecord) -> bool:
    return check.kind in _SHARES and check.estimate is not None and 0 <= check.estimate.value <= 1


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
