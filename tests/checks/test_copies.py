"""Copies of a suite's texts: made once, borrowed from other prompts, errors named."""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Sequence

import pytest
from builders import make_pairs

from rmcheck.checks.copies import WithCopies, changed, copies_of, stamp, variants_of
from rmcheck.data import Dialogue, Variant
from rmcheck.errors import RmcheckError, UsageError
from rmcheck.perturb import Transformation, transformation


def borrowing() -> tuple[Transformation, list[tuple[str, ...]]]:
    seen: list[tuple[str, ...]] = []

    @transformation("degrades", "response", "test", borrows=True)
    def other_answer(
        dialogue: Dialogue, rng: random.Random, strength: float, others: Sequence[Dialogue], /
    ) -> Dialogue | None:
        """The answer to another prompt."""
        seen.append(tuple(other.response for other in others))
        return dataclasses.replace(dialogue, response=others[0].response) if others else None

    return other_answer, seen


def test_a_text_borrows_from_other_prompts_whatever_the_order() -> None:
    pairs = make_pairs(24, group_size=2)
    other, seen = borrowing()
    (found,) = copies_of(pairs, [other], seed=0, strength=0.5)
    own = {pair.id: {p.chosen for p in pairs if p.group == pair.group} for pair in pairs}
    for pair, copy in zip(pairs, found.chosen, strict=True):
        assert copy is not None
        assert copy.response not in own[pair.id]
        assert copy.key == f"{pair.id}/chosen~other_answer"
    assert all(len(set(texts)) == 8 for texts in seen)
    (again,) = copies_of(pairs[::-1], [other], seed=0, strength=0.5)
    assert again.chosen[::-1] == found.chosen
    (alone,) = copies_of(pairs[:2], [other], seed=0, strength=0.5)
    assert not list(alone.dialogues)


def test_copies_are_made_once_but_keep_the_keys_of_their_own_texts() -> None:
    other, seen = borrowing()
    texts = [Dialogue(f"q{i}", f"a{i}", f"p{i}/chosen") for i in range(4)]
    groups = ["a", "b", "c", "d"]
    first = changed(texts, groups, other, seed=0, strength=0.5)
    assert changed(texts, groups, other, seed=0, strength=0.5) is first
    assert len(seen) == 4
    renamed = [dataclasses.replace(text, key=f"other-{text.key}") for text in texts]
    again = changed(renamed, groups, other, seed=0, strength=0.5)
    assert again == first
    assert [each.key for each in again if each] == [f"other-{each.key}" for each in first if each]


def test_a_function_of_another_package_that_fails_is_named() -> None:
    @transformation("preserves", "response", "test")
    def fragile(
        dialogue: Dialogue, rng: random.Random, strength: float, others: Sequence[Dialogue], /
    ) -> Dialogue | None:
        """Fails."""
        raise KeyError("x")

    theirs = dataclasses.replace(fragile, package="odd 0.5")
    with pytest.raises(RmcheckError, match="'fragile' failed on p000/chosen: KeyError: 'x'"):
        copies_of(make_pairs(2), [theirs], seed=0, strength=0.5)


def test_variants_are_gathered_by_name_and_promise() -> None:
    pairs = make_pairs(3)
    pairs[0] = dataclasses.replace(pairs[0], variants=(Variant("a", "preserves", chosen="x"),))
    pairs[2] = dataclasses.replace(
        pairs[2],
        variants=(Variant("b", "degrades", chosen="y"), Variant("a", "preserves", prompt="z")),
    )
    (found,) = variants_of(pairs, "preserves")
    assert (found.name, found.changes_prompt) == ("a", (False, False, True))
    assert [each and each.response for each in found.chosen] == ["x", None, pairs[2].chosen]
    assert [each and each.prompt for each in found.rejected] == [None, None, "z"]
    assert stamp(list(found.dialogues)) != stamp(list(found.dialogues)[:1])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("blank_ends", "this is the name of a transformation"),
        ("back (variants)", "names that end in '(variants)' are kept for reports"),
    ],
)
def test_a_variant_has_a_name_of_its_own(name: str, reason: str) -> None:
    (pair,) = make_pairs(1)
    varied = dataclasses.replace(pair, variants=(Variant(name, "preserves", chosen="x"),))
    said = f"pair '{pair.id}': variant '{name}': {reason}; choose another name"
    with pytest.raises(UsageError, match=f"^{re.escape(said)}$"):
        variants_of([varied], "preserves")


def test_no_copy_is_made_where_only_the_first_text_is_asked_for() -> None:
    made: list[int] = []

    def copies() -> list[Dialogue]:
        made.append(1)
        return [Dialogue("q", "copy")]

    texts = WithCopies([Dialogue("q", "a"), Dialogue("q", "b")], copies)
    assert next(iter(texts)) == texts._own[0]
    assert not made
    assert [text.response for text in texts] == ["a", "b", "copy"]
    assert (len(texts), texts[2].response, len(made)) == (3, "copy", 1)
    assert texts == WithCopies(list(texts), list)
    assert texts != WithCopies([], list)
