"""Counts, signs and lists of names in words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import rmcheck
from rmcheck.wording import be, counted, listed, minus


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs"), (12_000, "12,000 pairs")]
)
def test_a_number_has_its_noun(number: int, said: str) -> None:
    assert counted(number, "pair") == said
    assert be(number) == ("is" if number == 1 else "are")


def test_a_plural_that_is_not_made_by_an_s() -> None:
    assert [counted(n, "entry", "entries") for n in (1, 2)] == ["1 entry", "2 entries"]


def test_names_past_the_limit_are_counted() -> None:
    assert listed(list("abc")) == "a, b and c"
    assert listed(list("abcd")) == "a, b, c and 1 more"
    assert listed(list("abcd"), limit=1) == "a and 3 more"
    assert listed([]) == ""


def test_every_sign_of_a_list_of_numbers_is_true() -> None:
    assert minus("[-15.9, -3.8]") == "[−15.9, −3.8]"


ALWAYS_MORE_THAN_ONE = {
    "checks/agreement.py",  # 15 prompts at least
    "lint/duplicates.py",  # two stand for each other
    "stats/correlation.py",  # needs two rows
}
"""Modules that write such numbers by hand, and why there is never one."""


def test_no_message_counts_by_hand() -> None:
    # `{n} pairs` reads "1 pairs" when there is one: numbers of things are written by `counted`.
    by_hand = re.compile(r"\{len\([^{}]*\)[^{}]*\} (pair|check|suite|text|row|prompt|group)s\b")
    found = {
        path.relative_to(Path(rmcheck.__file__).parent).as_posix()
        for path in Path(rmcheck.__file__).parent.rglob("*.py")
        if by_hand.search(path.read_text(encoding="utf-8"))
    }
    assert found == ALWAYS_MORE_THAN_ONE
