"""A plain function as a reward source, and what is said of one that is not one."""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np
import pytest

from rmcheck.data import Dialogue, Message
from rmcheck.errors import SourceError, UsageError
from rmcheck.reward_source import RewardSource
from rmcheck.sources.function import FunctionSource, as_source

DIALOGUES = [Dialogue("Why?", "Because.", "a/chosen"), Dialogue("Why?", "No.", "a/rejected")]


def longest(texts: list[tuple[str, str]]) -> list[int]:
    return [len(response) for _, response in texts]


def test_a_function_gets_all_texts_at_once_and_gives_as_many_numbers() -> None:
    calls: list[Any] = []
    source = FunctionSource(lambda texts: calls.append(texts) or longest(texts))
    turns = Dialogue((Message("user", "Hi"),), "Hello")
    assert source.score([*DIALOGUES, turns]).tolist() == [8.0, 3.0, 5.0]
    assert calls == [[("Why?", "Because."), ("Why?", "No."), ("user: Hi", "Hello")]]
    assert source.score([]).shape == (0,)


@pytest.mark.parametrize(
    "function",
    [longest, lambda t: np.array(longest(t)), lambda t: tuple(map(float, longest(t))),
     lambda t: np.array(longest(t), dtype=np.float16), functools.partial(longest)],
)  # fmt: skip
def test_whatever_numbers_come_are_float64(function: Any) -> None:
    found = FunctionSource(function).score(DIALOGUES)
    assert found.dtype == np.float64
    assert found.tolist() == [8.0, 3.0]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda t: [1.0], "expected 2 scores for 2 texts, got 1"),
        (lambda t: 1.0, r"for 2 dialogues, got \(\)"),
        (lambda t: [[1.0], [2.0]], r"for 2 dialogues, got \(2, 1\)"),
        (lambda t: ["a", "b"], "expected numbers"),
        (lambda t: ({}, {}), "expected numbers"),
        (lambda t: (x for x in [1, 2]), "expected numbers"),
        (lambda t: [1.0, float("nan")], "a/rejected is nan"),
        (lambda t: [float("-inf"), 1.0], "a/chosen is -inf"),
        (lambda t: [None, 1.0], "a/chosen is nan"),
        (lambda t: {}["no"], r"raised KeyError: 'no' \(.*test_function\.py:\d+\)"),
        (
            lambda t: 1 / 0,
            r"raised ZeroDivisionError: division by zero \(.*test_function\.py:\d+\)",
        ),
        (lambda t: sys.exit(0), r"raised SystemExit: 0 \(.*test_function\.py:\d+\)"),
        (lambda: [1.0], "raised TypeError: .* expected a function from a list of"),
    ],
)
def test_what_is_no_score_is_told(function: Any, said: str) -> None:
    with pytest.raises(SourceError, match=rf"^py:mine: .*{said}"):
        FunctionSource(function, spec="py:mine").score(DIALOGUES)


def test_the_user_s_own_remedies_pass_through() -> None:
    def refuses(texts: list[tuple[str, str]]) -> list[float]:
        raise UsageError("set MY_TOKEN first")

    with pytest.raises(UsageError, match=r"^set MY_TOKEN first$"):
        FunctionSource(refuses).score(DIALOGUES)


def test_what_a_source_says_of_itself() -> None:
    plain = FunctionSource(longest)
    assert (plain.spec, plain.fingerprint, plain.scores_new_text) == ("py:longest", None, True)
    assert FunctionSource(functools.partial(longest)).spec == "py:partial"
    named = FunctionSource(longest, spec="py:v2", fingerprint="f00")
    assert (named.spec, named.fingerprint) == ("py:v2", "f00")
    assert isinstance(plain, RewardSource)


def test_what_a_fixture_may_return() -> None:
    source = FunctionSource(longest)
    assert as_source(source) is source
    assert as_source(longest).score(DIALOGUES).tolist() == [8.0, 3.0]
    for wrong, name in ((None, "NoneType"), ("recipe:tiny", "str"), (5, "int")):
        with pytest.raises(
            SourceError, match=f"reward_model .*{name} is not a reward source, .*missing"
        ):
            as_source(wrong)
