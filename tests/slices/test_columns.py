"""A column is true of just the pairs that its `where:` selects in a suite."""

from __future__ import annotations

import builtins
import importlib.util
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from rmcheck.checks import Slice
from rmcheck.slices import topics as topics_module
from rmcheck.slices.columns import columns
from rmcheck.slices.condition import SUITE, Condition, said, where
from rmcheck.slices.conditions import asked
from rmcheck.slices.phrases import phrases
from rmcheck.slices.topics import topics

from .planted import shipped_columns, shipped_pairs

READ: TypeAdapter[Slice] = TypeAdapter(Slice)


def selected(conditions: list[Condition]) -> list[bool]:
    read = READ.validate_python(where(conditions))
    return [read.holds(pair) for pair in shipped_pairs()[0]]


def test_each_column_is_what_a_suite_selects() -> None:
    found = shipped_columns()
    kinds = {condition.place for condition in found.conditions}
    assert {("tags",), ("prompt", "words"), ("rejected", "has"), ("length_ratio",)} <= kinds
    rng = np.random.default_rng(0)
    # Words are many and alike, and so are ranges.
    rare = {"has": 0.05, "words": 0.3, "without_tags": 0.1, "tags": 0.3}
    some = [
        place
        for place, condition in enumerate(found.conditions)
        if condition.place != SUITE and rng.random() < rare.get(condition.place[-1], 1.0)
    ]
    for place in some:
        condition = found.conditions[place]
        assert selected([condition]) == found.table[:, place].tolist(), str(condition)


def test_a_conjunction_is_what_a_suite_selects() -> None:
    found = shipped_columns()
    rng = np.random.default_rng(1)
    usable = [k for k, condition in enumerate(found.conditions) if condition.place != SUITE]
    tags = [k for k in usable if found.conditions[k].place[-1].endswith("tags")]
    words = [k for k in usable if found.conditions[k].place[-1] == "has"]
    for pool in (usable, tags, words):
        for _ in range(15):
            some = rng.choice(pool, 3, replace=False).tolist()
            conditions = [found.conditions[k] for k in some]
            if len({condition.key for condition in conditions}) == 3:
                assert selected(conditions) == found.table[:, some].all(axis=1).tolist()


def test_no_two_columns_are_the_same_and_none_is_nearly_empty() -> None:
    table = shipped_columns().table
    assert len(np.unique(table, axis=1).T) == table.shape[1]
    assert table.sum(axis=0).min() >= 8
    assert (~table).sum(axis=0).min() >= 8


def test_without_words_no_text_is_shown() -> None:
    found = shipped_columns(with_words=False)
    assert not {"has", "about"} & {condition.place[-1] for condition in found.conditions}


def test_phrases_are_counted_by_texts_and_the_most_common_left_out() -> None:
    texts = ["the cat sat", "the cat ran", "the dog sat", "the cow"]
    found = {
        condition.value: column.tolist()
        for condition, column in phrases({"prompt": texts * 3, "chosen": [], "rejected": []}, 3)
    }
    # "the" is in all texts, "cat" and "sat" in half of them, more than 30 %.
    assert set(found) == {"ran", "cat sat", "cat ran", "dog", "dog sat", "the dog", "cow",
                          "the cow"}  # fmt: skip
    assert found["dog sat"] == [False, False, True, False] * 3


@pytest.mark.ci
def test_topics_are_rules_that_a_suite_can_say() -> None:
    pytest.importorskip("sklearn")
    pairs, _ = shipped_pairs()
    found, left_out = topics([asked(pair.prompt) for pair in pairs])
    assert not left_out
    assert len(found) >= 10
    for condition, column in found:
        assert condition.place == ("prompt", "about")
        assert selected([condition]) == column.tolist()
    again, _ = topics([asked(pair.prompt) for pair in pairs])
    assert [condition for condition, _ in again] == [condition for condition, _ in found]


def test_without_scikit_learn_topics_are_left_out_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real: Any = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sklearn" else real(name)
    )
    imported = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        assert not name.startswith("sklearn")
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    assert topics_module.topics(["a"] * 100) == (
        [],
        "topics need scikit-learn: pip install 'rmcheck[slices]'",
    )
    pairs, suites = shipped_pairs()
    assert "rmcheck[slices]" in columns(pairs[:40], suites[:40], with_topics=True).left_out


def test_a_message_prompt_counts_as_its_contents() -> None:
    pair = shipped_pairs()[0][0]
    turns = columns([replace(pair, id=str(k)) for k in range(20)], [("a",)] * 20)
    assert turns.conditions == ()  # every pair is the same, so nothing splits them


def test_conditions_are_said_in_english() -> None:
    some = [
        Condition(("tags",), "x"),
        Condition(("prompt", "code"), False),
        Condition(("chosen", "words"), {"min": 10, "max": 20}),
        Condition(("rejected", "words"), {"max": 5}),
        Condition(("length_ratio",), {"min": 1.5}),
        Condition(("prompt", "question"), "yes_no"),
        Condition(("prompt", "about"), ("bread", "oven")),
    ]
    assert said(some) == (
        "tagged 'x', the prompt contains no code, the chosen response has 10 to 20 words, the "
        "rejected response has at most 5 words, the chosen response has 1.5 times as many words "
        "or more as the rejected one, the prompt asks a yes-or-no question, the prompt contains 2 "
        "or more of: bread, oven"
    )
