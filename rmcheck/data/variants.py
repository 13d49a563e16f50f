"""The variants of a pair, and prompts of messages, as a row of our own layout has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from rmcheck.data.dialogue import Message, Promise, Prompt, Variant, extra_keys
from rmcheck.errors import did_you_mean

_TEXTS = ("chosen", "rejected", "prompt")
_KEYS = ("name", "promise", *_TEXTS)
_PROMISES: tuple[Promise, ...] = get_args(Promise)
_EXAMPLE = '[{"name": text, "promise": "preserves", "chosen": text}]'

Note = Callable[[str], None]
"""Notes a mistake of the row."""


def read_messages(value: Sequence[Any], key: str, note: Note) -> Prompt:
    """A prompt that is a list of messages; an empty text, with its mistake noted, otherwise."""
    if not value:
        note(f"{key}: expected at least one message, got an empty list")
    turns: list[Message] = []
    for turn in value:
        if (
            not isinstance(turn, dict)
            or not isinstance(turn.get("role"), str)
            or not isinstance(turn.get("content"), str)
        ):
            note(f'{key}: expected a list of objects {{"role": text, "content": text}}')
            return ""
        extra = extra_keys(turn, ("role", "content"))
        turns.append(Message(turn["role"], turn["content"], extra))
    return tuple(turns)


def read_variants(value: Any, note: Note) -> tuple[Variant, ...]:
    """The variants under the key `variants`; every mistake in them is noted."""
    if value is None:
        return ()
    if not isinstance(value, list):
        note(f"variants: expected a list {_EXAMPLE}, got {str(value)[:40]!r}")
        return ()
    found: list[Variant] = []
    for number, given in enumerate(value):
        if not isinstance(given, Mapping):
            note(f"variants[{number}]: expected an object, as in {_EXAMPLE}, got {given!r:.40}")
            continue
        variant = _variant(given, f"variants[{number}]", note)
        if variant.name and any(variant.name == other.name for other in found):
            note(f"variants[{number}].name: duplicate name '{variant.name}'; use another name")
        found.append(variant)
    return tuple(found)


def _variant(given: Mapping[str, Any], place: str, note: Note) -> Variant:
    for key in given:
        if key not in _KEYS:
            note(f"{place}: unknown key '{key}', {did_you_mean(str(key), _KEYS)}")
    name, promise = given.get("name"), given.get("promise")
    if not isinstance(name, str) or not name:
        note(f"{place}.name: expected a text such as 'back_translation', got {name!r:.40}")
        name = ""
    if promise not in _PROMISES:
        note(f"{place}.promise: expected {', '.join(_PROMISES)}, got {promise!r:.40}")
        promise = _PROMISES[0]
    if all(given.get(key) is None for key in _TEXTS):
        note(f"{place}: expected at least one of {', '.join(_TEXTS)}, with the changed text")
    prompt = given.get("prompt")
    return Variant(
        name=name,
        promise=promise,
        chosen=_text(given.get("chosen"), f"{place}.chosen", note),
        rejected=_text(given.get("rejected"), f"{place}.rejected", note),
        prompt=read_messages(prompt, f"{place}.prompt", note)
        if isinstance(prompt, list)
        else _text(prompt, f"{place}.prompt", note),
    )


def _text(value: Any, place: str, note: Note) -> str | None:
    if value is None or isinstance(value, str):
        return value
    note(f"{place}: expected text, got {type(value).__name__} {str(value)[:40]!r}")
    return None
