"""A transformation is the same for the same text and seed, and knows what it does not change."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from perturb.samples import ENGLISH, QUESTION
from rmcheck import perturb
from rmcheck.data import Dialogue
from rmcheck.data.dialogue import Message, Promise
from rmcheck.perturb.transformation import version, with_last_turn

TEXT = Dialogue("Why is the sky blue?", "Light scatters. Blue light scatters most.", "sky/chosen")


def _named(name: str) -> perturb.Transformation:
    return perturb.chosen([name])[0]


def test_a_copy_has_its_own_key_and_the_same_change_for_the_same_seed() -> None:
    flattery = _named("flattery")
    copies = {flattery.copy(TEXT, seed=seed) for seed in range(20)}
    assert len(copies) == 2
    assert flattery.copy(TEXT, seed=3) == flattery.copy(TEXT, seed=3)
    found = flattery.copy(TEXT)
    assert found is not None
    assert found.key == "sky/chosen~flattery"
    assert found.response.endswith(TEXT.response)


def test_what_changes_nothing_is_no_copy() -> None:
    assert _named("first_sentence").copy(Dialogue("a", "Only one.")) is None
    assert _named("blank_ends").copy(Dialogue("a", " one\n")) is None


def test_the_last_turn_of_the_user_is_the_one_that_changes() -> None:
    turns = (Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    changed = with_last_turn(turns, str.upper)
    assert changed == (*turns[:2], Message("user", "C"))
    assert with_last_turn((Message("system", "a"),), str.upper) is None
    assert with_last_turn("a", str.upper) == "A"


def test_groups_stand_for_their_members_of_the_promises_asked() -> None:
    names = [each.name for each in perturb.chosen(["whitespace", "blank_ends"])]
    assert names == perturb.groups()["whitespace"]
    assert {each.promise for each in perturb.chosen(["all"], ["degrades"])} == {"degrades"}
    assert perturb.chosen(["degrades"]) == perturb.chosen(["all"], ["degrades"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("flatery", "no transformation or group is named 'flatery'; did you mean 'flattery'?"),
        ("flattery", "'flattery' tempts the text; expected one that preserves it"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(name: str, said: str) -> None:
    with pytest.raises(perturb.UnknownTransformation, match=said.replace("?", r"\?")):
        perturb.chosen([name], ["preserves"])


def test_a_signature_names_the_transformations_and_the_version_of_their_package() -> None:
    ours = perturb.chosen(["whitespace"])
    theirs = [replace(each, package="other 1.0") for each in ours]
    newer = [replace(each, package="other 1.1") for each in ours]
    found = {version(each) for each in (ours, ours[1:], theirs, newer)}
    assert len(found) == 4
    assert version(ours) == version(list(ours))


@pytest.mark.ci
def test_copies_of_200_pairs_take_seconds() -> None:
    sides = [Dialogue(f"{QUESTION} {n}", f"{n}: {ENGLISH[: 200 + n]}") for n in range(400)]
    start = time.process_time()
    copies = [each.copy(side, others=sides) for each in perturb.chosen(["all"]) for side in sides]
    assert time.process_time() - start < 10
    assert len(copies) > 45 * 400


@pytest.mark.parametrize("strength", [0.0, 1.5, float("nan")])
def test_a_strength_outside_its_range_is_refused(strength: float) -> None:
    with pytest.raises(ValueError, match=r"strength: expected a number in \(0, 1\]"):
        _named("flattery").copy(TEXT, strength=strength)


@pytest.mark.parametrize("promise", ["preserves", "degrades", "tempts"])
def test_what_is_surely_chosen_is_chosen(promise: Promise) -> None:
    names = [*perturb.OUR_NAMES, *perturb.groups(), "all", "preserves", "nothing of the kind"]
    sure = [name for name in names if perturb.surely_chosen(name, (promise,))]
    for name in sure:
        assert perturb.chosen([name], (promise,))
    ours = perturb.chosen(["all"], (promise,))
    assert {"all", *(each.name for each in ours if each.package is None)} <= {*sure}
    assert "nothing of the kind" not in sure


def test_a_group_is_known_by_one_module(tmp_path: Path) -> None:
    code = (
        "import sys; from rmcheck import perturb; "
        "assert perturb.surely_chosen('typos', ('preserves',)); "
        "assert not perturb.surely_chosen('typos', ('tempts',)); "
        "print(sorted(n for n in sys.modules if n.startswith('rmcheck.perturb.')))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "rmcheck.perturb.typos" in said.stdout
    assert "rmcheck.perturb.identity" not in said.stdout
