"""The keys of rows and the kinds of their values, by which a layout is recognised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

TEXT, NUMBER, TRUTH = "text", "number", "true or false"
TRANSCRIPT = "transcript"
"""A text with turns marked `Human:` and `Assistant:`."""
NUMERAL = "numeral"
"""A text that is a number, as tables have them."""
TEXTS, MESSAGES, OBJECTS, LIST = "texts", "messages", "objects", "list"
OBJECT, MESSAGE = "object", "message"

NUMBERS = (NUMBER, NUMERAL)
TRUTHS = (TRUTH, NUMBER, NUMERAL, TEXT)
TURNS = (MESSAGES, MESSAGE)
LISTS = (TEXTS, MESSAGES, OBJECTS, LIST)

_WORDS = {TEXT: "a text", NUMBER: "a number", TRUTH: "true or false", TRANSCRIPT: "a transcript",
          NUMERAL: "a number", TEXTS: "a list of texts", MESSAGES: "messages",
          OBJECTS: "a list of objects", LIST: "a list", OBJECT: "an object",
          MESSAGE: "a message"}  # fmt: skip


def kinds_of(value: Any) -> tuple[str, ...]:
    """The kinds of a value, the most specific one last; none for null.

    >>> kinds_of([{"role": "user", "content": "Hi"}])
    ('list', 'objects', 'messages')
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return _of_text(value)
    if isinstance(value, bool):
        return (TRUTH,)
    if isinstance(value, int | float):
        return (NUMBER,)
    if isinstance(value, dict):
        return (OBJECT, MESSAGE) if _is_message(value) else (OBJECT,)
    if isinstance(value, list | tuple):
        if value and all(isinstance(one, str) for one in value):
            return (LIST, TEXTS)
        if value and all(isinstance(one, dict) for one in value):
            return (LIST, OBJECTS, MESSAGES) if _is_message(value[0]) else (LIST, OBJECTS)
        return (LIST,)
    return (type(value).__name__,)


def _of_text(value: str) -> tuple[str, ...]:
    if "\n\nAssistant:" in value and value.lstrip().startswith("Human:"):
        return (TEXT, TRANSCRIPT)
    if 0 < len(value) <= 24 and not value[:1].isalpha():
        try:
            float(value)
        except ValueError:
            return (TEXT,)
        return (TEXT, NUMERAL)
    return (TEXT,)


def _is_message(value: Mapping[str, Any]) -> bool:
    return {"role", "content"} <= set(value) or {"from", "value"} <= set(value)


class Shape:
    """How many rows have which kinds of value under which keys."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self.rows = 0
        self.keys: dict[str, Counter[str]] = {}
        for row in rows:
            self.rows += 1
            for key, value in row.items():
                found = self.keys.setdefault(str(key), Counter())
                found.update(kinds_of(value))

    def share(self, key: str, kinds: Iterable[str]) -> float:
        """The largest share of rows whose value under the key is of one of the kinds."""
        found = self.keys.get(key)
        if not found or not self.rows:
            return 0.0
        # Kinds of one value are nested, so that no row may be counted for two of them.
        return max(found[kind] for kind in kinds) / self.rows

    def has(self, key: str) -> bool:
        """Whether any row has a value under the key."""
        return bool(self.keys.get(key))

    def said(self, key: str) -> str:
        """The kind of most values under a key, in words."""
        found = self.keys.get(key)
        if not found:
            return "null"
        most = max(found.values())
        kind = [name for name, count in found.items() if count == most][-1]
        return _WORDS.get(kind, kind)


def expected(kinds: Iterable[str]) -> str:
    """Kinds in words, for a message."""
    return " or ".join(dict.fromkeys(_WORDS.get(kind, kind) for kind in kinds))
