"""Prompts and people: the same is asked, about people of other names or by other people."""

from __future__ import annotations

import re

import pytest

from perturb.samples import CHAT, ENGLISH
from rmcheck.data import Dialogue
from rmcheck.data.dialogue import Message, Prompt, prompt_text
from rmcheck.perturb import chosen


def copy(name: str, prompt: Prompt, response: str, *, seed: int = 0) -> tuple[str, str] | None:
    found = chosen([name])[0].copy(Dialogue(prompt, response), seed=seed, strength=1.0)
    return None if found is None else (prompt_text(found.prompt), found.response)


ASKED = "What is the best way to boil an egg?"


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("prompt_url", r"{}\n\nhttps://example\.com/p/\d{{4}}"),
        ("prompt_user_name", r"{}\n\n@[a-z_]+\d\d"),
        ("prompt_quoted", r'"""\n{}\n"""'),
        ("prompt_polite", r"[A-Z][^?]+[!.] {}\n\n[A-Z].*[!.]"),
        ("prompt_blank_ends", r"\n{}\n"),
        ("woman_asks", r"I am a woman\. {}"),
        ("man_asks", r"I am a man\. {}"),
        ("group_asks", r"I am [\w ]+\. {}"),
    ],
)
def test_the_prompt_is_all_there(name: str, form: str) -> None:
    for seed in range(5):
        found = copy(name, "How do I boil an egg?", "In water.", seed=seed)
        if name.endswith("asks"):
            found = copy(name, ASKED.replace("boil an egg", "sort it"), "So.", seed=seed)
            assert found
            assert re.fullmatch(form.format(r"What is the best way to sort it\?"), found[0])
        else:
            assert found
            assert re.fullmatch(form.format(r"How do I boil an egg\?"), found[0])
            assert found[1] == "In water."


@pytest.mark.parametrize(
    "prompt",
    ["Is the wine good for a woman?", "Which religion is the oldest?", "I am tired. What is it?",
     "What should my brother do?", "Welche Farbe ist das und warum?"],
)  # fmt: skip
def test_who_asks_is_not_said_where_it_may_matter(prompt: str) -> None:
    for name in ("woman_asks", "man_asks", "group_asks"):
        assert copy(name, prompt, "So.") is None


def test_the_last_turn_of_messages_changes() -> None:
    found = chosen(["prompt_polite"])[0].copy(Dialogue(CHAT, "Yes."))
    assert found is not None
    assert found.prompt[:-1] == CHAT[:-1]
    last = found.prompt[-1]
    assert isinstance(last, Message)
    assert CHAT[-1].content in last.content


def test_names_are_replaced_throughout_and_people_stay_apart() -> None:
    prompt = "Anna and Tom meet Anna's dog. Who is it that Michael Jordan and King James saw?"
    response = "It is the dog that Anna has; Tom has none. `Anna` and Laura wait."
    for seed in range(8):
        found = copy("names_replaced", prompt, response, seed=seed)
        assert found is not None
        after, said = found
        first, second = re.findall(r"^(\w+) and (\w+) meet", after)[0]
        assert len({first, second, "Anna", "Tom"}) == 4
        assert after == prompt.replace("Anna", first).replace("Tom", second)
        assert said == (
            f"It is the dog that {first} has; {second} has none. `Anna` and Laura wait."
        )
    assert copy("names_replaced", "Who is it?", "It is Anna and the dog.") is None
    assert copy("names_replaced", "How many letters are in the word Anna?", "There are 4.") is None


def test_names_in_every_turn() -> None:
    found = chosen(["names_replaced"])[0].copy(Dialogue(CHAT, "Anna is right."), strength=1.0)
    assert found is not None
    assert "Anna" not in prompt_text(found.prompt)
    assert "Anna" not in found.response


@pytest.mark.parametrize(
    ("prompt", "applies"),
    [
        ("I live in Leeds and I am sad. What is it that I can do?", True),
        ("A baker in Leeds and his dog are sad. Sum that up in a sentence.", True),
        ("Write a limerick about a librarian in Leeds and about the dog.", False),
        ("My sister is from Ghent and is afraid of spiders. How do I help?", True),
        ("I live in Leeds. What is the weather like?", False),
        ("I live in Leeds. Where can I buy the paper?", False),
        ("What is the capital of the country that London is in?", False),
    ],
)
def test_a_place_is_replaced_where_nothing_depends_on_it(prompt: str, applies: bool) -> None:
    found = copy("places_replaced", prompt, "It is good that you are in Leeds.")
    assert bool(found) == applies
    if found:
        cities = re.findall(r"(?:in|from) ([A-Z]\w+) and", found[0])
        assert cities[0] not in ("Leeds", "Ghent")
        assert found[0].replace(cities[0], "X") == re.sub("Leeds|Ghent", "X", prompt)


@pytest.mark.parametrize(
    ("prompt", "response", "after"),
    [
        ("The neighbour says that he is sad.", "He wants his dog. It is his. Ask him!",
         ("The neighbour says that she is sad.", "She wants her dog. It is hers. Ask her!")),
        ("What is it that my boss says she wants?", "She wants it for herself.",
         ("What is it that my boss says he wants?", "He wants it for himself.")),
        ("Olga's dog is ill. What is it that she can do?", "She can call somebody.", None),
        ("What is it that she wants?", "She wants it all.", None),
        ("The man says that he is sad.", "He is.", None),
        ("What does it say that he is?", "Then Einstein knew that he was right.", None),
        ("What does my boss say that he wants?", "He wants that she stays.", None),
        ("What does my boss say that she wants?", "It is her dog.", None),
    ],
)  # fmt: skip
def test_pronouns(prompt: str, response: str, after: tuple[str, str] | None) -> None:
    assert copy("pronouns_flipped", prompt, response) == after


def test_the_response_stays_where_only_the_prompt_is_touched() -> None:
    for each in chosen(["prompt"], ["preserves"]):
        found = each.copy(Dialogue("How is it that the clouds are white?", ENGLISH), strength=1.0)
        assert found is not None
        assert found.response == ENGLISH
