"""Paths to values in JSON: `$.data[*].score`, `$[0].x`, `$['a b']`."""

from __future__ import annotations

import re
from typing import Any

from rmcheck.errors import UsageError

_STEP = re.compile(r"\.(?P<name>[\w-]+)|\[(?P<index>-?\d+)\]|\[\*\](?P<all>)|\['(?P<key>[^']*)'\]")


class JsonPath:
    """A path of names, indices and `[*]`, the part of JSONPath (RFC 9535) that answers need.

    >>> JsonPath("$.data[*].score").values({"data": [{"score": 1}, {"score": 2}]})
    [1, 2]
    """

    def __init__(self, text: str, spec: str = "") -> None:
        self._text = text
        self._steps: list[str | int | None] = []
        place = 1
        if not text.startswith("$"):
            raise UsageError(f"{spec}: expected a path such as $.scores[*], got {text!r}")
        while place < len(text):
            found = _STEP.match(text, place)
            if found is None:
                raise UsageError(
                    f"{spec}: {text!r} at {text[place:]!r}: expected .NAME, ['NAME'], [NUMBER] or "
                    "[*]"
                )
            if found["all"] is not None:
                self._steps.append(None)
            elif found["index"] is not None:
                self._steps.append(int(found["index"]))
            else:
                self._steps.append(found["name"] if found["key"] is None else found["key"])
            place = found.end()

    def __str__(self) -> str:
        return self._text

    def values(self, document: Any) -> list[Any]:
        """All values that the path leads to, in order; a step that leads nowhere has none.

        A path without `[*]` that ends at a list gives the values of the list.
        """
        found = [document]
        for step in self._steps:
            found = [inner for value in found for inner in _inner(value, step)]
        if None not in self._steps and len(found) == 1 and isinstance(found[0], list):
            return list(found[0])
        return found


def _inner(value: Any, step: str | int | None) -> list[Any]:
    if step is None:
        return list(value.values() if isinstance(value, dict) else value) if _holds(value) else []
    if isinstance(step, int):
        known = isinstance(value, list) and -len(value) <= step < len(value)
        return [value[step]] if known else []
    return [value[step]] if isinstance(value, dict) and step in value else []


def _holds(value: Any) -> bool:
    return isinstance(value, dict | list)
