"""Which layout rows have, judged from the keys and types of all of them."""

from __future__ import annotations

from collections.abc import Mapping

from rmcheck.data.layouts.layout import Layout
from rmcheck.data.layouts.registry import LAYOUTS, OURS
from rmcheck.data.layouts.shape import (
    LISTS,
    MESSAGES,
    NUMBER,
    TEXT,
    Shape,
    expected,
)
from rmcheck.errors import did_you_mean
from rmcheck.wording import listed

MOST = 0.5
"""A key has the kind that at least this share of rows has."""
_NEAREST = 3
_KEYS = ("id", "prompt", "chosen", "rejected", "responses", "best")


def named(name: str) -> Layout:
    """The layout of a name.

    Raises
    ------
    ValueError
        With the nearest name.
    """
    if name not in LAYOUTS:
        raise ValueError(f"unknown layout '{name[:80]}', {did_you_mean(name, LAYOUTS)}")
    return LAYOUTS[name]


def recognised(shape: Shape) -> Layout | None:
    """The layout of rows of that shape; None if no layout fits."""
    for layout in LAYOUTS.values():
        if layout.named_only:
            continue
        if _is_ours(shape) if layout.name == OURS else not misses(layout, shape):
            return layout
    return LAYOUTS[OURS] if _resembles_ours(shape) else None


def _is_ours(shape: Shape) -> bool:
    """Whether rows have ids, and a prompt with two texts or with several responses."""
    if not shape.has("id") or shape.share("prompt", (TEXT, MESSAGES)) < MOST:
        return False
    if shape.has("responses"):
        return shape.has("best") or shape.share("chosen", (TEXT,)) > 0
    return min(shape.share(side, (TEXT,)) for side in ("chosen", "rejected")) >= MOST


def _resembles_ours(shape: Shape) -> bool:
    """Whether rows are meant to be ours, so that their mistakes are told row by row."""
    if "id" not in shape.keys and "responses" not in shape.keys:
        return False
    return sum(key in shape.keys for key in _KEYS) > 1


def misses(layout: Layout, shape: Shape) -> list[str]:
    """Why rows of a shape do not have a layout, a clause for each reason; empty if they do."""
    said = [
        f"{key!r} {_kind(shape, key)}, expected {expected(kinds)}"
        if shape.has(key)
        else f"{key!r} is missing"
        for key, kinds in layout.needs.items()
        if shape.share(key, kinds) < MOST
    ]
    return said + [f"{key!r} may be the prompt" for key in layout.lacks if shape.has(key)]


def _kind(shape: Shape, key: str) -> str:
    kinds = (TEXT, NUMBER, *LISTS)
    found = shape.said(key)
    share = shape.share(key, kinds)
    return f"is {found}" if share >= MOST else f"is {found} in some rows only"


def unrecognised(shape: Shape, columns: Mapping[str, str]) -> str:
    """What to say of rows that no layout fits: their keys, and the nearest layouts.

    `columns` maps our keys to the names that the user says they have.
    """
    lost = [f"{theirs!r} (for {ours})" for ours, theirs in columns.items() if not shape.has(ours)]
    if lost:
        there = ", ".join(key for key in shape.keys if key not in columns) or "none"
        return f"columns: the data have no {listed(lost)}; other keys found: {there}"
    keys = [f"{key} ({shape.said(key)})" for key in list(shape.keys)[:12]]
    more = f" and {len(shape.keys) - 12} more" if len(shape.keys) > 12 else ""
    missing = {name: misses(layout, shape) for name, layout in _tried().items()}
    near = sorted(missing, key=lambda name: (_distance(_tried()[name], shape), len(missing[name])))
    told = [f"{name} ({'; '.join(missing[name])})" for name in near[:_NEAREST]]
    return (
        f"layout not recognised; keys found: {', '.join(keys) or 'none'}{more}; nearest layouts: "
        f"{listed(told)}; name one with 'layout:', or map the keys in a suite, such as "
        "data: {path: FILE, columns: {prompt: KEY, chosen: KEY, rejected: KEY}}"
    )


def _tried() -> Mapping[str, Layout]:
    return {name: each for name, each in LAYOUTS.items() if name != OURS and not each.named_only}


def _distance(layout: Layout, shape: Shape) -> float:
    """The share of a layout's keys that rows do not have."""
    return sum(not shape.has(key) for key in layout.needs) / max(1, len(layout.needs))
