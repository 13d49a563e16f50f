"""Copies of training pairs: labels stay right, originals stay, and the hash knows of them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from rmcheck.data import PreferencePair
from rmcheck.errors import ProblemsFound
from rmcheck.scoring.files import FileHashes
from rmcheck.training.augmentation import Augment, augmented
from training import project

PAIRS = [
    PreferencePair(
        id=f"p{row}",
        prompt=f"What is {row} and why?",
        chosen=f"It is {row} things. They come in a row. Good.",
        rejected=f"No idea about {row}. Ask somebody else. Bye.",
        group=f"g{row // 2}",
    )
    for row in range(12)
]


def test_no_key_means_no_copies() -> None:
    found = augmented(PAIRS, None)
    assert found.pairs == PAIRS
    assert found.of.tolist() == list(range(12))


def test_each_pair_is_followed_by_its_copies_in_its_own_group() -> None:
    found = augmented(PAIRS, Augment(transformations=("flattery", "blank_ends"), copies=2))
    for row, pair in enumerate(PAIRS):
        mine = [found.pairs[place] for place in np.flatnonzero(found.of == row)]
        assert mine[0] == pair
        assert 2 <= len(mine) <= 3
        assert {each.group for each in mine} == {pair.group}
        assert len({each.hash for each in mine}) == len(mine)
        assert len({each.id for each in mine}) == len(mine)


@pytest.mark.parametrize("name", ["flattery", "first_sentence"])
def test_what_does_not_preserve_a_text_is_done_to_the_rejected_side(name: str) -> None:
    found = augmented(PAIRS, Augment(transformations=(name,)))
    copies = [pair for pair in found.pairs if "~" in pair.id]
    assert len(copies) == len(PAIRS)
    for pair, copy in zip(PAIRS, copies, strict=True):
        assert (copy.prompt, copy.chosen) == (pair.prompt, pair.chosen)
        assert copy.rejected != pair.rejected


def test_what_preserves_a_text_is_done_to_either_side_and_both() -> None:
    found = augmented(PAIRS * 4, Augment(transformations=("blank_ends",), copies=1))
    originals = {pair.id: pair for pair in PAIRS}
    changed = {
        (copy.chosen != originals[copy.id[:-2]].chosen,
         copy.rejected != originals[copy.id[:-2]].rejected)
        for copy in found.pairs if copy.id.endswith("~0")
    }  # fmt: skip
    assert changed <= {(True, False), (False, True), (True, True)}
    assert len(changed) > 1


def test_the_prompt_is_changed_for_both_sides_at_once() -> None:
    found = augmented(PAIRS, Augment(transformations=("prompt_blank_ends",)))
    copies = [pair for pair in found.pairs if "~" in pair.id]
    assert copies
    for copy in copies:
        original = next(pair for pair in PAIRS if copy.id.startswith(f"{pair.id}~"))
        assert copy.prompt != original.prompt
        assert (copy.chosen, copy.rejected) == (original.chosen, original.rejected)


def test_a_seed_gives_the_same_copies_and_another_seed_others() -> None:
    def texts(seed: int) -> list[str]:
        how = Augment(transformations=("typos", "flattery"), seed=seed)
        return [pair.hash for pair in augmented(PAIRS, how).pairs]

    assert texts(0) == texts(0)
    assert texts(0) != texts(1)


def write(folder: Path, more: str) -> None:
    (folder / "tiny.yaml").write_text(project.RECIPE + more, encoding="utf-8")


def test_a_recipe_says_it_and_its_hash_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.made(tmp_path / "p")
    hashes = FileHashes(tmp_path / "cache")
    plain = project.recipe_of(folder).fingerprint(hashes)
    write(folder, "augment: {transformations: [flattery]}\n")
    recipe = project.recipe_of(folder)
    assert recipe.augment == Augment(transformations=("flattery",))
    assert recipe.settings(hashes)["augment.transformations"] == ["flattery"]
    flattered = recipe.fingerprint(hashes)
    assert flattered != plain
    # The package has a function of the module's name.
    module = sys.modules["rmcheck.perturb.transformation"]
    monkeypatch.setattr(module, "PERTURB_FORMAT", 99)
    assert recipe.fingerprint(hashes) != flattered


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("augment: {transformations: [flatery]}", "did you mean 'flattery'?"),
        ("augment: {transformations: []}", "tiny.yaml:8:28"),
        ("augment: {transformations: [all], strength: 0}", "strength"),
        ("augment: {transformations: [all], copies: 0}", "copies"),
        ("augment: {copies: 1}", "transformations"),
    ],
)
def test_mistakes_are_told_at_their_place(tmp_path: Path, more: str, said: str) -> None:
    folder = project.made(tmp_path / "p")
    write(folder, more + "\n")
    with pytest.raises(ProblemsFound) as caught:
        project.recipe_of(folder)
    assert said in str(caught.value)


@pytest.mark.ci
def test_training_reads_the_copies_with_the_labels_of_their_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rmcheck.training import material

    folder = project.made(tmp_path / "p")
    write(folder, "augment: {transformations: [flattery], copies: 1}\nlabel_noise: {rate: 0.5}\n")
    seen = {}

    def noted(pairs, turned, recipe):
        seen["pairs"], seen["turned"] = pairs, turned
        return known(pairs, turned, recipe)

    known = material.examples_of
    monkeypatch.setattr(material, "examples_of", noted)
    record = project.source_of(folder).train()
    assert record is not None
    turned = dict(zip([pair.id for pair in seen["pairs"]], seen["turned"], strict=True))
    copies = [name for name in turned if "~" in name]
    assert len(copies) == len(turned) / 2
    assert all(turned[name] == turned[name.partition("~")[0]] for name in copies)
    assert 0 < sum(turned.values()) < len(turned)
