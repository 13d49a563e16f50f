"""Links within the page: the fragment of a check, a suite, a pair, or a selection of pairs.

A fragment and the `id` that it points at are the same text, so links work without JavaScript.
"""

from __future__ import annotations

from urllib.parse import quote

from rmcheck.report.text import clean


def quoted(name: str) -> str:
    """A name as part of a fragment: what is plain there stays readable."""
    return quote(clean(name), safe="/:.,~@!$()*;")


def check(check_id: str) -> str:
    """The fragment of a check: `check=conversation::win_rate`."""
    return f"check={quoted(check_id)}"


def suite(name: str) -> str:
    """The fragment of a suite."""
    return f"suite={quoted(name)}"


def pair(suite_name: str, pair_id: str) -> str:
    """The fragment of a pair: `pair=conversation/conv-0007`."""
    return f"pair={quoted(suite_name)}/{quoted(pair_id)}"


def selection(**filters: str) -> str:
    """The fragment that shows the pairs that fit: by `suite`, `tag`, `state`, or `of` a check."""
    return "&".join(("pairs", *(f"{key}={quoted(value)}" for key, value in filters.items())))
