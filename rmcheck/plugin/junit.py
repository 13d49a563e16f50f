"""A check's figures as properties of its test case in pytest's JUnit file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rmcheck.record.run import CheckRecord

PREFIX = "rmcheck_"
_OF_CHECK = ("id", "decision", "state", "weak", "p_value", "adjusted_p", "detectable", "signature")
_OF_ESTIMATE = ("value", "low", "high", "level", "n", "n_groups")


def properties(check: Mapping[str, Any]) -> list[tuple[str, object]]:
    """The figures of a check in results.json; missing ones are left out."""
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


def add_missing(path: Path, missing: Sequence[str]) -> None:
    """Add a failed test case for each suite or check of the baseline that the run did not find.

    Raises
    ------
    OSError
        When the file cannot be read or written.
    """
    if not missing:
        return
    try:
        tree = ElementTree.parse(path)
    except ElementTree.ParseError:
        return  # another plugin's format
    for suite in tree.iter("testsuite"):
        for name in missing:
            case = ElementTree.SubElement(suite, "testcase", classname="rmcheck", name=name)
            said = "in the baseline, but not found by this run"
            ElementTree.SubElement(case, "failure", message=said)
        for key in ("tests", "failures"):
            suite.set(key, str(int(suite.get(key, "0")) + len(missing)))
        break
    tree.write(path, encoding="utf-8", xml_declaration=True)
