"""The nouns: what a hash depends on, and how dialogues are keyed."""

from __future__ import annotations

import dataclasses
import hashlib

from hypothesis import assume, given
from hypothesis import strategies as st

from rmcheck.data import Dialogue, Message, PreferencePair, ResponseSet, data_hash, pair_dialogues
from rmcheck.data.dialogue import content_hash, prompt_group, prompt_text

texts = st.text(max_size=8)
messages = st.builds(Message, st.sampled_from(["user", "assistant", "system"]), texts)
prompts = texts | st.lists(messages, max_size=3).map(tuple)
pairs = st.builds(PreferencePair, texts, prompts, texts, texts, texts)

PAIR = PreferencePair("a", "Why?", "Because.", "No.", "g", ("t",), 0.9, (5.0, 2.0))


def test_a_content_hash_is_sha256_of_canonical_json() -> None:
    # The oracle is hashlib on the text written out by hand.
    assert content_hash("é", ["a", 1]) == hashlib.sha256('["é",["a",1]]'.encode()).hexdigest()[:32]


def test_dialogues_are_keyed_by_pair_and_side() -> None:
    chosen, rejected = PAIR.dialogues()
    assert (chosen.key, chosen.response, chosen.origin) == ("a/chosen", "Because.", PAIR.hash)
    assert (rejected.key, rejected.response, rejected.origin) == ("a/rejected", "No.", PAIR.hash)
    other = dataclasses.replace(PAIR, id="b/c")
    assert [d.key for d in pair_dialogues([PAIR, other])] == [
        "a/chosen", "a/rejected", "b/c/chosen", "b/c/rejected",
    ]  # fmt: skip
    found = ResponseSet("s", "Why?", ("x", "y"), (1,), "g").dialogues()
    assert [(d.key, d.response) for d in found] == [("s/0", "x"), ("s/1", "y")]


def test_where_a_dialogue_came_from_is_no_part_of_it() -> None:
    assert Dialogue("p", "r", "a/chosen", "h") == Dialogue("p", "r")
    assert Dialogue("p", "r", "a/chosen").hash == Dialogue("p", "r", "b/rejected").hash


@given(prompts, texts, prompts, texts)
def test_equal_hashes_are_equal_texts(
    prompt: str | tuple[Message, ...], reply: str, other: str | tuple[Message, ...], answer: str
) -> None:
    same = prompt == other and reply == answer
    assert (Dialogue(prompt, reply).hash == Dialogue(other, answer).hash) == same


@given(pairs, pairs)
def test_a_pair_hash_is_that_of_its_three_texts(one: PreferencePair, two: PreferencePair) -> None:
    same = (one.prompt, one.chosen, one.rejected) == (two.prompt, two.chosen, two.rejected)
    assert (one.hash == two.hash) == same


def test_what_does_not_change_a_pair_hash() -> None:
    for change in (
        {"id": "z"},
        {"group": "z"},
        {"tags": ()},
        {"confidence": None},
        {"ratings": None},
    ):
        assert dataclasses.replace(PAIR, **change).hash == PAIR.hash
    # Swapped sides are another pair; the border between two texts counts.
    assert dataclasses.replace(PAIR, chosen="No.", rejected="Because.").hash != PAIR.hash
    assert dataclasses.replace(PAIR, chosen="Because.N", rejected="o.").hash != PAIR.hash
    assert dataclasses.replace(PAIR, prompt=(Message("user", "Why?"),)).hash != PAIR.hash


@given(st.lists(pairs, min_size=1, max_size=4), st.data())
def test_a_data_hash_forgets_the_order_and_nothing_else(
    found: list[PreferencePair], data: st.DataObject
) -> None:
    whole = data_hash(found)
    assert len(whole) == 16
    assert data_hash(data.draw(st.permutations(found))) == whole
    assert data_hash(found[1:]) != whole
    row = data.draw(st.integers(0, len(found) - 1))
    field = data.draw(st.sampled_from(["id", "prompt", "chosen", "rejected"]))
    value = data.draw(texts)
    assume(getattr(found[row], field) != value)
    edited = [*found[:row], dataclasses.replace(found[row], **{field: value}), *found[row + 1 :]]
    assume(sorted(map(repr, edited)) != sorted(map(repr, found)))
    assert data_hash(edited) != whole


def test_pairs_with_one_prompt_share_a_group() -> None:
    assert prompt_group("Why?") == prompt_group("Why?") != prompt_group("Why ?")
    assert prompt_group((Message("user", "Why?"),)) != prompt_group("Why?")


def test_messages_as_one_text() -> None:
    turns = (Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "Why?"))
    assert prompt_text(turns) == "user: Hi\n\nassistant: Hello\n\nuser: Why?"
    assert prompt_text("Hi") == "Hi"
