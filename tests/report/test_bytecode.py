"""Compiled templates: used while nothing changed, never when anything did."""

from __future__ import annotations

import sys
from pathlib import Path

import jinja2.environment
import pytest
from jinja2 import Environment, FileSystemLoader

from rmcheck.report.page.bytecode import CompiledTemplates


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The templates that Jinja compiled."""
    names: list[str] = []
    compile_one = jinja2.environment.Environment._compile

    def noted(self: Environment, source: str, filename: str) -> object:
        names.append(Path(filename).name)
        return compile_one(self, source, filename)

    monkeypatch.setattr(jinja2.environment.Environment, "_compile", noted)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return names


def rendered(folder: Path, settings: str = "") -> str:
    cache = CompiledTemplates(folder, settings)
    loader = FileSystemLoader(folder)
    return Environment(loader=loader, bytecode_cache=cache).get_template("page.j2").render(name="x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.j2").write_text("Hello {{ name }}", encoding="utf-8")
    return tmp_path


def kept(folder: Path) -> list[Path]:
    return list((folder / "__pycache__").glob("*"))


def test_a_template_is_compiled_once(folder: Path, compiled: list[str]) -> None:
    assert [rendered(folder), rendered(folder)] == ["Hello x", "Hello x"]
    assert compiled == ["page.j2"]
    assert [path.name for path in kept(folder)] == [f"page.j2.{sys.implementation.cache_tag}.bin"]


def test_another_text_or_setting_is_compiled_anew(folder: Path, compiled: list[str]) -> None:
    rendered(folder)
    (folder / "page.j2").write_text("Bye {{ name }}", encoding="utf-8")
    assert rendered(folder) == "Bye x"
    rendered(folder, "other")
    assert compiled == ["page.j2"] * 3


@pytest.mark.parametrize("place", [0, 40, 70, -1])
def test_a_damaged_file_is_compiled_anew(folder: Path, compiled: list[str], place: int) -> None:
    rendered(folder)
    (path,) = kept(folder)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    assert rendered(folder) == "Hello x"
    path.write_bytes(b"")
    assert rendered(folder) == "Hello x"
    assert compiled == ["page.j2"] * 3


def test_nothing_is_written_where_python_writes_no_bytecode(
    folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered(folder) == "Hello x"
    assert kept(folder) == []


def test_a_folder_that_cannot_be_written_to_is_no_error(folder: Path, compiled: list[str]) -> None:
    (folder / "__pycache__").write_text("a file in the way", encoding="utf-8")
    assert [rendered(folder), rendered(folder)] == ["Hello x", "Hello x"]
    assert compiled == ["page.j2"] * 2
