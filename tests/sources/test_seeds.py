"""The trainings of a recipe: of a score file that has the scores of several, and of a recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.errors import ProblemsFound, SourceError
from rmcheck.reward_source import Seeded, SourceOptions
from rmcheck.sources import create
from rmcheck.sources.score_file import ScoreFile

PAIRS = [PreferencePair(name, f"prompt {name}", "good", "bad", group=name) for name in "ab"]


def rows(*, suite: str = "chat", seeds: bool = True) -> list[dict[str, Any]]:
    found = []
    for number, pair in enumerate(PAIRS):
        row: dict[str, Any] = {"suite": suite, "id": pair.id, "hash": pair.hash, "group": pair.id}
        row |= {"tags": [], "chosen": 1.5 + number, "rejected": 0.5}
        if seeds:
            row["seeds"] = {"3": [1.5 + number, 0.5], "4": [0.25, 0.75 + number]}
        found.append(row)
    return found


def written(folder: Path, given: list[dict[str, Any]]) -> ScoreFile:
    path = folder / "scores.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    source = create("scores:scores.jsonl", SourceOptions(root=folder, cache=folder / "cache"))
    assert isinstance(source, ScoreFile)
    return source


@pytest.mark.parametrize("plain", [True, False])
def test_a_file_gives_the_scores_of_each_training(tmp_path: Path, plain: bool) -> None:
    given = rows()
    if not plain:  # a column of another meaning: read row by row
        given[0]["note"] = "x"
    source = written(tmp_path, given)
    assert isinstance(source, Seeded)
    dialogues = pair_dialogues(PAIRS)
    view = source.within("chat")
    assert list(view.seeds(9)) == [3, 4]
    assert view.score(dialogues).tolist() == [1.5, 0.5, 2.5, 0.5]
    assert view.with_seed(3).score(dialogues).tolist() == [1.5, 0.5, 2.5, 0.5]
    assert view.with_seed(4).score(dialogues).tolist() == [0.25, 0.75, 0.25, 1.75]
    assert source.with_seed(4).within("chat").of_pairs(PAIRS).tolist() == [
        [0.25, 0.75],
        [0.25, 1.75],
    ]
    with pytest.raises(SourceError, match="no scores of a training with seed 5"):
        view.with_seed(5)


def test_seeds_are_those_of_the_suite(tmp_path: Path) -> None:
    source = written(tmp_path, [*rows(), *rows(suite="other", seeds=False)])
    assert list(source.within("chat").seeds(1)) == [3, 4]
    assert list(source.within("other").seeds(3)) == []
    assert source.within("other").score(pair_dialogues(PAIRS)).tolist() == [1.5, 0.5, 2.5, 0.5]


def test_a_file_of_one_training_knows_no_seeds(tmp_path: Path) -> None:
    assert list(written(tmp_path, rows(seeds=False)).seeds(3)) == []


@pytest.mark.parametrize("seeds", [{"3": [1.5]}, {"3": ["x", 0.5]}, {"x": [1.5, 0.5]}])
def test_malformed_scores_of_a_seed_are_named(tmp_path: Path, seeds: dict[str, Any]) -> None:
    given = rows()
    given[1]["seeds"] = seeds
    with pytest.raises(ProblemsFound, match=r"scores.jsonl:2.*'b': seeds: expected"):
        written(tmp_path, given).score(pair_dialogues(PAIRS))


def test_a_column_of_another_meaning_is_left_alone(tmp_path: Path) -> None:
    given = [{**row, "seeds": 3} for row in rows(seeds=False)]
    source = written(tmp_path, given)
    assert list(source.seeds(3)) == []
    assert source.score(pair_dialogues(PAIRS)).tolist() == [1.5, 0.5, 2.5, 0.5]


def test_a_recipe_is_trained_with_its_own_seed_and_those_that_follow(tmp_path: Path) -> None:
    from rmcheck.sources.recipe import RecipeSource

    source = create("recipe:tiny", SourceOptions(root=tmp_path, cache=tmp_path / "cache"))
    assert isinstance(source, RecipeSource)
    assert list(source.seeds(3)) == [0, 1, 2]
    assert list(source.with_seed(7).seeds(2)) == [7, 8]
    other = source.with_seed(1)
    assert (other.spec, other.recipe.name) == ("recipe:tiny (seed 1)", "tiny (seed 1)")
    # The same adapter as that of the recipe whose file has this seed: trained once for both.
    given = SourceOptions(root=tmp_path, cache=tmp_path / "cache", seed=1)
    written_so = create("recipe:tiny", given)
    assert isinstance(written_so, RecipeSource)
    assert other.adapter == written_so.adapter != source.adapter
