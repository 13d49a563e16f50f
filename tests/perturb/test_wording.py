"""Spelling, contractions, digits and typing errors: the words stay those of the text."""

from __future__ import annotations

import re

import pytest

from perturb.samples import ENGLISH
from perturb.test_surface import copy
from rmcheck.data import Dialogue
from rmcheck.perturb import chosen
from rmcheck.perturb.contractions import LONG, SHORT
from rmcheck.perturb.spelling import TO_AMERICAN, TO_BRITISH

THE = "This is the text that we have: "
"""Words that make a text English."""


def test_spelling_is_mapped_back() -> None:
    assert len(TO_BRITISH) > 300
    for american, british in TO_BRITISH.items():
        assert TO_AMERICAN[british] == american
        assert british != american
        # No spelling of one side is a spelling of the other, so each way is idempotent.
        assert british not in TO_BRITISH
        assert american not in TO_AMERICAN


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("The color of the theater. Colors", "The colour of the theatre. Colours"),
        ("we organized that at Pearl Harbor with John Gray",
         "we organised that at Pearl Harbor with John Gray"),
        ("Harbor it is.", "Harbour it is."),
        ("color_map and the color() of the-color in x.color are code",
         None),
        ("the coloring of this", "the colouring of this"),
        ("vigorous, humorous and laborious are the same", None),
    ],
)  # fmt: skip
def test_british_spelling(before: str, after: str | None) -> None:
    assert copy("british_spelling", before) == after
    if after is not None:
        assert copy("american_spelling", after) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("It is not the end, and they will not know what it is.",
         "It isn't the end, and they won't know what it is."),
        ("I am sure that you are right. It is so.", "I'm sure that you're right. It's so."),
        ("This is not only the end but DO NOT go.", None),
        ("We cannot say that they will be there.", "We can't say that they'll be there."),
    ],
)  # fmt: skip
def test_contractions(before: str, after: str | None) -> None:
    assert copy("contracted", before) == after
    if after is not None:
        assert copy("expanded", after) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Don't you think that the day is long?", None),  # the order of words would be wrong
        ("It's been the best of all.", None),  # it has been
        ("I can’t see that it’s the end.", "I cannot see that it is the end."),
        ("That's the car of Anna's brother.", "That is the car of Anna's brother."),
    ],
)
def test_expanded_contractions(before: str, after: str | None) -> None:
    assert copy("expanded", before) == after


def test_contractions_are_mapped_back() -> None:
    assert len(LONG) == len(SHORT)
    after = copy("expanded", copy("contracted", ENGLISH) or "") or ""
    assert _long(after) == _long(ENGLISH)


def _long(text: str) -> str:
    for short, long in LONG.items():
        text = re.sub(short.replace("'", "['’]"), long, text, flags=re.IGNORECASE)
    return text.lower()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("25000 people in 1999 or 20000 and", "25,000 people in 1999 or 20000 and"),
        ("$1500 and $1,500 or 0.12345 of", "$1,500 and $1,500 or 0.12345 of"),
        ("call 5551234567, room 12345, or 90210 in LA", None),
        ("#12345 is the id, v12345 too", None),
    ],
)
def test_digits_are_grouped_where_they_are_an_amount(before: str, after: str | None) -> None:
    found = copy("grouped_digits", THE + before)
    assert found == (None if after is None else THE + after)
    if found is not None:
        assert found.replace(",", "") == (THE + before).replace(",", "")


def test_grouped_digits_become_plain() -> None:
    before = f"{THE}25,000 people, f(1,000), 12,34 and 1,234,567 days"
    after = copy("ungrouped_digits", before)
    assert after == f"{THE}25000 people, f(1,000), 12,34 and 1234567 days"


TYPOS = ("typo_swapped", "typo_dropped", "typo_doubled", "typo_neighbour")


@pytest.mark.parametrize("name", TYPOS)
@pytest.mark.parametrize(("strength", "errors"), [(0.01, 1), (0.5, 2), (1.0, 3)])
def test_typing_errors_are_as_many_as_strength_says(
    name: str, strength: float, errors: int
) -> None:
    for seed in range(10):
        after = copy(name, ENGLISH, seed=seed, strength=strength)
        assert after is not None
        assert re.findall(r"\d+", after) == re.findall(r"\d+", ENGLISH)
        assert re.split(r"[a-z]+", after) == re.split(r"[a-z]+", ENGLISH)
        pairs = zip(re.findall("[a-z]+", ENGLISH), re.findall("[a-z]+", after), strict=True)
        changed = [(old, new) for old, new in pairs if old != new]
        assert len(changed) == errors
        for old, new in changed:
            assert (old[:2], old[-1]) == (new[:2], new[-1])
            assert len(new) - len(old) == {"typo_dropped": -1, "typo_doubled": 1}.get(name, 0)
            if len(old) == len(new):
                letters = sum(one != other for one, other in zip(old, new, strict=True))
                assert letters == (2 if name == "typo_swapped" else 1)
            else:
                longer, shorter = sorted((old, new), key=len, reverse=True)
                without = {longer[:at] + longer[at + 1 :] for at in range(len(longer))}
                assert shorter in without
            assert (sorted(old) == sorted(new)) == (name == "typo_swapped")


def test_typing_errors_of_the_prompt() -> None:
    each = chosen(["prompt_typos"])[0]
    found = each.copy(Dialogue("What is the question about?", "Yes."), strength=1.0)
    assert found is not None
    assert sorted(str(found.prompt)) == sorted("What is the question about?")
    assert each.copy(Dialogue("Who is it?", "Yes."), strength=1.0) is None
