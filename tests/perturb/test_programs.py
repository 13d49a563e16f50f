"""Code and answers: what a machine reads of a response stays the same, or no longer parses."""

from __future__ import annotations

import ast
import re
import time

import pytest

from perturb.samples import CODE, ENGLISH
from perturb.test_surface import copy
from rmcheck.perturb import TRANSFORMATIONS, chosen
from rmcheck.perturb.programs import blocks, is_program
from rmcheck.perturb.prose import english, prose

PROGRAM = CODE.removeprefix("```python\n").removesuffix("\n```")
UNFENCED = (
    "def total(xs):\n    result = 0\n    for x in xs:\n        result += x\n    return result"
)


MOVES_CODE = ("blank_ends", "windows_line_ends")
GROUPS = ["whitespace", "typography", "style", "typos", "markdown"]


def parsed(text: str) -> list[str]:
    """What the blocks of a text are to Python."""
    return [ast.dump(ast.parse(block.code)) for block in blocks(text)]


def test_a_text_that_is_a_program_is_code_without_a_fence() -> None:
    for text in (PROGRAM, UNFENCED):
        assert is_program(text)
        assert [block.code for block in blocks(text)] == [text]
        assert prose(text) == ()
        for each in chosen(GROUPS, ["preserves"]):
            if each.touches == "response" and each.name not in MOVES_CODE:
                assert copy(each.name, text) is None, each.name
        # What is put before code is on a line of its own.
        for name in ("blank_ends", "flattery", "expert_claim"):
            after = copy(name, text)
            assert after is not None
            assert f"\n{text}" in after
    assert not is_program("Hello")
    assert not is_program("# Title\n\ntext")
    assert not is_program("x")


@pytest.mark.parametrize(
    "line",
    ["def f(x):", "import os", "x = 3 - 2", "for x in xs:", "print(x  - y)", "int x = 5;",
     "$ pip install x - y", "if x - y:", ">>> x - y", "    x - y", "\tx - y"],
)  # fmt: skip
def test_a_line_of_code_is_no_prose(line: str) -> None:
    text = f"This is the line:\n{line}\nand it is all."
    assert all(line not in text[start:end] for start, end in prose(text))


@pytest.mark.parametrize(
    "line",
    ["If you like it: do it.", "for the people of the house it is", "let it be",
     "return to the house", "Costs are $5 and $10 or so", "a {b} c"],
)  # fmt: skip
def test_a_sentence_is_no_code(line: str) -> None:
    assert prose(line) == ((0, len(line)),)


def test_a_paragraph_in_another_language_is_not_english() -> None:
    text = "This is the first of them.\n\nDas ist der zweite und nicht mehr.\n\nAnd that is all."
    parts = [text[start:end] for start, end in english(text)]
    assert parts == ["This is the first of them.\n\n", "And that is all."]
    assert english("Colour") == ()


@pytest.mark.parametrize("name", ["comment_case", "code_tag_removed", "code_tag_added"])
@pytest.mark.parametrize("text", [ENGLISH, CODE.replace("python", "", 1), UNFENCED + "  # Sum"])
def test_code_is_the_same_to_python(name: str, text: str) -> None:
    for seed in range(5):
        after = copy(name, text, seed=seed)
        if after is not None:
            assert parsed(after) == parsed(text)
            assert after.lower().replace("```python", "```") == text.lower().replace(
                "```python", "```"
            )


def test_directives_are_no_comments() -> None:
    code = "```python\n#!/bin/python\nx = 1  # type: int\ny = 2  # noqa\nz = 3  # X_Y is\n```"
    assert copy("comment_case", code) is None
    assert copy("comment_case", "```python\nx = 1  # The one\n```") == (
        "```python\nx = 1  # the one\n```"
    )


def test_a_tag_goes_and_comes_back() -> None:
    after = copy("code_tag_removed", CODE)
    assert after == CODE.replace("python", "", 1)
    assert copy("code_tag_added", after) == CODE
    assert copy("code_tag_added", "```\nHello there\n```") is None
    assert copy("code_tag_removed", UNFENCED) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import os\nimport sys\nx = 1", "import sys\nimport os\nx = 1"),
        ("import os\nfrom a import b\nimport c as d\nx = 1",
         "from a import b\nimport c as d\nimport os\nx = 1"),
        ("from __future__ import annotations\nimport os\nx = 1", None),
        ("import os\nimport os.path\nx = 1", None),  # they bind the same name
        ("from a import *\nfrom b import *\nx = 1", None),
        ("import os\nx = 1\nimport sys", None),  # not side by side
        ("import os; x = 1\nimport sys", None),
    ],
)  # fmt: skip
def test_only_independent_imports_change_their_order(before: str, after: str | None) -> None:
    fence = "Here it is:\n```python\n{}\n```\n"
    found = copy("import_order", fence.format(before))
    assert found == (None if after is None else fence.format(after))


