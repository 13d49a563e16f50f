"""Votes of Chatbot Arena and MT-Bench (Zheng et al. 2023, arXiv:2306.05685; Chiang et al. 2024,
arXiv:2403.04132), and the first 55k as a competition published them."""

from __future__ import annotations

from typing import Any

from rmcheck.data.layouts import shape, texts
from rmcheck.data.layouts.layout import Item, Layout, NoPreference, NotAPair, Values, each, name_of
from rmcheck.data.layouts.votes import named, voted

_WINNERS = {"model_a": 0, "model_b": 1}
_HISTORIES = "the models answered earlier turns differently, so the answers share no prompt"


def _conversations(row: Values) -> list[Item]:
    """Two conversations; those of several turns share a prompt only where the answers agree."""
    winner = named("winner", row.get("winner"), _WINNERS)
    before, first = texts.answer("conversation_a", texts.parsed(row.get("conversation_a")))
    other, second = texts.answer("conversation_b", texts.parsed(row.get("conversation_b")))
    if before != other:
        raise (
            NoPreference(_HISTORIES)
            if _same_questions(before, other)
            else NotAPair("conversation_a and conversation_b ask different questions")
        )
    if not before:
        raise NotAPair("conversation_a has no turn before the answer")
    prompt = before[0].content if len(before) == 1 and not before[0].extra else before
    tags = texts.tags(row, "language", "turn")
    # In MT-Bench it is the number of a question, on which several judges vote.
    battle = row.get("question_id")
    name = name_of(row) or (battle if isinstance(battle, str) else None)
    return [voted(prompt, first, second, winner, name=name, tags=tags)]


def _same_questions(before: Any, other: Any) -> bool:
    asked = [[turn for turn in turns if turn.role != "assistant"] for turns in (before, other)]
    return bool(asked[0] == asked[1])


def _columns(row: Values) -> list[Item]:
    """Turns as lists, often as JSON text, and a column for each outcome."""
    prompts, first, second = (
        texts.texts(key, texts.parsed(row.get(key)))
        for key in ("prompt", "response_a", "response_b")
    )
    if not len(prompts) == len(first) == len(second):
        raise NotAPair("prompt, response_a and response_b have different numbers of turns")
    outcomes = [texts.truth(key, row.get(key)) for key in _OUTCOMES]
    if sum(outcomes) != 1:
        raise NotAPair(f"expected one of {', '.join(_OUTCOMES)}")
    if outcomes[2]:
        raise NoPreference("the vote is a tie")
    if first[:-1] != second[:-1]:
        raise NoPreference(_HISTORIES)
    turns: list[dict[str, str]] = []
    for asked, said in zip(prompts[:-1], first[:-1], strict=True):
        turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    last = {"role": "user", "content": prompts[-1]}
    prompt = texts.prompt([*turns, last]) if turns else prompts[-1]
    return [voted(prompt, first[-1], second[-1], outcomes.index(True), name=name_of(row))]


_OUTCOMES = ("winner_model_a", "winner_model_b", "winner_tie")
_TURNS = (shape.MESSAGES, shape.TEXT)

CONVERSATIONS = Layout(
    name="arena",
    about="votes of Chatbot Arena or MT-Bench on two conversations",
    needs={"conversation_a": _TURNS, "conversation_b": _TURNS, "winner": (shape.TEXT,)},
    read=each(_conversations),
    hub=("lmsys/chatbot_arena_conversations", "lmarena-ai/arena-human-preference-100k"),
)
COLUMNS = Layout(
    name="arena-55k",
    about="votes of Chatbot Arena, a column for each outcome",
    needs={
        "prompt": (shape.TEXT, shape.TEXTS),
        "response_a": (shape.TEXT, shape.TEXTS),
        "response_b": (shape.TEXT, shape.TEXTS),
        "winner_model_a": shape.TRUTHS,
        "winner_model_b": shape.TRUTHS,
        "winner_tie": shape.TRUTHS,
    },
    read=each(_columns),
    hub=("lmarena-ai/arena-human-preference-55k", "lmsys/lmsys-arena-human-preference-55k"),
)
