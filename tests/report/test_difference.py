"""The words in which two texts differ, in the page, the summary and the terminal."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmcheck.report.difference import excerpt, forms, shown, spans

TEXTS = st.text(st.sampled_from("ab cé\u0301\u200b\n\r.中"), max_size=30) | st.text(max_size=20)


def told(before: str, after: str) -> list[tuple[str, str]]:
    return [(span.kind, span.text) for span in spans(before, after)]


def signs(text: str) -> str:
    return "".join(part.text for part in shown(text))


@given(TEXTS, TEXTS)
@settings(max_examples=60, deadline=None)
def test_the_spans_are_both_texts(before: str, after: str) -> None:
    found = spans(before, after)
    assert "".join(span.text for span in found if span.kind != "new") == before
    assert "".join(span.text for span in found if span.kind != "gone") == after
    assert all(span.text for span in found)
    assert (before == after) == all(span.kind == "same" for span in found)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("one two", "one two", [("same", "one two")]),
        ("", "new", [("new", "new")]),
        ("a b", "a  b", [("same", "a "), ("new", " "), ("same", "b")]),
        ("don't go", "do go", [("gone", "don't"), ("new", "do"), ("same", " go")]),
        # What was replaced together is marked together, with the blank between.
        (
            "I like red big hats now",
            "I like blue tiny hats now",
            [("same", "I like "), ("gone", "red big"), ("new", "blue tiny"), ("same", " hats now")],
        ),
        # Nothing in common: no marks on chance blanks.
        ("one two three", "uno due tre", [("gone", "one two three"), ("new", "uno due tre")]),
        # Without blanks between words, letter by letter.
        ("我喜欢茶。", "我喜欢咖啡。", [
            ("same", "我喜欢"), ("gone", "茶"), ("new", "咖啡"), ("same", "。")]),
        ("a\nb", "a\r\nb", [("same", "a"), ("new", "\r"), ("same", "\nb")]),
    ],
)  # fmt: skip
def test_what_differs(before: str, after: str, expected: list[tuple[str, str]]) -> None:
    assert told(before, after) == expected


def test_the_middle_is_a_longest_common_subsequence() -> None:
    # By hand: b c d e is the longest that both have; x and y are new, a and f are gone.
    before, after = "s a b c d e f t", "s b x c y d e t"
    assert [text for kind, text in told(before, after) if kind == "gone"] == ["a ", " f"]
    assert [text for kind, text in told(before, after) if kind == "new"] == ["x ", "y "]


def test_long_texts_take_a_moment_only() -> None:
    words = " ".join(f"w{at % 97}" for at in range(30_000))
    start = time.process_time()
    found = spans(f"begin {words} end", f"begin {words[::-1]} end")
    assert time.process_time() - start < 2.0
    assert [found[0].text, found[-1].text] == ["begin ", " end"]
    assert [span.kind for span in found] == ["same", "gone", "new", "same"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two words", "two words"),
        ("  ", "··"),
        ("\n\t", "↵\n→"),
        ("\r\n", "U+000D↵\n"),
        ("a\u00a0b\u200bc\ufeff", "aU+00A0bU+200BcU+FEFF"),
        ("x\u202ey\u2028z", "xU+202EyU+2028z"),
        ("\ud800\ufffe\x1b", "U+D800U+FFFEU+001B"),
        ("\ufe0f\u3164", "U+FE0FU+3164"),
        ("\U000e0041", "U+E0041"),
        ("é中", "é中"),
    ],
)
def test_what_is_not_seen_has_a_sign(text: str, expected: str) -> None:
    assert signs(text) == expected


def test_a_sign_has_the_name_of_its_character() -> None:
    names = [part.name for part in shown("a\u00a0\r")]
    assert names == ["", "no-break space", "carriage return"]


def test_texts_that_look_alike_are_explained() -> None:
    assert forms("café", "cafe\u0301") == (
        "Both texts look alike: their accented letters are composed (NFC) before and decomposed "
        "(NFD) after."
    )
    assert "mixed before and composed (NFC) after" in forms("cafe\u0301 é", "café é")
    assert forms("café", "café") == forms("cafe", "café") == ""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("same", "same", ""),
        ("It is 4.", "It is 5.", "It is [-4-]{+5+}."),
        ("a b", "a \u200bb", "a {+U+200B+}b"),
        ("x " * 30 + "end", "x " * 30 + "stop", "… x x x x x x x x x x x [-end-]{+stop+}"),
        ("", "w" * 90, "{+" + "w" * 59 + "…+}"),
        ("a 1 b 2 c 3 d", "a 4 b 5 c 6 d", "a [-1-]{+4+} b (and more)"),
        ("a\x1b[2J b", "a\x1b[2J c", "a\\x1b[2J [-b-]{+c+}"),
    ],
)
def test_the_first_change_on_one_line(before: str, after: str, expected: str) -> None:
    assert excerpt(before, after) == expected
