"""What the fingerprint of a recipe takes from the way in which its data are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmcheck.scoring.files import FileHashes
from rmcheck.training import recipe as module
from rmcheck.training.recipe_file import load_recipe

ROW = '{"id": "p1", "prompt": "Why?", "chosen": "So.", "rejected": "No."}\n'


def test_how_layouts_are_read_decides_where_the_data_may_have_another_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = FileHashes(tmp_path / "cache")
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    (tmp_path / "mine.yaml").write_text("recipe: 1\nbase: base\ndata: pairs.jsonl\n")
    data = tmp_path / "pairs.jsonl"
    data.write_text(ROW)

    def both() -> list[str]:
        found = []
        for number in (1, 3):
            monkeypatch.setattr(module, "LAYOUTS_FORMAT", number)
            found.append(load_recipe("mine.yaml", tmp_path).fingerprint(hashes))
        return found

    before, after = both()
    assert before == after  # rows of our own layout are read as ever
    for other in (
        '{"prompt": "Why?", "chosen": "So.", "rejected": "No."}\n',
        '{"id": "a", "prompt": "Why now?", "chosen": "Why now? So.", "rejected": "Why now? No."}\n',
        "",
    ):
        data.write_text(other)
        before, after = both()
        assert before != after
