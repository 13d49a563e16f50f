"""The page and the picture of the package's rooms are what the import contract says."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

import rmcheck

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"


@pytest.fixture
def layout(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs/build"))
    return importlib.import_module("layout")


def rooms_of_the_package() -> set[str]:
    """What lies at the top of `rmcheck/`: folders with Python files, and modules."""
    top = ROOT / "rmcheck"
    folders = {path.parent.name for path in top.glob("*/*.py")}
    return folders | {path.stem for path in top.glob("*.py")} - {"__init__"}


def test_every_room_is_on_one_floor_and_no_other(layout: ModuleType) -> None:
    named = [room for rooms in layout.floors() for room in rooms]
    assert len(named) == len(set(named))
    assert set(named) == rooms_of_the_package()


def test_the_page_has_a_paragraph_for_each_room_in_the_order_of_floors(layout: ModuleType) -> None:
    page = PAGE.read_text(encoding="utf-8")
    said = re.findall(r"^### `(\w+)`\n\n(.*)\n", page, re.M)
    assert [name for name, _ in said] == [room for rooms in layout.floors() for room in rooms]
    assert all(len(text.split()) >= 7 for _, text in said)


def test_the_picture_shows_the_contract(layout: ModuleType) -> None:
    drawn = layout.draw()
    shown = layout.PICTURE.read_text(encoding="utf-8")
    assert shown == drawn, "run python docs/build/layout.py"
    svg = "{http://www.w3.org/2000/svg}"
    boxes = [
        (group.findtext(f"{svg}text"), int(group.find(f"{svg}rect").attrib["y"]))  # type: ignore[union-attr]
        for group in ElementTree.fromstring(drawn).iter(f"{svg}g")
    ]
    heights = sorted({y for _, y in boxes})
    floors = [[name for name, y in boxes if y == height] for height in heights]
    assert floors == layout.floors()
    for page in (PAGE, ROOT / "CONTRIBUTING.md"):
        assert "architecture.svg)" in page.read_text(encoding="utf-8")


def test_the_contracts_make_no_exception() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = {
        each["id"]: each for each in tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    }
    assert not any("ignore_imports" in contract for contract in contracts.values())
    assert contracts["floors"]["exhaustive"] is True
    # `:` would let the rooms of one floor import each other.
    assert not any(":" in layer for layer in contracts["floors"]["layers"])


def test_the_contracts_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    if not tool.is_file():
        pytest.skip("import-linter is not installed")
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [str(tool), "--no-cache"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    count = len(tomllib.loads(text)["tool"]["importlinter"]["contracts"])
    assert re.search(rf"Contracts: {count} kept, 0 broken", done.stdout)


def test_at_most_ten_modules_lie_loose() -> None:
    loose = {path.stem for path in (ROOT / "rmcheck").glob("*.py")} - {"__init__", "__main__"}
    assert len(loose) <= 10, sorted(loose)


def test_the_package_gives_what_its_stub_declares() -> None:
    stub = (ROOT / "rmcheck" / "__init__.pyi").read_text(encoding="utf-8")
    declared = re.findall(r"^from ([\w.]+) import (\w+) as \2$", stub, re.M)
    assert {name for _, name in declared} | {"__version__"} == set(rmcheck.__all__)
    for module, name in declared:
        assert getattr(rmcheck, name) is getattr(importlib.import_module(module), name)
