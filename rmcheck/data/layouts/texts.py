"""Texts, messages and numbers of a row, each refused with its field where it is not one."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rmcheck.data.dialogue import Message, Prompt, extra_keys
from rmcheck.data.layouts.layout import NotAPair, Values

_ROLES = {
    "human": "user", "prompter": "user", "gpt": "assistant", "model": "assistant",
    "bot": "assistant", "chatgpt": "assistant", "bing": "assistant", "bard": "assistant",
}  # fmt: skip
_PLAIN = ("user", "assistant", "system")
MEDIA = (
    "images", "image", "audio", "audios", "video", "videos", "image_url", "image_urls",
    "image_path", "image_paths", "audio_path", "video_path",
)  # fmt: skip
"""Keys of a row with what is not text."""

_KNOWN = ("role", "content", "from", "value")
_TEXT_PARTS = ("text", "input_text", "output_text")


def text(where: str, value: Any) -> str:
    """A text, or the text parts of a message joined; NotAPair with the reason if it is neither."""
    if isinstance(value, str):
        return value
    if value is None:
        raise NotAPair(f"{where} is null")
    if isinstance(value, Sequence) and value and not isinstance(value, bytes):
        return "".join(_part(where, part) for part in value)
    raise NotAPair(f"{where}: expected a text, got {_shown(value)}")


def _part(where: str, part: Any) -> str:
    if not isinstance(part, Mapping):
        raise NotAPair(f"{where}: expected a text, got a list with {_shown(part)}")
    kind = part.get("type", "text" if "text" in part else None)
    if kind in _TEXT_PARTS and isinstance(part.get("text"), str):
        return str(part["text"])
    if kind is None:
        raise NotAPair(f"{where}: expected a text, got a list of {_shown(part)}")
    raise NotAPair(f"{where}: a part of type {kind!r}, and only text can be scored")


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "an empty list" if not value else f"a list with {_shown(value[0])}"
    return {"NoneType": "null", "dict": "an object"}.get(type(value).__name__, repr(value)[:40])


def texts(where: str, value: Any) -> list[str]:
    """A list of texts, or one text as a list of one."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list | tuple) or not value:
        raise NotAPair(f"{where}: expected a list of texts, got {_shown(value)}")
    return [text(f"{where}[{index}]", one) for index, one in enumerate(value)]


def message(where: str, turn: Any) -> Message:
    """A turn as a message: `role` and `content`, or `from` and `value`."""
    if type(turn) is dict and len(turn) == 2:  # most messages, without the cost of the rest
        role, content = turn.get("role"), turn.get("content")
        if role in _PLAIN and isinstance(content, str):
            return Message(role, content)
    if not isinstance(turn, Mapping):
        raise NotAPair(f"{where}: expected a message, got {_shown(turn)}")
    role = turn.get("role") if turn.get("role") is not None else turn.get("from")
    if not isinstance(role, str) or not role:
        raise NotAPair(f"{where}: a message without a role")
    content = turn.get("content") if turn.get("content") is not None else turn.get("value")
    extra = extra_keys(turn, _KNOWN)
    if content is None and turn.get("tool_calls"):
        content = ""
    role = role.lower() if role.lower() in (*_ROLES, "user", "assistant", "system") else role
    return Message(_ROLES.get(role, role), text(f"{where}.content", content), extra)


def messages(where: str, value: Any) -> tuple[Message, ...]:
    """A list of messages, at least one."""
    if not isinstance(value, list | tuple) or not value:
        raise NotAPair(f"{where}: expected messages, got {_shown(value)}")
    return tuple(message(f"{where}[{index}]", turn) for index, turn in enumerate(value))


def prompt(value: Any, where: str = "prompt") -> Prompt:
    """A prompt: a text, or messages that do not end with a turn of the assistant."""
    if isinstance(value, str) or value is None:
        return text(where, value)
    if isinstance(value, list | tuple) and not value:
        raise NotAPair(f"{where} has no messages")
    turns = messages(where, [value] if isinstance(value, Mapping) else value)
    if turns[-1].role == "assistant":
        raise NotAPair(f"{where} ends with a turn of the assistant")
    return turns


def answer(where: str, value: Any) -> tuple[tuple[Message, ...], str]:
    """The turns before an answer, and the answer, from a text, a message or messages."""
    if isinstance(value, str) or value is None:
        return (), text(where, value)
    turns = messages(where, [value] if isinstance(value, Mapping) else value)
    last = turns[-1]
    if last.role != "assistant":
        raise NotAPair(f"{where} ends with a turn of {last.role!r}")
    for key in ("tool_calls", "function_call"):
        if f'"{key}": ' in last.extra:
            raise NotAPair(f"{where}: the answer has {key}, and only text can be scored")
    return turns[:-1], last.content


