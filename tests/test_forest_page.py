"""The picture of docs/forest.md is what the forest really is, and the page is linked."""

from __future__ import annotations

import runpy
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]


def test_the_picture_is_drawn_from_the_forest() -> None:
    drawn = runpy.run_path(str(ROOT / "docs/build/forest.py"))["draw"]()
    assert (ROOT / "docs/forest.svg").read_text(encoding="utf-8") == drawn
    # Three texts of nine tokens; the prompt's six once, "Light" once, and what each has alone.
    assert "27 tokens" in drawn
    assert "14 tokens" in drawn
    ElementTree.fromstring(drawn)
    assert "forest.svg" in (ROOT / "docs/forest.md").read_text(encoding="utf-8")
    assert "docs/forest.md" in (ROOT / "README.md").read_text(encoding="utf-8")
