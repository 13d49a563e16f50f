"""Numbers for people: few digits, a true minus sign, a dash for a missing value."""

from __future__ import annotations

import math

from rmcheck.record.run import EstimateRecord
from rmcheck.verdict import Estimate
from rmcheck.wording import minus, percent

MISSING = "–"


def number(value: float | None, digits: int = 3) -> str:
    """`value` with about `digits` significant digits.

    >>> number(0.78), number(-1234.5), number(0.00002), number(None), number(3.0), number(1e9)
    ('0.78', '−1,234', '2e−5', '–', '3', '1e9')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1e7 or size < 1e-4:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        if "." in mantissa:
            mantissa = mantissa.rstrip("0").rstrip(".")
        return minus(f"{mantissa}e{int(exponent)}")
    decimals = max(0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return minus("0" if text in {"-0", ""} else text)


def level(share: float) -> str:
    """The level of an interval in percent; only one of 1 is 100.

    >>> level(0.95), level(0.9563), level(0.9999989)
    ('95', '95.6', '99.9999')
    """
    told = number(share * 100)
    return told if told != "100" else percent(share).removesuffix("%")


def score(value: float) -> str:
    """A score with three significant digits, zeros kept, as the page's script writes it.

    >>> score(0.41), score(-12.0), score(0)
    ('0.410', '−12.0', '0')
    """
    if not math.isfinite(value) or value == 0 or not 1e-4 <= abs(value) < 1e7:
        return number(value)
    decimals = min(6, max(0, 2 - math.floor(math.log10(abs(value)))))
    return minus(f"{value:.{decimals}f}")


def margin(value: float) -> str:
    """A score difference, always with its sign."""
    return f"+{score(value)}" if value > 0 else score(value)


def rate(value: float | None, decimals: int = 3) -> str:
    """A share or a difference of shares with a fixed number of decimals, so columns align."""
    if value is None or not math.isfinite(value):
        return number(value)
    text = f"{value:.{decimals}f}"
    return minus(text.lstrip("-") if float(text) == 0 else text)


def estimate_number(value: float) -> str:
    """A number of an estimate: three decimals below 10, four digits above."""
    return rate(value) if abs(value) < 10 else number(value, 4)


def interval(estimate: EstimateRecord | Estimate) -> str:
    """The interval of an estimate in brackets."""
    return f"[{estimate_number(estimate.low)}, {estimate_number(estimate.high)}]"


def points(value: float) -> str:
    """A difference of rates in points of a hundred, without its sign: `4.1`."""
    return number(abs(value) * 100, 2)


def p_value(value: float | None) -> str:
    """A p-value.

    >>> p_value(0.2), p_value(0.00041), p_value(1e-9), p_value(None)
    ('0.20', '0.0004', '< 0.0001', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 0.0001:
        return "< 0.0001"
    if value < 0.001:
        return f"{value:.4f}"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def p_words(value: float | None, equals: str = "=") -> str:
    """A p-value with its letter, as in a sentence.

    >>> p_words(0.2), p_words(1e-9), p_words(0.2, " = ")
    ('p=0.20', 'p < 0.0001', 'p = 0.20')
    """
    told = p_value(value)
    return f"p {told}" if told.startswith("<") else f"p{equals}{told}"


def count(value: int) -> str:
    """A whole number with thousands separated."""
    return f"{value:,}"


def seconds(value: float) -> str:
    """A duration.

    >>> seconds(0.004), seconds(1.84), seconds(75), seconds(7300)
    ('4 ms', '1.8 s', '1 min 15 s', '2 h 1 min')
    """
    if not math.isfinite(value):
        return MISSING
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