def sides(given: Any, chosen: Any, rejected: Any) -> tuple[Prompt, str, str]:
    """Prompt and both responses, where both sides continue the same conversation.

    Each side is a text, a message, or the messages up to and with the answer. The common start
    of both sides is the prompt; a prompt of its own comes before it, or repeats it.

    Raises
    ------
    NotAPair
        If the sides share no prompt.
    """
    before, good = answer("chosen", chosen)
    other, bad = answer("rejected", rejected)
    if before != other:
        raise NotAPair("chosen and rejected continue different conversations")
    if not before:
        if given is None:
            raise NotAPair("no prompt: neither a key nor messages before the answer")
        return prompt(given), good, bad
    if before[-1].role == "assistant":
        raise NotAPair("the turn before the answer is the assistant's own")
    asked: Prompt = before
    if given:
        asked = given if isinstance(given, str) else messages("prompt", given)
    if asked == before or (isinstance(asked, str) and _same(asked, before)):
        return before if before[0].role == "system" else asked, good, bad
    if isinstance(asked, str) or before[: len(asked)] == asked:
        raise NotAPair("the prompt and the messages before the answer are different conversations")
    return (*asked, *before), good, bad


def _same(asked: str, before: Sequence[Message]) -> bool:
    """Whether a prompt of text is the one question of messages, with a system's turn or without."""
    turns = before[1:] if before[0].role == "system" else before
    return len(turns) == 1 and turns[0] == Message("user", asked)


_SPACES = re.compile(r"\S+\s*$")


def common_start(chosen: str, rejected: str) -> tuple[str, str, str]:
    """Two texts as their common start, which is the prompt, and what follows it on each side.

    As TRL's implicit prompts [1]_, but a word that only begins alike stays whole in the responses.
    White space between prompt and response belongs to neither.

    References
    ----------
    .. [1] TRL, "Dataset formats and types", huggingface.co/docs/trl/dataset_formats

    >>> common_start("The sky is blue.", "The sky is black.")
    ('The sky is', 'blue.', 'black.')

    Raises
    ------
    NotAPair
        If the texts have no common start.
    """
    length = min(len(chosen), len(rejected))
    end = next((at for at in range(length) if chosen[at] != rejected[at]), length)
    if not all(side[end : end + 1].isspace() or end == len(side) for side in (chosen, rejected)):
        start = chosen[:end]
        whole = start[-1:].isspace() or not start
        found = None if whole else _SPACES.search(start)
        end = end if whole else (found.start() if found else 0)
    start = chosen[:end]
    if not start.strip():
        raise NotAPair("chosen and rejected have no common start, which would be the prompt")
    kept = len(start.rstrip())
    return start[:kept], chosen[end:].lstrip(), rejected[end:].lstrip()


def number(where: str, value: Any) -> float:
    """A finite number; of a table, a text may be one."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise NotAPair(f"{where}: expected a number, got {value[:40]!r}") from None
    if value is None:
        raise NotAPair(f"{where} is null")
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise NotAPair(f"{where}: expected a number, got {_shown(value)}")
    return found


def choice(where: str, value: Any, count: int = 2) -> int:
    """An index below `count`."""
    found = number(where, int(value) if isinstance(value, bool) else value)
    if found != int(found) or not 0 <= found < count:
        raise NotAPair(f"{where}: expected a number from 0 to {count - 1}, got {value!r}")
    return int(found)


def truth(where: str, value: Any) -> bool:
    """A truth value; of a table, a text or a number may be one."""
    known = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
    found = known.get(str(value).lower())
    if found is None:
        raise NotAPair(f"{where}: expected true or false, got {_shown(value)}")
    return found


def tags(values: Values, *keys: str) -> list[str]:
    """A tag `key:value` for each of the keys that has a short text, a number or a truth value."""
    found: list[str] = []
    for key in keys:
        value = values.get(key)
        found.extend(
            f"{key}:{one}"
            for one in (value if isinstance(value, list) else [value])
            if isinstance(one, str | int | float) and one != "" and len(str(one)) <= 80
        )
    return found


def refuse_media(values: Values) -> None:
    """Raise NotAPair for a row with images or the like."""
    for key in MEDIA:
        if values.get(key) not in (None, "", [], {}):
            raise NotAPair(f"the row has {key}, and only text can be scored")


def parsed(value: Any) -> Any:
    """A list or an object that is written as JSON text; anything else as it is."""
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
