"""The only module that uses private API of pytest.

Each function documents what is lost when a later pytest changes it. None of them affects a verdict.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest


def fixtures_again(item: pytest.Function) -> Any:
    """The fixtures of an item, for another item of the same file that asks for the same ones.

    As pytest does for parametrised tests; looking them up again takes most of the time of
    collection. Returns None where they are not available; pytest then looks them up again.
    """
    try:
        found = item._fixtureinfo
        return replace(found, names_closure=[*found.names_closure])
    except (AttributeError, TypeError):
        return None


def fixture_of(item: pytest.Function, name: str) -> object | None:
    """Which definition of the fixture `name` an item will get; None where it is not known.

    Items are then grouped by file, which is slower and equally correct.
    """
    try:
        found: object = item._fixtureinfo.name2fixturedefs[name][-1]
    except (AttributeError, KeyError, IndexError):
        return None
    return found


def run_here(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run an item as pytest does by itself, whatever other plugins would do with it.

    None, so that they have it, where pytest does not offer it.
    """
    try:
        from _pytest.runner import runtestprotocol
    except ImportError:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    runtestprotocol(item, nextitem=nextitem)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def written_keys(config: pytest.Config) -> list[str]:
    """The keys of pytest's section of the ini file, as pytest has read them.

    pytest 9 deprecates `inicfg` and has no replacement for undeclared keys. Where it is gone,
    keys are not checked.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(getattr(config, "inicfg", ()))
