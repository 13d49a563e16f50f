"""Folds: prompts stay whole, tags are spread, and a fold is a recipe with a hash of its own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import ProblemsFound, TrainingError
from rmcheck.scoring.files import FileHashes
from rmcheck.training.folds import Folds, fold_numbers, folds_of_data, remaining
from rmcheck.training.preparation import split, without_folds
from rmcheck.training.recipe import Recipe
from rmcheck.training.recipe_file import load_recipe

RECIPE = "recipe: 1\nbase: base\ndata: one.jsonl\n"


def pair(number: int, prompt: str, group: str = "", tag: str = "a") -> PreferencePair:
    return PreferencePair(
        id=f"p{number}", prompt=prompt, chosen="yes", rejected="no", group=group or f"g{number}",
        tags=(tag,),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    (tmp_path / "one.jsonl").write_text(
        '{"id": "p1", "prompt": "Why?", "chosen": "So.", "rejected": "No."}\n'
    )
    return tmp_path


def recipe(folder: Path, extra: str = "", name: str = "r.yaml") -> Recipe:
    (folder / name).write_text(RECIPE + extra)
    return load_recipe(name, folder)


def test_a_prompt_and_a_group_are_in_one_fold() -> None:
    # 0 and 1 share a prompt but for case and spaces, 1 and 2 a group: all three belong together.
    pairs = [
        pair(0, "What is  rain?"), pair(1, "what is rain? ", "sky"), pair(2, "Hail?", "sky"),
        *(pair(number, f"Question {number}?") for number in range(3, 40)),
    ]  # fmt: skip
    for seed in range(5):
        numbers = fold_numbers(pairs, 4, seed)
        assert len(set(numbers[:3].tolist())) == 1
        assert sorted(set(numbers.tolist())) == [1, 2, 3, 4]


def test_folds_have_one_size_and_the_same_tags() -> None:
    tags = ["rude"] * 20 + ["wrong"] * 33 + ["long"] * 7
    pairs = [pair(number, f"Question {number}?", tag=tag) for number, tag in enumerate(tags)]
    numbers = fold_numbers(pairs, 5, 0)
    assert sorted(Counter(numbers.tolist()).values()) == [12] * 5
    for tag, each in (("rude", {4}), ("wrong", {6, 7}), ("long", {1, 2})):
        rows = [row for row, name in enumerate(tags) if name == tag]
        assert set(Counter(numbers[rows].tolist()).values()) == each


def test_the_seed_decides_and_nothing_else() -> None:
    pairs = [pair(number, f"Question {number}?") for number in range(50)]
    assert fold_numbers(pairs, 5, 1).tolist() == fold_numbers(list(pairs), 5, 1).tolist()
    assert fold_numbers(pairs, 5, 1).tolist() != fold_numbers(pairs, 5, 2).tolist()


def test_what_is_left_out_is_not_trained_on(folder: Path) -> None:
    pairs = [pair(number, f"Question {number // 2}?", f"g{number // 2}") for number in range(60)]
    given = recipe(folder, "folds: {of: 3, without: [1, 3], seed: 4}\nheld_out: 0.1\n")
    found = split(without_folds(pairs, given), given)
    used = {each.id for each in [*found.train, *found.held_out]}
    numbers = fold_numbers(pairs, 3, 4)
    assert used == {each.id for each, n in zip(pairs, numbers, strict=True) if n == 2}
    parts = [remaining(pairs, Folds(of=3, without=(k,), seed=4)) for k in (1, 2, 3)]
    # Each pair is left out once in three folds: it remains in the two others.
    assert np.all([sum(each in part for part in parts) == 2 for each in pairs])
    with pytest.raises(TrainingError, match=r"r.yaml: folds: expected at least 3 prompts for 3"):
        without_folds(pairs[:4], given)


@pytest.mark.parametrize("loss", ["bradley_terry", "plackett_luce"])
def test_pairs_and_response_sets_of_a_prompt_are_left_out_together(
    folder: Path, monkeypatch: pytest.MonkeyPatch, loss: str
) -> None:
    from rmcheck.training import material

    pairs = [pair(number, f"Question {number}?") for number in range(30)]
    sets = [
        ResponseSet(
            id=f"s{n}", prompt=f"Question {n}?", responses=("a", "b"), best=(0,), group=f"s{n}"
        )
        for n in range(20, 50)
    ]
    trained: list[str] = []
    for name in ("PairMaterial", "SetMaterial"):
        monkeypatch.setattr(material, name, lambda some, *_: trained.extend(e.id for e in some))
    numbers = folds_of_data(PreferenceData(tuple(pairs), tuple(sets)), 3, 4)
    assert sorted(set(numbers.tolist())) == [1, 2, 3]
    given = recipe(folder, f"folds: {{of: 3, without: 2, seed: 4}}\nloss: {loss}\n")
    material.material_of([*pairs, *sets], given, None, None)  # type: ignore[arg-type]
    # Whatever the loss takes, the pairs of a fold are those that `rmcheck cv` scores.
    expected = {each.id for each, n in zip(pairs, numbers, strict=True) if n != 2}
    assert {name for name in trained if name[0] == "p"} == expected
    assert any(name[0] == "s" for name in trained) == (loss == "plackett_luce")
    few = PreferenceData(tuple(pairs[:1]), tuple(sets))
    with pytest.raises(ValueError, match="expected pairs in each of 3 folds, got none in fold"):
        folds_of_data(few, 3, 4)


def test_a_fold_has_its_own_hash_and_a_recipe_without_folds_keeps_its(folder: Path) -> None:
    def hashed(extra: str) -> str:
        return recipe(folder, extra).fingerprint(FileHashes(folder / "cache"))

    plain, fold = hashed(""), hashed("folds: {of: 5, without: 2}\n")
    assert plain == hashed("folds: null\n")
    assert fold == hashed("folds: {of: 5, without: [2], seed: 0}\n")
    others = [
        hashed(f"folds: {{{keys}}}\n")
        for keys in ("of: 5, without: 3", "of: 6, without: 2", "of: 5, without: 2, seed: 1")
    ]
    assert len({plain, fold, *others}) == 5
    settings = recipe(folder, "folds: {of: 5, without: 2}\n").settings(FileHashes(folder / "cache"))
    assert settings["folds.of"] == 5
    assert settings["folds.without"] == [2]


@pytest.mark.parametrize(
    ("folds", "said"),
    [
        ("{of: 5}", "5:8: recipe: the key 'without' is missing"),
        ("{of: 1, without: 1}", "5:13: recipe: folds.of=1 is too small: at least 2"),
        ("{of: 3, without: 4}", "without: got fold 4, expected folds from 1 to 3"),
        ("{of: 2, without: [2, 1]}", "without: all 2 folds are left out; leave one to train on"),
        ("{of: 2, without: 0}", "folds.without=0 is too small: at least 1"),
        ("{of: 2, without: 1, sed: 1}", "unknown key 'sed', did you mean 'seed'?"),
    ],
)
def test_mistakes_are_told_at_their_place(folder: Path, folds: str, said: str) -> None:
    with pytest.raises(ProblemsFound) as caught:
        recipe(folder, f"seed: 1\nfolds: {folds}\n")
    first = str(caught.value).splitlines()[0]
    assert first.startswith("r.yaml:5:")
    assert said in first
