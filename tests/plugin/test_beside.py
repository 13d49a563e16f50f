"""Beside other plugins a run decides what it decides without them."""

from __future__ import annotations

import importlib.util
import os

import pytest

from .projects import Project, pairs, without_times

PLUGINS = {
    "pytest_randomly": [],
    "pytest_forked": ["--forked"],
    "pytest_rerunfailures": ["--reruns", "1"],
    "pytest_timeout": ["--timeout", "100"],
    "pytest_cov": ["--cov", "."],
    "pytest_sugar": [],
    "pytest_html": ["--html", "page.html"],
}
"""Plugins of the extra `dev`, by the module that they bring, and the options that use them."""


def ready(names: list[str]) -> list[str]:
    """The options of plugins; skips where one is not installed, which CI must not be."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"not installed: {', '.join(missing)} (pip install -e '.[dev]')")
    assert not missing
    return [option for name in names for option in PLUGINS[name]]


def mixed(project: Project) -> None:
    """Two suites with a failing and an advisory check among those that pass."""
    project.model()
    high = {"check": "win_rate", "name": "high", "min": 0.99}
    project.suite("alpha", "win_rate", high, rows=pairs(30, wrong=range(6), name="a"))
    advisory = {**high, "gate": "advisory"}
    project.suite("beta", "score_gap", advisory, rows=pairs(30, wrong=range(3), name="b"))
    project.write("tests/test_plain.py", "def test_plain():\n    assert True\n")


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["pytest_randomly"], id="randomly", marks=pytest.mark.slow),
        pytest.param(["pytest_forked"], id="forked", marks=pytest.mark.slow),
        pytest.param([*PLUGINS][2:], id="others", marks=pytest.mark.slow),
        pytest.param([*PLUGINS], id="all", marks=pytest.mark.ci),
    ],
)
def test_verdicts_are_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    options = ready(names)
    mixed(project)
    alone = project.subprocess("suites/")
    assert alone.ret == pytest.ExitCode.TESTS_FAILED
    expected = without_times(project.checks())
    assert {name: check["outcome"] for name, check in expected.items()} == {
        "alpha::win_rate": "pass",
        "alpha::high": "fail",
        "beta::score_gap": "pass",
        "beta::high": "fail",
    }
    monkeypatch.delenv("PYTEST_ADDOPTS")
    result = project.subprocess("suites/", *options)
    text = "\n".join([*result.outlines, *result.errlines])
    assert "INTERNALERROR" not in text
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert without_times(project.checks()) == expected
    assert "Do not merge" in text


def test_a_module_that_plugins_ask_for_has_a_name(project: Project) -> None:
    """pytest-randomly and others read `item.module`."""
    project.write(
        "conftest.py",
        "def pytest_collection_modifyitems(items):\n"
        "    print('MODULES', [item.module.__name__ for item in items])\n",
    )
    project.suite("chat", "win_rate", rows=pairs())
    result = project.run("--collect-only", "-s")
    assert "MODULES ['suites/chat.yaml']" in result.outlines
