"""The registry: names without imports, and one error for each entry point that is broken."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rmcheck.registry import BrokenEntryPoint, Registry, entry_points, function, summary

OURS = {"join": "os.path:join"}


def registry(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> Registry[object]:
    found = [EntryPoint(name, value, "some.group") for name, value in points]
    monkeypatch.setattr("rmcheck.registry.entry_points", lambda _: found)
    return Registry(OURS, function("(a, b) -> c"), "some.group")


def test_names_are_told_without_an_import(monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry(monkeypatch, ("zip", "not.there:zip"), ("b", "not.there:b"))
    assert found.names() == ["join", "b", "zip"]
    assert found.find("other") is None
    program = (
        "import sys; from rmcheck import checks, sources; from rmcheck.report.formats import *\n"
        "from rmcheck.report.charts import svg; from rmcheck.training.losses import LOSSES\n"
        "for each in (checks.KINDS, sources.KINDS, FORMATS, svg.KINDS, LOSSES): each.names()\n"
        "late = {'rmcheck.checks.win_rate', 'rmcheck.sources.recipe', 'rmcheck.report.page.html',\n"
        "        'rmcheck.report.charts.kinds', 'jinja2', 'scipy', 'torch'}\n"
        "print(sorted(late & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_a_kind_of_another_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    import os.path

    found = registry(monkeypatch, ("split", "os.path:split"))
    assert found.find("split") is os.path.split
    assert found.sound() == ({"join": os.path.join, "split": os.path.split}, [])
    assert (found.package("join"), found.package("other")) == (None, None)
    assert found.package("split") == "package of os.path:split"


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([("x", "not_there:x")], "ModuleNotFoundError: No module named 'not_there'"),
        ([("x", "os.path:absent")], "AttributeError: module 'posixpath' has no attribute 'absent'"),
        ([("x", "os.path:sep")], r"expected a function \(a, b\) -> c, got str '/'"),
        ([("x", "os.path:join"), ("x", "os.path:split")], "os.path:split registers the same name"),
    ],
)
def test_what_is_broken_is_one_error(
    monkeypatch: pytest.MonkeyPatch, points: list[tuple[str, str]], said: str
) -> None:
    found = registry(monkeypatch, *points, ("good", "os.path:split"))
    with pytest.raises(BrokenEntryPoint, match=said):
        found.find("x")
    assert found.find("good") is not None
    kinds, (error,) = found.sound()
    assert sorted(kinds) == ["good", "join"]
    assert str(error).startswith(f"package of {points[0][1]}: entry point 'x' (some.group): ")


def test_a_package_on_a_new_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Registry(OURS, function("(a, b) -> c"), "rmcheck.test_registry")
    assert found.names() == ["join"]
    about = tmp_path / "other-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[rmcheck.test_registry]\nsplit = os.path:split\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert found.names() == ["join", "split"]
    assert found.package("split") == "other 1.0"


def test_the_files_of_packages_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    read = importlib.metadata.entry_points

    def counted() -> object:
        asked.append(1)
        return read()

    monkeypatch.setattr(importlib.metadata, "entry_points", counted)
    monkeypatch.syspath_prepend("/not/there")  # a state that no other test has
    for group in ("pytest11", "console_scripts", "pytest11"):
        expected = sorted(read(group=group), key=repr)
        assert sorted(entry_points(group), key=repr) == expected
        assert expected
    assert len(asked) == 1


def test_a_name_of_ours_stays_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import os.path

    found = registry(monkeypatch, ("join", "os.path:split"))
    assert found.names() == ["join"]
    assert found.find("join") is os.path.join
    _, (error,) = found.sound()
    assert "this is the name of a built-in kind; choose another" in str(error)


def test_a_dataclass_without_a_docstring_has_no_summary() -> None:
    from dataclasses import dataclass

    @dataclass
    class Bare:
        x: int

    assert summary(Bare) == ""
    assert summary(registry) == ""
    assert summary(function).startswith("An `accept` for kinds that are functions")
