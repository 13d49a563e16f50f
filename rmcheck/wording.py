"""Counts, signs and lists of names as text, for every message, page and summary."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

_COMMANDING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""C0 and C1 controls, line and paragraph separators, marks that reorder text, half characters."""


def escaped(text: str) -> str:
    """A text on one line, with what would command a terminal or a CI log shown as an escape.

    >>> escaped("id\\n::stop-commands::x"), escaped("\\x1b[2J"), escaped("\\u202egnp.exe")
    ('id\\\\n::stop-commands::x', '\\\\x1b[2J', '\\\\u202egnp.exe')
    """
    return _COMMANDING.sub(lambda match: repr(match.group())[1:-1], text)


def counted(value: int, noun: str, plural: str | None = None) -> str:
    """A number and its noun.

    >>> counted(1, "check"), counted(1200, "pair"), counted(2, "tag of a pair", "tags of a pair")
    ('1 check', '1,200 pairs', '2 tags of a pair')
    """
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def be(value: int, *, past: bool = False) -> str:
    """The form of 'to be' for a number of things.

    >>> f"there {be(1)} {counted(1, 'pair')}, there {be(0)} {counted(0, 'pair')}"
    'there is 1 pair, there are 0 pairs'
    >>> be(1, past=True), be(2, past=True)
    ('was', 'were')
    """
    if past:
        return "was" if value == 1 else "were"
    return "is" if value == 1 else "are"


def minus(text: str) -> str:
    """A number, or several, with a true minus sign for each hyphen.

    >>> minus(f"{-0.5:.2f} [{-1:+.1f}, {2:+.1f}]")
    '−0.50 [−1.0, +2.0]'
    """
    return text.replace("-", "−")


def listed(names: Sequence[str], *, limit: int = 3) -> str:
    """Names joined with commas and 'and'; names beyond `limit` are counted.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c", "d", "e"])
    ('a', 'a and b', 'a, b, c and 2 more')
    """
    shown = list(names[:limit])
    if len(names) > limit:
        shown.append(f"{len(names) - limit:,} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def read_as(
    layout: str,
    *,
    guessed: bool,
    rows: int,
    left_out: Mapping[str, int],
    examples: Mapping[str, Sequence[int]],
    remarks: Mapping[str, int] | None = None,
) -> str:
    """How a data file was read: its layout, the rows that were left out, and what is doubtful.

    >>> read_as("hh", guessed=True, rows=900, left_out={"no turn": 2}, examples={"no turn": [7, 9]})
    'layout hh (recognised); left out: 2 of 900 rows (no turn: rows 7 and 9)'
    """
    said = f"layout {layout}{' (recognised)' if guessed else ''}"
    if left_out:
        total = sum(left_out.values())
        reasons = "; ".join(_with_places(left_out, examples))
        said += f"; left out: {total:,} of {counted(rows, 'row')} ({reasons})"
    if remarks:
        said += f"; doubtful: {'; '.join(_with_places(remarks, examples))}"
    return said


def _with_places(
    reasons: Mapping[str, int], examples: Mapping[str, Sequence[int]]
) -> Iterator[str]:
    """Each reason with the first of its rows and the number of the others."""
    for reason, count in reasons.items():
        places = [str(place) for place in examples.get(reason, ())]
        noun = "row" if count == 1 else "rows"
        more = [f"{count - len(places):,} more"] if count > len(places) else []
        yield f"{reason}: {noun} {listed([*places, *more], limit=4)}"


def percent(level: float) -> str:
    """The level of an interval in percent, never rounded to 100 %.

    >>> percent(0.95), percent(0.9999989)
    ('95%', '99.9999%')
    """
    digits = 0
    while float(f"{level:.{digits + 2}f}") >= 1.0 and digits < 12:
        digits += 1
    return f"{level:.{digits}%}"
