"""Columns beside the prompt whose text belongs to it, and columns that nothing reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from rmcheck.data.layouts import texts

PROMPT_COLUMNS = (
    "input", "instruction", "question", "query", "history", "context", "document", "passage",
    "post", "conversation", "conversations", "system", "system_prompt", "tools", "functions",
)  # fmt: skip
"""Columns that are a part of the prompt wherever they have more than a label."""
WORDS = 3
"""A text of fewer words is a label, such as `context: kitchen`."""
_READ = ("prompt", "chosen", "rejected", "responses", "response", "messages")


def unread(
    values: Mapping[str, Any], asked_by: Collection[str], columns: Mapping[str, str]
) -> str | None:
    """Why a row is not understood: a column with text that belongs to the prompt; None if none has.

    Text that the prompt or the answers have as well is not lost. Whoever maps `prompt` says which
    column is the prompt.

    Parameters
    ----------
    asked_by
        The columns that the layout reads.
    columns
        Our keys to the file's columns, as the user mapped them.
    """
    alpaca = columns.get("prompt") == "instruction"
    names = ("input",) if alpaca else () if "prompt" in columns else PROMPT_COLUMNS
    for key in names:
        given = values.get(key)
        if not given or key in asked_by or not _says_something(given):
            continue
        held = "".join("".join(strings(values.get(each))) for each in _READ)
        if all(_squeezed(one) in _squeezed(held) for one in strings(texts.parsed(given))):
            continue
        remedy = _remedy(key, values, alpaca)
        return f"the key '{key}' has text of the prompt that would be ignored; {remedy}"
    return None


def _remedy(key: str, values: Mapping[str, Any], alpaca: bool) -> str:
    if alpaca:
        return "leave 'prompt' out of 'columns', and the layout alpaca reads both"
    if key in ("tools", "functions"):
        return "write them into a message of the prompt with the role system, or remove the key"
    if "prompt" not in values:
        return "put it into the messages of both sides, or remove the key"
    return (
        "put it into 'prompt'; if 'prompt' is all that a model sees, remove the key, or say so in "
        "the suite with columns: {prompt: prompt}"
    )


def _says_something(given: Any) -> bool:
    if isinstance(given, str) and texts.parsed(given) is given:
        return len(given.split()) >= WORDS or len(given) > 24
    return any(one.strip() for one in strings(texts.parsed(given)))


def strings(value: Any) -> Iterator[str]:
    """Every text in a value, without the roles of messages."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if key not in ("role", "from", "type"):
                yield from strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from strings(one)


def _squeezed(text: str) -> str:
    return "".join(text.split())
