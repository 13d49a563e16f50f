"""rmcheck's own modules are found without pytest's rewriting of `assert` statements."""

from __future__ import annotations

import ast
import sys
from importlib.machinery import SourceFileLoader

import pytest

import rmcheck
from rmcheck.plugin.finder import OwnModules, install

from .projects import Project, jsonl, pairs, scores


def test_our_modules_are_found_as_python_finds_them() -> None:
    found = OwnModules.find_spec("rmcheck.spec", rmcheck.__path__)
    assert found is not None
    assert isinstance(found.loader, SourceFileLoader)
    assert OwnModules.find_spec("rmcheck.no_such_module", rmcheck.__path__) is None


@pytest.mark.parametrize(
    ("name", "path"),
    [("json", None), ("rmcheck", None), ("rmcheck_more.spec", rmcheck.__path__)],
)
def test_modules_of_others_are_left_to_others(name: str, path: list[str] | None) -> None:
    assert OwnModules.find_spec(name, path) is None


def test_it_is_asked_first_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", ["another"])
    install()
    install()
    assert sys.meta_path == [OwnModules, "another"]


LISTS_LOADERS = """
import sys

def pytest_unconfigure():
    found = [name for name, module in sys.modules.items()
             if name.startswith("rmcheck.") and "Rewriting" in type(module.__loader__).__name__]
    print("rewritten:", found)
"""


def test_a_gate_loads_only_the_plugin_through_pytest(project: Project) -> None:
    rows = pairs(30)
    project.suite("chat", "win_rate", rows=rows)
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.write("listing.py", LISTS_LOADERS)
    project.write("test_mine.py", "import listing\n\ndef test_mine(): assert listing\n")
    result = project.subprocess("-s", "-p", "listing", "--rm", "scores:scores.jsonl")
    assert result.ret == 0
    (line,) = (line for line in result.outlines if "rewritten:" in line)
    found = ast.literal_eval(line.partition("rewritten: ")[2])
    assert "rmcheck.plugin.hooks" in found  # loaded before a suite is met
    parts = {name.rpartition(".")[0] for name in found}
    assert parts <= {"rmcheck", "rmcheck.plugin", "rmcheck.documents"}
