"""What the plugin must know of pytest that pytest tells to nobody; the one place that says so.

Each function says what is lost where a later pytest has changed it. Nothing here decides a verdict.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest


def fixtures_again(item: pytest.Function) -> Any:
    """The fixtures of an item, for another item of the same file that asks for the same ones.

    As pytest does for parametrised tests; looking them up again takes most of the time of
    collection. None, so that they are looked up again, where it cannot be told.
    """
    try:
        found = item._fixtureinfo
        return replace(found, names_closure=[*found.names_closure])
    except (AttributeError, TypeError):
        return None


def fixture_of(item: pytest.Function, name: str) -> object | None:
    """Which definition of the fixture `name` an item will get; None where it cannot be told.

    Then items are united file by file, which costs time but never correctness.
    """
    try:
        found: object = item._fixtureinfo.name2fixturedefs[name][-1]
    except (AttributeError, KeyError, IndexError):
        return None
    return found


def written_keys(config: pytest.Config) -> list[str]:
    """The keys of pytest's section of the ini file, as pytest has read them.

    pytest 9 deprecates `inicfg` and offers nothing in its place for a key that nobody declared.
    Where it is gone the keys are not checked, rather than that no run starts.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(getattr(config, "inicfg", ()))
