"""A check's figures as properties of its test case in pytest's JUnit file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rmcheck.record.run import CheckRecord

PREFIX = "rmcheck_"
_OF_CHECK = ("id", "decision", "state", "weak", "p_value", "adjusted_p", "detectable", "signature")
_OF_ESTIMATE = ("value", "low", "high", "level", "n", "n_groups")


def properties(check: Mapping[str, Any]) -> list[tuple[str, object]]:
    """The figures of a check as it stands in results.json; what it has not is left out."""
    estimate = check["estimate"] or {}
    found = {name: check[name] for name in _OF_CHECK}
    found |= {name: estimate.get(name) for name in _OF_ESTIMATE}
    found["criterion"] = json.dumps(check["criterion"]) if check["criterion"] else None
    return [
        (PREFIX + name, value) for name, value in found.items() if value is not None and value != ""
    ]


def add_adjusted(path: Path, checks: Iterable[CheckRecord]) -> None:
    """Add the p adjusted for all comparisons, known only when the last check has been decided.

    Raises
    ------
    OSError
        When the file cannot be read or written.
    """
    adjusted = {check.id: check.adjusted_p for check in checks if check.adjusted_p is not None}
    if not adjusted:
        return
    try:
        tree = ElementTree.parse(path)
    except ElementTree.ParseError:
        return  # another plugin's format
    for group in tree.iter("properties"):
        names = {entry.get("name"): entry.get("value") for entry in group}
        value = adjusted.get(names.get(f"{PREFIX}id") or "")
        if value is not None:
            ElementTree.SubElement(
                group, "property", name=f"{PREFIX}adjusted_p", value=repr(float(value))
            )
    tree.write(path, encoding="utf-8", xml_declaration=True)
