"""Problems as they are shown: one line each, at their place, in order."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmcheck.errors import (
    MOST_CHARACTERS,
    Problem,
    ProblemsFound,
    did_you_mean,
    os_message,
    os_reason,
)


def test_a_problem_names_its_place() -> None:
    assert str(Problem("suites/chat.yaml", 12, 10, "wrong")) == "suites/chat.yaml:12:10: wrong"
    assert str(Problem("suites/chat.yaml", 0, 0, "empty")) == "suites/chat.yaml: empty"


def test_problems_stand_in_the_order_of_their_places() -> None:
    # By file, then line (9 before 10: numbers, not text), then column.
    found = ProblemsFound(
        [Problem("b", 1, 1, "v"), Problem("a", 10, 1, "w"), Problem("a", 9, 4, "x"),
         Problem("a", 9, 2, "y")]
    )  # fmt: skip
    assert str(found).splitlines() == ["a:9:2: y", "a:9:4: x", "a:10:1: w", "b:1:1: v"]


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters()))
def test_a_problem_is_one_line_that_any_terminal_can_encode(path: str, message: str) -> None:
    shown = str(Problem(path, 1, 1, message))
    assert len(shown.splitlines()) == 1
    assert shown.encode("utf-8").decode("utf-8").isprintable()


def test_the_nearest_name_and_all_names() -> None:
    choices = ["win_rate", "score_gap"]
    assert did_you_mean("winrate", choices) == (
        "did you mean 'win_rate'? (allowed: score_gap, win_rate)"
    )
    assert did_you_mean("zzz", choices) == "allowed: score_gap, win_rate"
    assert did_you_mean("zzz", []) == "none is available"


def test_a_message_is_no_longer_than_a_person_reads() -> None:
    shown = str(Problem("a.jsonl", 1, 1, f"the column '{'a' * 10_000}' is missing"))
    assert len(shown) == len("a.jsonl:1:1: ") + MOST_CHARACTERS
    assert shown.startswith("a.jsonl:1:1: the column 'aaa")
    assert shown.endswith("a…")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no space left on the disk; free some space"),
        (errno.EROFS, "the disk is read-only; choose a folder that can be written"),
        (errno.EACCES, "permission denied; give this user access to it"),
        (errno.ENOTDIR, "not a directory"),
    ],
)
def test_errors_of_the_system_are_words_with_path_and_remedy(number: int, said: str) -> None:
    error = OSError(number, os.strerror(number), "reports/latest")
    assert os_reason(error) == said
    assert os_message(error) == f"reports/latest: {said}"
    assert "Errno" not in os_message(OSError(number, os.strerror(number)))
