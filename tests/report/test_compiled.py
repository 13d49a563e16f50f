"""Compiled templates: used while nothing changed, never when anything did."""

from __future__ import annotations

import sys
from pathlib import Path

import jinja2.environment
import pytest
from jinja2 import Environment, FileSystemLoader

from rmcheck.report.page import html
from rmcheck.report.page.compiled import CompiledTemplates


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
    monkeypatch.setattr(sys, "pycache_prefix", None)
    return names


def rendered(folder: Path, settings: str = "") -> str:
    cache = CompiledTemplates(folder, settings)
    loader = FileSystemLoader(folder)
    return Environment(loader=loader, bytecode_cache=cache).get_template("page.j2").render(name="x")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "page.j2").write_text("Hello {{ name }}", encoding="utf-8")
    return folder


def kept(folder: Path) -> list[Path]:
    return list((folder.parent / "__pycache__").glob("*"))


def test_a_template_is_compiled_once(folder: Path, compiled: list[str]) -> None:
    assert [rendered(folder), rendered(folder)] == ["Hello x", "Hello x"]
    assert compiled == ["page.j2"]
    name = f"templates.page.j2.{sys.implementation.cache_tag}.bin"
    assert [path.name for path in kept(folder)] == [name]
    assert [path.name for path in folder.iterdir()] == ["page.j2"]


def test_another_text_or_setting_is_compiled_anew(folder: Path, compiled: list[str]) -> None:
    rendered(folder)
    (folder / "page.j2").write_text("Bye {{ name }}", encoding="utf-8")
    assert rendered(folder) == "Bye x"
    rendered(folder, "other")
    assert compiled == ["page.j2"] * 3


def test_another_version_is_compiled_anew(
    folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered(folder)
    monkeypatch.setattr("rmcheck.report.page.compiled.version", lambda _: "0.0")
    rendered(folder)
    assert compiled == ["page.j2"] * 2


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


def test_nothing_is_written_if_python_writes_no_bytecode(
    folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert rendered(folder) == "Hello x"
    assert kept(folder) == []


def test_the_prefix_of_pythons_own_files_is_used(
    folder: Path, tmp_path: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    assert [rendered(folder), rendered(folder)] == ["Hello x", "Hello x"]
    assert compiled == ["page.j2"]
    assert kept(folder) == []
    assert len(list((tmp_path / "elsewhere").rglob("*.bin"))) == 1


def test_a_folder_that_cannot_be_written_to_is_no_error(folder: Path, compiled: list[str]) -> None:
    (folder.parent / "__pycache__").write_text("a file in the way", encoding="utf-8")
    assert [rendered(folder), rendered(folder)] == ["Hello x", "Hello x"]
    assert compiled == ["page.j2"] * 2


def test_every_template_of_the_page_is_kept(
    compiled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    names = html._environment.__wrapped__().list_templates(extensions=["j2"])
    for _ in range(2):
        environment = html._environment.__wrapped__()
        for name in names:
            environment.get_template(name)
    assert sorted(compiled) == sorted(names)
