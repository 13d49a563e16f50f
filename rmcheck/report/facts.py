"""A check's figures as labelled facts, and the values of a record in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rmcheck.record.run import CheckRecord
from rmcheck.report import numbers
from rmcheck.report.glossary import STATE_WORD, measure_of
from rmcheck.report.text import one_line
from rmcheck.wording import counted, minus


@dataclass(frozen=True)
class Fact:
    """A label and its value; `note` explains the value."""

    label: str
    value: str
    note: str = ""


def facts(check: CheckRecord) -> tuple[Fact, ...]:
    """What a check measured and concluded, one fact per line."""
    found: list[Fact] = []
    estimate = check.estimate
    if estimate is not None:
        level = numbers.level(estimate.level)
        both = f"{numbers.estimate_number(estimate.value)} {numbers.interval(estimate)}"
        found.append(Fact("Estimate", both, f"{level} % interval, {estimate.method}"))
        found.append(
            Fact(
                "Data",
                counted(estimate.n, "pair"),
                f"in {counted(estimate.n_groups, 'group')} of one prompt each",
            )
        )
    if check.looked is not None:
        looked = check.looked
        pairs = f"{numbers.count(looked.pairs)} of {counted(looked.of, 'pair')}"
        found.append(Fact("Early stop", pairs, f"look {looked.look} of {looked.looks} decided"))
    if check.criterion:
        found.append(Fact("Criterion", criterion_words(check)))
    if check.state is not None:
        found.append(Fact("Against the baseline", STATE_WORD[check.state]))
    if check.decision is not None:
        weak = "the data cannot decide this; on_inconclusive decides" if check.weak else ""
        found.append(Fact("Decision", check.decision, weak))
    if check.p_value is not None:
        by = f", by {measure}" if (measure := measure_of(check)) else ""
        found.append(
            Fact("p", numbers.p_value(check.p_value), f"probability of such a result by chance{by}")
        )
    if check.adjusted_p is not None:
        found.append(
            Fact(
                "p, adjusted",
                numbers.p_value(check.adjusted_p),
                "Holm's correction for all comparisons",
            )
        )
    if check.detectable is not None:
        found.append(
            Fact(
                "Detectable",
                numbers.number(check.detectable, 2),
                "the smallest effect found in 4 of 5 runs with this much data",
            )
        )
    return tuple(found)


def criterion_words(check: CheckRecord) -> str:
    """The criterion as the suite file gives it: `min 0.70, on_inconclusive fail`."""
    return ", ".join(f"{key} {cell(value)}" for key, value in check.criterion.items())


def is_number(value: object) -> bool:
    """Whether a value of a record is a number; true and false are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def cell(value: object) -> str:
    """A value of a record as a person reads it, on one line."""
    if value is None:
        return numbers.MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return minus(f"{value:,}")
    if isinstance(value, float):
        return numbers.number(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(cell(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {cell(each)}" for key, each in value.items())
    return one_line(str(value), 400)


def column(name: str, values: Sequence[object]) -> list[str]:
    """The cells of a table's column: p-values as such, other numbers with the same decimals.

    Whole numbers, texts, and columns of very small or large numbers are as `cell` writes them.

    >>> column("p", [0.2, 5e-5]), column("share", [0.0842, 0.12, None]), column("n", [3, 1200])
    (['0.20', '< 0.0001'], ['0.084', '0.120', '–'], ['3', '1,200'])
    """
    known = [value for value in values if value is not None]
    given = [float(value) for value in known if isinstance(value, (int, float))]
    plain = all(isinstance(value, int) for value in known)
    if plain or not all(map(is_number, known)) or not all(map(math.isfinite, given)):
        return [cell(value) for value in values]
    if "p" in name.split():
        made = [numbers.p_value(value) for value in given]
    else:
        most = max(map(abs, given))
        if not 0.01 <= most < 100:
            return [cell(value) for value in values]
        made = [numbers.rate(value, 3 if most < 10 else 2) for value in given]
    told = iter(made)
    return [numbers.MISSING if value is None else next(told) for value in values]
