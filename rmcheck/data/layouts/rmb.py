"""RMB (Zhou et al. 2024, arXiv:2410.09893; github.com/Zhou-Zoey/RMB-Reward-Model-Benchmark).

Pairs, and sets of one best response and several worse ones, to a conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import (
    Item,
    Layout,
    NotAPair,
    Values,
    each,
    name_of,
    pair,
    response_set,
)

GOALS = ("Helpfulness", "Harmlessness")


def _pairs(row: Values) -> list[Item]:
    good, bad = (_answer(side, row.get(side)) for side in ("chosen", "reject"))
    name = name_of(row, "pair_uid")
    return [pair(_prompt(row), good, bad, name=name, tags=_tags(row))]


def _best_of_n(row: Values) -> list[Item]:
    losers = row.get("loser_list")
    if not isinstance(losers, list | tuple) or not losers:
        raise NotAPair("loser_list: expected the worse responses")
    answers = [
        _answer("bon_best", row.get("bon_best")),
        *(_answer(f"loser_list[{index}]", one) for index, one in enumerate(losers)),
    ]
    name = name_of(row, "bon_uid")
    return [response_set(_prompt(row), answers, [0], name=name, tags=_tags(row))]


def _answer(where: str, value: Any) -> str:
    return texts.text(where, value.get("answer") if isinstance(value, Mapping) else value)


def _prompt(row: Values) -> Any:
    return texts.prompt(row.get("conversation_input"), "conversation_input")


def _tags(row: Values) -> list[str]:
    """The path of categories, and the goal, which is its first part or follows the set's name."""
    path = row.get("category_path")
    found = texts.tags({"category": path}, "category")
    parts = path.strip("/").split("/") if isinstance(path, str) else []
    goal = next((part for part in parts if part in GOALS), parts[0] if parts else "")
    return [*found, *([f"goal:{goal}"] if goal else [])]


PAIRS = Layout(
    name="rmb",
    about="RMB, pairs",
    needs={
        "conversation_input": (shape.MESSAGES, shape.TEXT),
        "chosen": (shape.OBJECT,),
        "reject": (shape.OBJECT,),
    },
    read=each(_pairs),
)
BEST_OF_N = Layout(
    name="rmb-best-of-n",
    about="RMB, best of n",
    needs={
        "conversation_input": (shape.MESSAGES, shape.TEXT),
        "bon_best": (shape.OBJECT,),
        "loser_list": (shape.OBJECTS,),
    },
    read=each(_best_of_n),
)
