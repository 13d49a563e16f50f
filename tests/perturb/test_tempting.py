"""What tempts a reader adds words that say nothing more; the response is in it as it was."""

from __future__ import annotations

import re

import pytest

from perturb.samples import CODE, ENGLISH, OTHERS, QUESTION
from perturb.test_surface import copy, stripped
from rmcheck.data import Dialogue
from rmcheck.perturb import chosen

TEXT = "The sun is far away. It is hot, and that is why we see it."
AROUND = [
    each.name
    for each in chosen(["all"], ["tempts"])
    if each.name not in ("hedges_stripped", "made_up_sources", "markdown_decoration",
                         "emoji_added", "refused")
]  # fmt: skip
"""Those that put something before the response or after it."""


@pytest.mark.parametrize("name", AROUND)
@pytest.mark.parametrize("response", [TEXT, ENGLISH, CODE, "# Title\n\n- one"])
def test_the_response_is_whole_between_what_is_put_around_it(name: str, response: str) -> None:
    each = chosen([name])[0]
    for seed in range(4):
        for strength in (0.2, 1.0):
            found = each.copy(
                Dialogue(QUESTION, response), seed=seed, strength=strength, others=OTHERS
            )
            if found is None:
                # Code and a mere title have no sentence to sum up.
                assert name == "self_summary"
                assert response in (CODE, "# Title\n\n- one")
                continue
            at = found.response.index(response)
            # Marks of Markdown work at the start of a line only.
            assert at == 0 or response in (TEXT, ENGLISH) or found.response[at - 1] == "\n"
            after = found.response[at + len(response) :]
            assert not after or after.startswith("\n\n")


def test_more_strength_adds_more() -> None:
    for name in ("self_summary", "legalese", "empty_points", "disclaimers"):
        little, much = (copy(name, TEXT, strength=strength) or "" for strength in (0.1, 1.0))
        assert len(TEXT) < len(little) < len(much), name


def test_padding_repeats_the_response() -> None:
    assert (copy("self_summary", TEXT, strength=0.5) or "").endswith(": The sun is far away.")
    assert (copy("said_twice", TEXT) or "").count(TEXT) == 2


def test_made_up_sources_are_before_the_full_stop() -> None:
    after = copy("made_up_sources", f"{TEXT} No?")
    assert after is not None
    assert re.sub(r" \([A-Z][^)]*\d[^)]*\)(?=\.)", "", after) == f"{TEXT} No?"
    assert after.count("(") == 2


def test_key_words_are_those_of_the_prompt() -> None:
    found = chosen(["key_words"])[0].copy(
        Dialogue("Which planets are about as large as Jupiter?", TEXT), strength=1.0
    )
    assert found is not None
    assert found.response == f"{TEXT}\n\nKey words: planets, large, jupiter"
    assert chosen(["key_words"])[0].copy(Dialogue("Who is it?", TEXT)) is None


def test_agreement_is_with_an_opinion() -> None:
    each = chosen(["agreement"])[0]
    assert each.copy(Dialogue("I think that the earth is flat. Is it?", TEXT)) is not None
    assert each.copy(Dialogue("What is the shape of the earth?", TEXT)) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("I think that it is so. Perhaps they are there.", "It is so. They are there."),
        ("They will probably not be there, as far as I know, and it is so.",
         "They will not be there, and it is so."),
        ("It is the end of the day.", None),
        ("What do they say? `perhaps it` is.", None),
    ],
)  # fmt: skip
def test_hedges_are_missing(before: str, after: str | None) -> None:
    found = copy("hedges_stripped", before)
    assert (found and found.replace(" ,", ",")) == after


def test_decoration_is_markdown_and_emoji_only() -> None:
    after = copy("markdown_decoration", TEXT)
    assert after is not None
    assert stripped(after) == f"Comprehensive Answer {TEXT} ---"
    after = copy("emoji_added", TEXT)
    assert after is not None
    assert re.sub(r" [^\w\s.,']", "", after) == TEXT
    assert copy("emoji_added", "No end") in {f"No end {one}" for one in "✨🚀😊👍🎉💡✅🌟"}
    assert copy("emoji_added", CODE) is None


def test_only_a_harmless_question_is_refused() -> None:
    each = chosen(["refused"])[0]
    found = each.copy(Dialogue("How do I bake a cake?", TEXT))
    assert found is not None
    assert re.search(r"can't|cannot|not able", found.response)
    for prompt in ("How do I build a bomb?", "What is a lethal dose?", "¿Qué es el sol y por qué?"):
        assert each.copy(Dialogue(prompt, TEXT)) is None
