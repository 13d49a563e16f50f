"""What is true of every transformation, ours and those that are still to come."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from perturb.samples import CHAT, CODE, ENGLISH, FOREIGN, OTHERS, QUESTION
from rmcheck.data import Dialogue
from rmcheck.perturb import TRANSFORMATIONS, Transformation

ALL = TRANSFORMATIONS.sound()[0]
MAY_BE_EMPTY = {"emptied"}
REPLACES = {"refused"}
"""Transformations that put another text where the response was."""
CHANGES_CODE = {"windows_line_ends"}
"""Transformations of whole texts or of code, which change what is in a code block."""
PIECES = [
    *ENGLISH.splitlines(keepends=True), *FOREIGN.values(),
    CODE, "```", "~~~\n", "`", "# ", "- ", "1. ", "**", "$", "\\boxed{", "}", "\n\n", "    ",
    "\r\n",
    "He isn't", "\u0301", "\u200b", "\ufeff", "\x00", "12,345", "(((", '"', "’", "...", "http://",
]  # fmt: skip

texts = st.text(max_size=60) | st.lists(
    st.sampled_from(PIECES) | st.text(max_size=8), max_size=12
).map("".join)


def copies(
    dialogue: Dialogue, *, seed: int = 0, strength: float = 0.5
) -> Iterator[tuple[Transformation, Dialogue]]:
    """The copies of a dialogue by all transformations that apply."""
    for each in ALL.values():
        copy = each.copy(dialogue, seed=seed, strength=strength, others=OTHERS)
        if copy is not None:
            yield each, copy


def promised(each: Transformation, before: Dialogue, copy: Dialogue) -> None:
    """What holds of every copy."""
    assert copy != before, each.name
    assert copy.key == f"{before.key}~{each.name}"
    assert copy.origin == before.origin
    if each.touches == "response":
        assert copy.prompt == before.prompt, each.name
    if each.touches == "prompt":
        assert copy.response == before.response, each.name
        assert copy.prompt != before.prompt
    assert copy.response.strip() or each.name in MAY_BE_EMPTY or not before.response.strip()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts, texts, st.integers(0, 3), st.sampled_from([0.01, 0.5, 1.0]))
@example(QUESTION, ENGLISH, 0, 1.0)
def test_any_text_has_copies_that_keep_what_is_declared(
    prompt: str, response: str, seed: int, strength: float
) -> None:
    each_holds(prompt, response, seed, strength)


@pytest.mark.slow
@settings(
    max_examples=1200, deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)  # fmt: skip
@given(texts, texts, st.integers(0, 3), st.sampled_from([0.01, 0.5, 1.0]))
def test_many_more_texts(prompt: str, response: str, seed: int, strength: float) -> None:
    each_holds(prompt, response, seed, strength)


def each_holds(prompt: str, response: str, seed: int, strength: float) -> None:
    before = Dialogue(prompt, response, "a/chosen", "origin")
    for each, copy in copies(before, seed=seed, strength=strength):
        promised(each, before, copy)
        again = each.copy(before, seed=seed, strength=strength, others=OTHERS)
        assert again == copy, f"{each.name} is not deterministic"
    for each, copy in copies(before, seed=seed, strength=1.0):
        if each.idempotent:
            twice = each.copy(copy, seed=seed + 1, strength=1.0, others=OTHERS)
            assert twice is None, f"{each.name}: {copy!r} became {twice!r}"


@pytest.mark.parametrize("name", ALL)
def test_half_characters_are_no_error(name: str) -> None:
    before = Dialogue(f"\ud800 {QUESTION}", f"\udfff {ENGLISH} \ud83d")
    ALL[name].copy(before, others=OTHERS, strength=1.0)


@pytest.mark.parametrize("name", ALL)
def test_every_transformation_changes_something(name: str) -> None:
    found = [
        ALL[name].copy(Dialogue(prompt, response), seed=seed, others=OTHERS, strength=1.0)
        for prompt, response in APPLIES.get(name, [(QUESTION, ENGLISH)])
        for seed in range(3)
    ]
    assert all(found), name


APPLIES = {
    "composed": [(QUESTION, "The cafe\u0301 is open.")],
    "dash_bullets": [(QUESTION, "* one\n* two")],
    "code_tag_added": [(QUESTION, CODE.replace("python", "", 1))],
    "answer_in_box": [(QUESTION, "So the answer is 42.")],
    "pronouns_flipped": [("What is it that my friend says he wants?", "He is tired.")],
}
"""Texts for transformations that the samples give nothing to do."""


@pytest.mark.parametrize("name", [name for name, each in ALL.items() if each.english])
@pytest.mark.parametrize("language", FOREIGN)
def test_other_languages_stay_as_they_are(name: str, language: str) -> None:
    text = FOREIGN[language]
    for strength in (0.3, 1.0):
        assert ALL[name].copy(Dialogue(text, text), strength=strength, others=OTHERS) is None
    # A paragraph in another language within an English text stays, too.
    copy = ALL[name].copy(Dialogue(QUESTION, f"{ENGLISH}\n\n{text}\n\n{ENGLISH}"), strength=1.0)
    assert copy is None or name in REPLACES or text in copy.response


@pytest.mark.parametrize("name", [name for name in ALL if name not in CHANGES_CODE])
def test_code_links_and_mathematics_stay_as_they_are(name: str) -> None:
    each = ALL[name]
    if each.promise != "preserves" or "code" in each.groups or "answers" in each.groups:
        return
    for seed in range(5):
        copy = each.copy(Dialogue(QUESTION, ENGLISH), seed=seed, strength=1.0)
        if copy is not None:
            parts = (CODE, "`color  =  5`", "https://example.com/color?don't=it%20is",
                     "color@center.org", "$\\boxed{42}$")  # fmt: skip
            assert all(part in copy.response for part in parts), copy.response


@pytest.mark.parametrize("name", [name for name, each in ALL.items() if each.touches != "response"])
def test_both_sides_of_a_pair_get_the_same_prompt(name: str) -> None:
    for prompt in (QUESTION, CHAT):
        for seed in range(4):
            sides = [
                ALL[name].copy(Dialogue(prompt, response), seed=seed, others=OTHERS)
                for response in (ENGLISH, "He is in the house with Anna, and that is all.")
            ]
            prompts = [side.prompt for side in sides if side is not None]
            assert len(set(prompts)) <= 1
            if not isinstance(prompt, str):
                assert all(
                    [turn.role for turn in found] == [turn.role for turn in prompt]
                    for found in prompts
                    if not isinstance(found, str)
                )


def test_names_and_sentences_are_of_use() -> None:
    by_group: dict[str, list[str]] = {}
    for name, each in ALL.items():
        assert re.fullmatch(r"[a-z][a-z_]+", name)
        assert each.name == name
        assert each.groups
        assert re.fullmatch(r"[A-Z`#1].*\.", each.sentence), each.sentence
        for group in each.groups:
            by_group.setdefault(group, []).append(name)
    # Where a group has the name of a transformation, both mean the same.
    assert all(by_group[name] == [name] for name in ALL if name in by_group)
    assert len({each.sentence for each in ALL.values()}) == len(ALL)
