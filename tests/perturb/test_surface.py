"""White space, typography and Markdown: what a reader sees stays the same."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest

from perturb.samples import CODE, ENGLISH, FOREIGN
from rmcheck.data import Dialogue
from rmcheck.perturb import chosen


def copy(name: str, text: str, *, seed: int = 0, strength: float = 1.0) -> str | None:
    """The response after a transformation; None where it does not apply."""
    found = chosen([name])[0].copy(Dialogue("Why is it so?", text), seed=seed, strength=strength)
    return None if found is None else found.response


def collapsed(text: str) -> str:
    return " ".join(text.replace("\u200b", "").split())


def plain_marks(text: str) -> str:
    for old, new in {"‘": "'", "’": "'", "“": '"', "”": '"', "…": "..."}.items():
        text = text.replace(old, new)
    return re.sub(r"\s*(?:--?|–|—)\s*", "-", text)


def composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def stripped(text: str) -> str:
    """A text without the marks of Markdown."""
    text = re.sub(r"^\s*(?:#+|[-*+]|\d+[.)])\s+", "", text, flags=re.MULTILINE)
    return collapsed(text.replace("*", ""))


NORMAL: dict[str, Callable[[str], str]] = {
    "blank_ends": collapsed, "doubled_blanks": collapsed, "trailing_blanks": collapsed,
    "blank_lines": collapsed, "windows_line_ends": collapsed, "no_break_spaces": collapsed,
    "zero_width": collapsed, "curly_quotes": plain_marks, "straight_quotes": plain_marks,
    "long_dashes": plain_marks, "plain_dashes": plain_marks, "one_ellipsis": plain_marks,
    "decomposed": composed, "star_bullets": stripped, "dash_bullets": stripped,
    "numbers_with_brackets": stripped, "bold_removed": stripped, "bold_added": stripped,
    "headings_in_bold": stripped,
}  # fmt: skip
"""The normal form of a text that a transformation does not change."""


@pytest.mark.parametrize("name", NORMAL)
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_the_normal_form_stays(name: str, strength: float) -> None:
    text = (
        ENGLISH.replace("- **", "* **").replace("- Sec", "* Sec") if "dash_b" in name else ENGLISH
    )
    found = {copy(name, text, seed=seed, strength=strength) for seed in range(4)}
    for after in found:
        assert after is not None
        assert after != text
        assert NORMAL[name](after) == NORMAL[name](text)


@pytest.mark.parametrize("language", FOREIGN)
def test_forms_of_characters_are_those_of_every_language(language: str) -> None:
    text = f"{FOREIGN[language]} é"
    after = copy("decomposed", text)
    assert after is not None
    assert composed(after) == composed(text)
    assert copy("composed", after) == composed(text)


def test_white_space_does_not_change_what_markdown_makes_of_lines() -> None:
    text = "# Title\n\n- one two\n  - three four\n1. five six\n\n    code  here\n\n| a b | c |\n"
    for name in ("doubled_blanks", "trailing_blanks", "no_break_spaces", "zero_width"):
        after = copy(name, text)
        assert after is not None
        marks = [re.match(r"\s*(?:#|-|1\.|\|)? ?", line) for line in text.splitlines()]
        for line, mark in zip(after.splitlines(), marks, strict=True):
            assert mark
            assert line.startswith(mark.group())
            assert not line.endswith("  ")  # a line break of Markdown
        assert "    code  here\n" in after
    assert copy("blank_ends", "    code\nmore") == "    code\nmore\n"


def test_line_ends_are_changed_everywhere_and_once() -> None:
    after = copy("windows_line_ends", "a\nb\r\nc\n")
    assert after == "a\r\nb\r\nc\r\n"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("curly_quotes", 'He said that "it\'s fine" and didn\'t go.',
         "He said that “it’s fine” and didn’t go."),
        ("curly_quotes", 'It is 5\' 3" and 6" tall.', None),
        ("straight_quotes", "„So“ – “that’s it”", "\"So\" – \"that's it\""),
        ("long_dashes", "one - two -- three, a-b, 3 - 2, a - b",
         "one – two – three, a-b, 3 - 2, a - b"),
        ("plain_dashes", "pages 5–7, one — two, 3 – 2", "pages 5-7, one - two, 3 – 2"),
        ("one_ellipsis", "well... and .... no", "well… and .... no"),
    ],
)  # fmt: skip
def test_marks_that_mean_something_else_stay(name: str, before: str, after: str | None) -> None:
    assert copy(name, before) == after


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("star_bullets", "- a\n- **b**\n\n- - -\n", "* a\n* **b**\n\n- - -\n"),
        ("star_bullets", "- a\n\n+ b\n", None),  # two lists
        ("star_bullets", f"- a\n\n{CODE}", f"* a\n\n{CODE}"),
        ("dash_bullets", "* a\n*not a point*\n* b", "- a\n*not a point*\n- b"),
        ("numbers_with_brackets", "1. a\n2. b\n3.5 is a number", "1) a\n2) b\n3.5 is a number"),
        ("bold_removed", "a **b c** 2**3**4 `**d**`", "a b c 2**3**4 `**d**`"),
        ("headings_in_bold", "# A\ntext\n\n## B\n\ntext\n#tag",
         "**A**\n\ntext\n\n**B**\n\ntext\n#tag"),
        ("heading_added", "A text. It is.", "## Answer\n\nA text. It is."),
        ("heading_added", "Yes.", None),
        ("heading_added", "# Text\n\nA text. It is.", None),
        ("bold_added", "It is the question. And so it is.",
         "It is the **question**. And so it is."),
    ],
)  # fmt: skip
def test_what_markdown_becomes(name: str, before: str, after: str | None) -> None:
    assert copy(name, before) == after


def test_strength_is_the_share_of_places_and_at_least_one() -> None:
    text = "so it is " * 20
    counts = {
        strength: (copy("doubled_blanks", text.strip(), strength=strength) or "").count("  ")
        for strength in (0.001, 0.25, 1.0)
    }
    assert counts == {0.001: 1, 0.25: 15, 1.0: 59}
