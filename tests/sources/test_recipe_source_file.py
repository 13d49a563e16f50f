"""`kind: recipe` in a source file: a recipe, its seed, and the weights of its objectives."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmcheck.engine.settings import Settings
from rmcheck.errors import ProblemsFound
from rmcheck.reward_source import Source
from rmcheck.sources import create
from rmcheck.sources.recipe import ManyHeadedRecipe, RecipeSource

RECIPE = "recipe: 1\nbase: ../base\ndata: ../one.jsonl\nseed: 5\n"
HEAD = "source: 1\nkind: recipe\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("base", "recipes", "sources"):
        (tmp_path / folder).mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    (tmp_path / "one.jsonl").write_text(
        '{"id": "p1", "prompt": "Why?", "chosen": "So.", "rejected": "No."}\n'
    )
    (tmp_path / "recipes" / "one.yaml").write_text(RECIPE)
    (tmp_path / "recipes" / "two.yaml").write_text(RECIPE + "objectives: {good: {}, safe: {}}\n")
    return tmp_path


def opened(project: Path, text: str) -> Source:
    (project / "sources" / "mine.yaml").write_text(HEAD + text)
    return create("source:mine", Settings.below(project).options)


def test_the_weights_are_those_of_the_spec(project: Path) -> None:
    found = opened(project, "recipe: ../recipes/two.yaml\nweights: {safe: 2}\n")
    assert isinstance(found, ManyHeadedRecipe)
    assert (found.spec, found.weights) == ("source:mine", {"good": 0.0, "safe": 2.0})
    options = Settings.below(project).options
    same = create("recipe:recipes/two.yaml,weights=safe:2", options)
    assert found.fingerprint == same.fingerprint
    assert found.describe().objective == "2*safe"
    own = opened(project, "recipe: ../recipes/two.yaml\n")
    assert own.fingerprint == create("recipe:recipes/two.yaml", options).fingerprint
    assert own.fingerprint != found.fingerprint


def test_a_recipe_with_another_seed(project: Path) -> None:
    found = opened(project, "recipe: ../recipes/one.yaml\nseed: 7\n")
    assert isinstance(found, RecipeSource)
    assert not isinstance(found, ManyHeadedRecipe)
    assert found.recipe.seed == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "recipe: ../recipes/tow.yaml\n",
            "mine.yaml:3:9: recipe: recipe:recipes/tow.yaml: file not",
        ),
        (
            "recipe: ../recipes/two.yaml\nweights: {saef: 1}\n",
            "mine.yaml:4:11: weights: did you mean 'safe'?",
        ),
        ("recipe: ../recipes/two.yaml\nweights: {safe: 0}\n", "mine.yaml:4:10: weights: all are 0"),
        (
            "recipe: ../recipes/one.yaml\nweights: {safe: 1}\n",
            "mine.yaml:4:1: weights: ../recipes/one",
        ),
        ("recipe: ../recipes/one.yaml\nweigths: {safe: 1}\n", "did you mean 'weights'?"),
    ],
)
def test_mistakes_have_their_place(project: Path, text: str, said: str) -> None:
    with pytest.raises(ProblemsFound) as caught:
        opened(project, text)
    assert said in str(caught.value)
