"""Transformations of another package that fail are told in one line, with package and text."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from rmcheck.checks.adversarial.chain import Move
from rmcheck.data import Dialogue
from rmcheck.data.dialogue import Message
from rmcheck.perturb import Transformation, text_transformation
from rmcheck.perturb.guard import TransformationError

TEXT = Dialogue("The sky is blue. Why?", "Light scatters. Blue light scatters most.", "sky/chosen")
CHAT = replace(TEXT, prompt=(Message("user", "It is blue. Why?"),))
WHO = "odd 0.5: transformation 'broken'"

Change = Callable[[str], object]


def odd(change: Change, *, prompt: bool = False) -> Transformation:
    def broken(text: str, rng: random.Random, strength: float) -> str | None:
        """Is broken."""
        return change(text)  # type: ignore[return-value]

    made = text_transformation("preserves", "prompt" if prompt else "response", "odd")(broken)
    return replace(made, package="odd 0.5")


def raises(text: str) -> object:
    raise ValueError("boom \x1b[31m\nline")


WRONG: dict[str, tuple[Change, str]] = {
    "raises": (raises, r"failed on sky/chosen: ValueError: boom \x1b[31m\nline"),
    "exits": (lambda _: sys.exit(0), "failed on sky/chosen: SystemExit: 0"),
    "number": (lambda _: 42, "gave int 42 for sky/chosen; expected a text or None"),
    "half": (
        lambda text: text + "\ud800",
        r"gave a text with half a character, '\ud800', for sky/chosen",
    ),
    "chance": (
        lambda text: text + str(random.random()),
        "gave two results for sky/chosen; random choices must use the generator that it is given",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_function_does_wrong_is_told_in_one_line(case: str) -> None:
    change, said = WRONG[case]
    for made, text in (
        (odd(change), TEXT),
        (odd(change, prompt=True), TEXT),
        (odd(change, prompt=True), CHAT),
    ):
        for apply in (made.copy, Move(made, unit="sentence").applied):
            with pytest.raises(TransformationError) as error:
                apply(text)
            assert str(error.value) == f"{WHO} {said}"


def test_an_interruption_is_none_of_its_errors() -> None:
    def interrupted(text: str) -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        odd(interrupted).copy(TEXT)


def test_only_the_first_texts_are_changed_twice() -> None:
    calls: list[str] = []

    def counted(text: str) -> str:
        calls.append(text)
        return text.upper()

    made = odd(counted)
    for place in range(5):
        made.copy(Dialogue("a", f"text {place}", f"{place}/chosen"))
    assert len(calls) == 5 + 3
