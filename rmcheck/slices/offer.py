"""A slice as a check that a suite can have."""

from __future__ import annotations

import re

import yaml

from rmcheck.slices.condition import where
from rmcheck.slices.finding import Slice
from rmcheck.wording import escaped

_LONGEST_NAME = 40


def check_yaml(found: Slice) -> str:
    """The lines to add below `checks:` of a suite: `no_regression` on the pairs of the slice.

    Text outside ASCII is escaped if a part of it would command a terminal.
    """
    entry: dict[str, object] = {
        "check": "no_regression",
        "name": _name(found),
        "where": where(found.conditions),
    }
    if not entry["where"]:
        del entry["where"]
    text = _dumped(entry, plain=True)
    return (
        text
        if escaped(text.replace("\n", " ")) == text.replace("\n", " ")
        else _dumped(entry, plain=False)
    )


def _dumped(entry: dict[str, object], *, plain: bool) -> str:
    text: str = yaml.safe_dump(
        [entry], sort_keys=False, allow_unicode=plain, width=10_000, default_flow_style=None
    )
    return text


def _name(found: Slice) -> str:
    """A name that is legal in a node id: what the conditions say, in letters and underscores."""
    parts = []
    for each in found.conditions:
        value = each.value
        if isinstance(value, dict):
            value = "_".join(f"{key}_{number}" for key, number in value.items())
        elif isinstance(value, tuple):
            value = value[0]
        parts.append("_".join(map(str, (*each.place, value))))
    text = re.sub(r"\W+", "_", "_".join(parts).lower(), flags=re.ASCII).strip("_")
    return f"slice_{text[:_LONGEST_NAME].strip('_')}"
