"""The page on verdicts shows what is printed today; every state stands on it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

BUILD = Path(__file__).parents[1] / "docs/build"
STATES = ("identical", "improved", "non_inferior", "regressed", "inconclusive")


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BUILD))
    return importlib.import_module("verdicts")


def test_the_page_on_verdicts_is_current(verdicts: ModuleType) -> None:
    page = verdicts.PAGE.read_text(encoding="utf-8")
    found = verdicts.outputs()
    shown = {block[2]: block[0] for block in verdicts._BLOCK.finditer(page)}
    assert set(shown) == set(found)
    for name, text in found.items():
        assert text.strip()
        assert f"\n{text}```\n" in shown[name], f"run python docs/build/verdicts.py ({name})"
    for state in STATES:
        assert f"no_regression {state}: " in shown[state]
    for name in ("few_prompts", "tied", "constant"):
        assert "undecidable: " in shown[name]
        assert shown[name].count("FAILED") == 1
    assert shown["weak"].count("WEAK") == 1
    assert shown["strict"].count("FAILED") == 1


def test_a_block_is_filled_and_the_text_around_it_stays(verdicts: ModuleType) -> None:
    page = "a\n<!-- output: x -->\n```text\nold\n```\nb\n<!-- output: y -->\n```yaml\n```\nc\n"
    assert verdicts.filled(page, {"x": "1\n2\n", "y": "3\n"}) == (
        "a\n<!-- output: x -->\n```text\n1\n2\n```\nb\n<!-- output: y -->\n```yaml\n3\n```\nc\n"
    )
    with pytest.raises(KeyError):
        verdicts.filled(page, {"x": "1\n"})


@pytest.mark.parametrize("name", ["verdicts.md", "comparing-real-models.md"])
def test_pages_name_nothing_of_the_machine_and_link_to_what_is_there(name: str) -> None:
    path = BUILD.parent / name
    page = path.read_text(encoding="utf-8")
    assert not re.search(r"/(work|home|root|tmp)/", page)
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        assert (path.parent / target).exists(), target
    assert "```text\n```" not in page
