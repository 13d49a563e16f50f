"""Earlier turns in a column of their own: `history` beside a prompt."""

from __future__ import annotations

from typing import Any

from rmcheck.data.dialogue import Message, Prompt
from rmcheck.data.layouts import texts
from rmcheck.data.layouts.layout import NotAPair

HISTORY = "history"
_FORMS = "pairs of question and answer ([[…, …], …]), or messages"


def with_history(given: Any, prompt: Prompt) -> Prompt:
    """A prompt with the turns of `history` before it, unless it begins with them.

    Raises
    ------
    NotAPair
        If the history is neither pairs of texts nor messages.
    """
    before = _turns(given)
    if not before:
        return prompt
    turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    if turns[: len(before)] == before:
        return turns
    if turns[0].role == "system":
        return (turns[0], *before, *turns[1:])
    return (*before, *turns)


def _turns(given: Any) -> tuple[Message, ...]:
    given = texts.parsed(given)
    if given is None or given == [] or (isinstance(given, str) and not given.strip()):
        return ()
    if not isinstance(given, list | tuple):
        raise NotAPair(f"history: expected {_FORMS}, got {str(given)[:40]!r}")
    if all(isinstance(one, dict) for one in given):
        turns = texts.messages(HISTORY, given)
        if turns[-1].role == "user":
            raise NotAPair("history ends with a turn of the user, which has no answer")
        return turns
    found: list[Message] = []
    for index, one in enumerate(given):
        if not isinstance(one, list | tuple) or len(one) != 2:
            raise NotAPair(f"history[{index}]: expected {_FORMS}, got {str(one)[:40]!r}")
        for role, said in zip(("user", "assistant"), one, strict=True):
            found.append(Message(role, texts.text(f"history[{index}]", said)))
    return tuple(found)