def test_broken_code_no_longer_parses() -> None:
    for text in (ENGLISH, UNFENCED):
        for seed in range(20):
            after = copy("code_broken", text, seed=seed)
            assert after is not None
            assert len(after) == len(text) - 1
            code = after if text == UNFENCED else blocks(after)[0].code
            with pytest.raises(SyntaxError):
                ast.parse(code)
    script = "```js\nif (a) { b(c[1]); }\n```"
    for seed in range(10):
        after = copy("code_broken", script, seed=seed)
        assert after is not None
        counts = [after.count(sign) for sign in "()[]{}"]
        assert counts[0::2] != counts[1::2]
    assert copy("code_broken", "no code (at all)") is None


def test_a_changed_operator_gives_another_program_that_parses() -> None:
    for seed in range(20):
        after = copy("operator_changed", UNFENCED, seed=seed, strength=0.1)
        assert after is not None
        assert parsed(after) != parsed(UNFENCED)
    assert (
        copy("operator_changed", "It is 3 + 4 = 7, on 2020 - 01") == "It is 3 - 4 = 7, on 2020 - 01"
    )
    assert copy("operator_changed", "pages 5 - 7") is None


BOXED = "So we get $x = 6 \\cdot 7 = \\boxed{42}$ at last."


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("boxed_as_heading", BOXED,
         "So we get $x = 6 \\cdot 7 = 42$ at last.\n\n# Answer\n\n$42$"),
        ("boxed_as_heading", "\\boxed{\\frac{1}{2}}", "\\frac{1}{2}\n\n# Answer\n\n$\\frac{1}{2}$"),
        ("boxed_as_heading", "It is \\boxed{7}.", "It is 7.\n\n# Answer\n\n7"),
        ("boxed_as_heading", "\\boxed{1} or \\boxed{2}", None),
        ("boxed_as_heading", "\\boxed{1", None),
        ("boxed_as_heading", "`\\boxed{1}`", None),
        ("boxed_as_sentence", BOXED,
         "So we get $x = 6 \\cdot 7 = 42$ at last.\n\nThe answer is $42$."),
        ("answer_in_box", "So the final answer is 1,234.5 of them.",
         "So the final answer is $\\boxed{1,234.5}$ of them."),
        ("answer_in_box", "The answer is $x+1$.", "The answer is $\\boxed{x+1}$."),
        ("answer_in_box", "The answer is no, and that is it.", None),
        ("answer_in_box", "The answer is 5%.", None),
        ("answer_in_box", "The answer is 5 and a half.", None),
    ],
)  # fmt: skip
def test_the_answer_is_marked_in_another_way(name: str, before: str, after: str | None) -> None:
    assert copy(name, before) == after


@pytest.mark.ci
def test_no_text_is_far_slower_than_its_length() -> None:
    # Each would take minutes if a pattern went over it again from every place.
    hard = ["`" * 20_000, "$a " * 7_000, "\\[" * 10_000, "<a" * 10_000, "a" * 20_000, "." * 20_000,
            "~~~\n" * 5_000, '"a' * 10_000, "**a" * 7_000, "((" * 10_000, "a@" * 10_000,
            "\\boxed{" * 3_000, "1 + 1 " * 4_000, "# \n" * 7_000, "a. " * 7_000]  # fmt: skip
    for text in hard:
        start = time.process_time()
        for each in TRANSFORMATIONS.sound()[0].values():
            if each.text is not None:
                copy(each.name, f"This is the text that we have.\n{text}")
        assert time.process_time() - start < 10, text[:10]


def test_numbers_in_code_and_prose_are_told_apart() -> None:
    assert re.findall(r"\d+", PROGRAM)  # the sample has both
    assert re.findall(r"\d+", ENGLISH.replace(CODE, ""))
