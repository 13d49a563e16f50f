"""`rmcheck train --seeds K` and `--ensemble NAME`: the source file that is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rmcheck.cli.kept import Member, kept_ensemble
from rmcheck.engine.settings import Settings
from rmcheck.errors import UsageError
from rmcheck.reward_source import Composed
from rmcheck.sources import create
from rmcheck.sources.recipe import RecipeSource

RECIPE = "recipe: 1\nbase: base\ndata: one.jsonl\nseed: 3\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "mine.yaml").write_text(RECIPE)
    return tmp_path


def test_seeds_of_a_recipe_are_kept_as_one_source(project: Path) -> None:
    members = [Member("recipes/mine.yaml", seed) for seed in (3, 4)] + [Member("tiny", 3)]
    kept = kept_ensemble("both", ["recipes/mine.yaml", "tiny"], members, project)
    assert kept is not None
    kept.write(project)
    assert yaml.safe_load(kept.text)["members"] == [
        {"recipe": "../recipes/mine.yaml", "seed": 3},
        {"recipe": "../recipes/mine.yaml", "seed": 4},
        {"recipe": "tiny", "seed": 3},
    ]
    # What was written is what a source file may say, and means these recipes.
    source = create("source:both", Settings.below(project).options)
    assert isinstance(source, Composed)
    found = [each for each in source.members if isinstance(each, RecipeSource)]
    assert [(each.recipe.name, each.recipe.seed) for each in found] == [
        ("mine", 3), ("mine", 4), ("tiny", 3),
    ]  # fmt: skip
    # Written by the command, so it may be written again.
    assert kept_ensemble("both", ["tiny"], members[:2], project) is not None


def test_names(project: Path) -> None:
    two = [Member("recipes/mine.yaml", seed) for seed in (3, 4)]
    kept = kept_ensemble(None, ["recipes/mine.yaml"], two, project)
    assert kept is not None
    assert (kept.name, kept.target) == ("mine-2-seeds", project / "sources/mine-2-seeds.yaml")
    assert kept_ensemble(None, ["a", "b"], [Member("a"), Member("b")], project) is None
    named = kept_ensemble("ab", ["a", "b"], [Member("a"), Member("b")], project)
    assert named is not None
    assert yaml.safe_load(named.text)["members"] == [{"recipe": "a"}, {"recipe": "b"}]


def test_mistakes(project: Path) -> None:
    two = [Member("recipes/mine.yaml", seed) for seed in (3, 4)]
    (project / "sources").mkdir()
    (project / "sources" / "own.yaml").write_text("source: 1\nmodel: x\n")
    for name, recipes, members, said in (
        (
            "own",
            ["a"],
            two,
            "sources/own.yaml: already exists and was not written",
        ),
        ("a/b", ["a"], two, "--ensemble 'a/b': expected a name of letters"),
        ("two", ["a"], [Member("a"), Member("a")], "--ensemble two: a is given more than once"),
        ("one", ["a"], [Member("a")], "expected two or more models, got one"),
        (None, ["a", "b"], two, "name the ensemble with --ensemble NAME"),
    ):
        with pytest.raises(UsageError, match=said):
            kept_ensemble(name, recipes, members, project)
