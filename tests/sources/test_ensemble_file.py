"""`kind: ensemble` in a source file: members are recipes with seeds, or sources of any kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rmcheck.data import pair_dialogues
from rmcheck.engine.settings import Settings
from rmcheck.errors import ProblemsFound
from rmcheck.reward_source import Composed, Source
from rmcheck.sources import create
from rmcheck.sources.recipe import RecipeSource
from tests.builders import make_pairs

DIALOGUES = pair_dialogues(make_pairs(5))
CODE = "def length(texts):\n    return [float(len(r)) for _, r in texts]\n" + (
    "def letters(texts):\n    return [float(r.count('o')) for _, r in texts]\n"
)
RECIPE = "recipe: 1\nbase: ../base\ndata: ../one.jsonl\nseed: 5\n"
HEAD = "source: 1\nkind: ensemble\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "members.py").write_text(CODE)
    for folder in ("base", "recipes", "sources"):
        (tmp_path / folder).mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    (tmp_path / "one.jsonl").write_text(
        '{"id": "p1", "prompt": "Why?", "chosen": "So.", "rejected": "No."}\n'
    )
    (tmp_path / "recipes" / "mine.yaml").write_text(RECIPE)
    return tmp_path


def opened(project: Path, text: str) -> Source:
    (project / "sources" / "both.yaml").write_text(HEAD + text)
    return create("source:both", Settings.below(project).options)


def told(project: Path, text: str) -> list[str]:
    with pytest.raises(ProblemsFound) as caught:
        opened(project, text)
    return str(caught.value).splitlines()


def test_members_of_any_kind_are_combined_as_in_a_spec(project: Path) -> None:
    source = opened(
        project,
        "members: ['py:members.py:length', 'py:members.py:letters']\nweights: [1, 3]\n",
    )
    spec = "ensemble:py:members.py:length;py:members.py:letters,weights=1:3"
    same = create(spec, Settings.below(project).options)
    np.testing.assert_array_equal(source.score(DIALOGUES), same.score(DIALOGUES))
    assert source.fingerprint == same.fingerprint
    assert source.spec == "source:both"


def test_members_are_recipes_with_their_seeds(project: Path) -> None:
    source = opened(
        project,
        "members:\n  - {recipe: ../recipes/mine.yaml}\n"
        "  - {recipe: ../recipes/mine.yaml, seed: 0}\n  - {recipe: tiny, seed: 7}\n"
        "combine: median\n",
    )
    assert isinstance(source, Composed)
    members = [each for each in source.members if isinstance(each, RecipeSource)]
    assert [each.recipe.seed for each in members] == [5, 0, 7]
    assert [each.spec for each in members] == [
        "recipe:recipes/mine.yaml", "recipe:recipes/mine.yaml (seed 0)", "recipe:tiny (seed 7)",
    ]  # fmt: skip
    # Seed 5 is the recipe's own: no other adapter than that of the recipe by its name.
    plain = create("recipe:recipes/mine.yaml", Settings.below(project).options)
    assert members[0].fingerprint == plain.fingerprint
    assert members[1].fingerprint != plain.fingerprint


def test_mistakes_are_told_at_their_places_all_at_once(project: Path) -> None:
    (project / "sources" / "other.yaml").write_text(
        HEAD + "members: ['source:both', 'py:members.py:length']\n"
    )
    found = told(
        project,
        "members:\n  - {recipe: ../recipes/mien.yaml}\n  - py:members.py:length\n"
        "  - py:members.py:length\n  - source:other\n  - source:both\n  - hff:model\n"
        "combine: meen\nweights: [1, 2]\n",
    )
    expected = [
        ("4:5", "members: recipe:recipes/mien.yaml: file not found"),
        ("6:5", "members: this member is given twice"),
        ("7:5", "members: source:other is an ensemble itself; list its members instead"),
        ("8:5", "members: source:both is an ensemble itself"),
        ("9:5", "members: source 'hff:model': unknown kind 'hff'"),
        ("10:10", "combine: got 'meen'; did you mean 'mean'?"),
    ]
    for line, (place, said) in zip(found, expected, strict=True):
        assert line.startswith(f"sources/both.yaml:{place}: {said}")
    (line,) = told(project, "members: ['py:members.py:length', tiny]\nweights: [1, 2, 3]\n")[1:]
    assert line.startswith("sources/both.yaml:4:10: weights: expected 2 positive numbers")


def test_keys_of_an_ensemble_file(project: Path) -> None:
    lines = told(project, "members: [{recipe: tiny, sed: 1}, recipe:tiny]\nmodel: x\n")
    assert any("unknown key 'sed', did you mean 'seed'?" in line for line in lines)
    assert any("unknown key 'model'" in line for line in lines)
    assert "too short" in told(project, "members: ['recipe:tiny']\n")[0]
