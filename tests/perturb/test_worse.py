"""What degrades a text takes away, contradicts or mixes up something that was in it."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from perturb.samples import CHAT, CHINESE, ENGLISH, FOREIGN, HINDI, OTHERS, QUESTION
from perturb.test_surface import copy
from rmcheck.data import Dialogue
from rmcheck.perturb import chosen
from rmcheck.perturb.prose import sentences

FIVE = "One is here. Two is there! Is three (e.g. a tree) gone? Four costs 3.5 dollars. Five."


def said(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def test_sentences() -> None:
    assert said(FIVE) == [
        "One is here.", "Two is there!", "Is three (e.g. a tree) gone?", "Four costs 3.5 dollars.",
        "Five.",
    ]  # fmt: skip
    assert said("# Title\n- A point.\n1. Dr. Who said \"so.\" And `a. b` is.\nno end") == [
        "A point.", 'Dr. Who said "so."', "And `a. b` is.",
    ]  # fmt: skip
    assert said("```\na. b.\n```\nIt is.") == ["It is."]
    assert said(HINDI) == [f"{part.strip()}।" for part in HINDI.split("।")[:-1]]
    assert said(CHINESE)[0] == "这是一个好问题。"


@pytest.mark.parametrize("strength", [0.01, 0.5, 1.0])
def test_shuffled_sentences_are_the_same_ones(strength: float) -> None:
    for seed in range(20):
        after = copy("sentences_shuffled", FIVE, seed=seed, strength=strength)
        assert after is not None
        assert sorted(said(after)) == sorted(said(FIVE))
        moved = sum(old != new for old, new in zip(said(FIVE), said(after), strict=True))
        assert moved == max(3, round(5 * strength))
    assert copy("sentences_shuffled", "One is. Two is.") is None


@pytest.mark.parametrize(("strength", "gone"), [(0.01, 1), (0.5, 2), (1.0, 4)])
def test_dropped_sentences(strength: float, gone: int) -> None:
    for seed in range(20):
        after = copy("sentence_dropped", FIVE, seed=seed, strength=strength)
        assert after is not None
        assert not Counter(said(after)) - Counter(said(FIVE))
        assert len(said(after)) == 5 - gone
        assert "  " not in after
    assert copy("sentence_dropped", "Only one.") is None


def test_doubled_sentences() -> None:
    after = copy("sentence_doubled", FIVE, strength=0.4)
    assert after is not None
    counts = Counter(said(after))
    assert sorted(counts.values()) == [1, 1, 1, 2, 2]
    assert set(counts) == set(said(FIVE))


def test_only_the_first_sentence() -> None:
    assert copy("first_sentence", FIVE) == "One is here."
    assert copy("first_sentence", f"# Title\n\n{FIVE}") == "# Title\n\nOne is here."
    assert copy("first_sentence", "Only one.\n") is None


@pytest.mark.parametrize("text", [FIVE, ENGLISH, *FOREIGN.values()])
def test_a_cut_is_within_a_word(text: str) -> None:
    lengths = []
    for strength in (0.1, 0.5, 0.9):
        after = copy("cut_in_word", text, strength=strength)
        assert after is not None
        assert text.startswith(after)
        assert re.search(r"\w[\u0900-\u097f]*$", after)
        assert not text[len(after)].isspace()
        lengths.append(len(after))
    assert lengths == sorted(lengths, reverse=True)


def test_an_empty_response_is_a_text_that_sources_score() -> None:
    assert copy("emptied", FIVE) == ""
    assert copy("emptied", "") is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("It is what it is. They will go.", "It is not what it is. They will not go."),
        ("Is it so? He never was there.", None),
        ("The house isn't big, but it is the best.", None),
        ("They can see that it is so.", "They can not see that it is so."),
        ("See `it is so` and that `he can`.", None),
    ],
)
def test_negation_put_in(before: str, after: str | None) -> None:
    assert copy("negation_added", before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("It is not the one. They don't go.", "It is the one. They do go."),
        ("You cannot and they won’t be there. You can't.",
         "You can and they will be there. You can."),
        ("It is not only big but it never ends.", "It is not only big but it ends."),
        ("Is it the one that we have?", None),
    ],
)  # fmt: skip
def test_negation_taken_out(before: str, after: str | None) -> None:
    assert copy("negation_removed", before) == after


def test_negation_goes_in_and_out() -> None:
    for text in ("It is what it is. They will go to the house.", "The dog was the first of all."):
        assert copy("negation_removed", copy("negation_added", text) or "") == text


@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_numbers_become_others_of_as_many_digits(strength: float) -> None:
    text = "1. It is 12,345 and 0.05 or 7% in 1999, $x_2 = 30$. `f(3)` v2 #4 stay; 0 does not."
    for seed in range(20):
        after = copy("number_changed", text, seed=seed, strength=strength)
        assert after is not None
        assert re.sub(r"\d", "0", after) == re.sub(r"\d", "0", text)
        old, new = (re.findall(r"\d+(?:[.,]\d+)*", each) for each in (text, after))
        changed = [one for one, other in zip(old, new, strict=True) if one != other]
        expected = ["12,345", "0.05", "7", "1999", "30", "0"]
        assert changed == expected if strength == 1 else len(changed) == 1
        assert set(changed) <= set(expected)


def test_text_from_another_answer() -> None:
    whole, part = chosen(["other_answer", "sentence_borrowed"])
    before = Dialogue(QUESTION, FIVE)
    for seed in range(10):
        other = whole.copy(before, seed=seed, others=OTHERS)
        assert other is not None
        assert other.response in {each.response for each in OTHERS}
        mixed = part.copy(before, seed=seed, others=OTHERS)
        assert mixed is not None
        (new,) = Counter(said(mixed.response)) - Counter(said(FIVE))
        assert any(new in each.response for each in OTHERS)
        assert not Counter(said(FIVE)) - Counter(said(mixed.response))
    # Other responses to the same prompt are no answers to another one.
    same = (Dialogue(QUESTION, "It is another one. It is."),)
    assert whole.copy(before, others=same) is part.copy(before, others=same) is None
    assert whole.copy(before) is None
    assert [each.name for each in chosen(["all"]) if each.borrows] == [whole.name, part.name]


def test_the_prompt_as_its_answer() -> None:
    each = chosen(["prompt_as_answer"])[0]
    for prompt in (QUESTION, CHAT):
        found = each.copy(Dialogue(prompt, FIVE))
        assert found is not None
        assert found.response == QUESTION


def test_words_of_another_language() -> None:
    before = "The house is big, and we have the water. See `the_house` or is it?"
    after = copy("foreign_words", before)
    assert after == "Der Haus ist groß, und wir haben der Wasser. Sehen `the_house` oder ist es?"
    few = copy("foreign_words", before, strength=0.01)
    assert few is not None
    assert sum(a != b for a, b in zip(few.split(), before.split(), strict=True)) == 1
