"""What rmcheck ships is found in a checkout and in a wheel."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rmcheck import shipped as module
from rmcheck.data.preferences import expand, load
from rmcheck.errors import SourceError
from rmcheck.scoring.files import locate
from rmcheck.shipped import shipped

ROOT = Path(__file__).parents[1]


def test_in_a_checkout_it_lies_beside_the_package() -> None:
    assert shipped() == ROOT / "fixtures"
    assert shipped("recipes", "tiny.yaml") == ROOT / "fixtures/recipes/tiny.yaml"
    assert shipped("recipes", "tiny.yaml").is_file()
    assert shipped("suites", "conversation.yaml").is_file()


def test_in_a_wheel_it_lies_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages/rmcheck"
    package.mkdir(parents=True)
    monkeypatch.setattr(module, "_PACKAGE", package)
    assert shipped("recipes") == tmp_path / "site-packages/fixtures/recipes"
    (package / "shipped_files").mkdir()
    assert shipped("recipes") == package / "shipped_files/fixtures/recipes"
    assert shipped("suites", "a.yaml") == package / "shipped_files/suites/a.yaml"


def test_every_folder_that_the_wheel_takes_is_there() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    taken = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert taken
    for source, target in taken.items():
        assert (ROOT / source).exists(), source
        assert target.startswith("rmcheck/shipped_files/")


@pytest.mark.parametrize("path", sorted((ROOT / "fixtures/preferences").glob("*.jsonl")),
                         ids=lambda path: path.stem)  # fmt: skip
def test_the_shipped_pairs_are_sound(path: Path) -> None:
    # The oracle is json on the lines themselves.
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    data = load([path], root=ROOT)
    assert [pair.id for pair in data.pairs] == [row["id"] for row in rows if "chosen" in row]
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(pair.chosen != pair.rejected for pair in data.pairs)


def test_a_path_may_name_a_shipped_file(tmp_path: Path) -> None:
    assert module.anchored("a/*.jsonl", tmp_path) == ("a/*.jsonl", tmp_path)
    assert module.anchored("shipped:a/*.jsonl", tmp_path) == ("a/*.jsonl", ROOT / "fixtures")
    found = expand("shipped:preferences/*.jsonl", tmp_path)
    assert found == sorted((ROOT / "fixtures/preferences").glob("*.jsonl"))
    assert locate("shipped:models/tiny-gpt2", tmp_path).folder == ROOT / "fixtures/models/tiny-gpt2"
    with pytest.raises(SourceError, match="shipped:models/none: folder not found"):
        locate("shipped:models/none", tmp_path)
