"""A condition on a pair as data: its place in `where:`, its value, and how people say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rmcheck.slices.conditions import ABOUT

SUITE = ("suite",)
"""The place of a condition on the suite, which chooses the file instead of being in `where:`."""

_SEVERAL = ("tags", "without_tags", "has")
_PARTS = {
    "prompt": "the prompt",
    "chosen": "the chosen response",
    "rejected": "the rejected response",
}
_MARKS = {"code": "code", "numbers": "a number", "markdown": "Markdown", "refusal": "a refusal"}


@dataclass(frozen=True)
class Condition:
    """One condition: `place` is its path of keys below `where:`, `value` what YAML has there.

    A value of `tags`, `without_tags` and `has` is one text; these can be in a slice several times.
    """

    place: tuple[str, ...]
    value: Any

    @property
    def key(self) -> tuple[Any, ...]:
        """What a slice can have once."""
        return (*self.place, self.value) if self.place[-1] in _SEVERAL else self.place

    def __str__(self) -> str:
        """In English.

        >>> print(Condition(("prompt", "words"), {"min": 40}))
        the prompt has 40 words or more
        """
        name, value = self.place[-1], self.value
        part = _PARTS.get(self.place[0], "")
        if name == "suite":
            return f"in suite '{value}'"
        if name == "tags":
            return f"tagged '{value}'"
        if name == "without_tags":
            return f"not tagged '{value}'"
        if name == "shorter":
            return f"the {value} response is the shorter one"
        if name == "words":
            return f"{part} has {_range(value)} words{_open(value)}"
        if name in _MARKS:
            return f"{part} contains {_MARKS[name] if value else _without(_MARKS[name])}"
        if name == "language":
            return f"{part} is in {'another language' if value == 'other' else value.title()}"
        if name == "script":
            return f"{part} is in {value} script" if value != "none" else f"{part} has no letter"
        if name == "question":
            return f"{part} asks {_QUESTIONS.get(value, repr(value))}"
        if name == "has":
            return f"{part} contains '{value}'"
        if name == "about":
            return f"{part} contains {ABOUT} or more of: {', '.join(value)}"
        if name == "length_ratio":
            said = f"{_range(value)} times as many words{_open(value)}"
            return f"the chosen response has {said} as the rejected one"
        if name == "same_start":
            return f"the responses share their first {_range(value)} words{_open(value)}"
        return f"the prompt has {_range(value)} messages{_open(value)}"


_QUESTIONS = {
    "yes_no": "a yes-or-no question",
    "other": "another kind of question",
    "none": "no question",
}


def _without(noun: str) -> str:
    return f"no {noun.removeprefix('a ')}"


def _range(value: dict[str, float]) -> str:
    if "min" in value and "max" in value:
        low, high = value["min"], value["max"]
        return f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return f"{value['min']:g}" if "min" in value else f"at most {value['max']:g}"


def _open(value: dict[str, float]) -> str:
    return " or more" if "max" not in value else ""


def where(conditions: Sequence[Condition]) -> dict[str, Any]:
    """The mapping of `where:` that selects the pairs for which all conditions hold.

    >>> where([Condition(("tags",), "a"), Condition(("tags",), "b"),
    ...        Condition(("prompt", "code"), True)])
    {'all_tags': ['a', 'b'], 'prompt': {'code': True}}
    """
    made: dict[str, Any] = {}
    for each in conditions:
        if each.place == SUITE:
            continue
        inner = made
        for step in each.place[:-1]:
            inner = inner.setdefault(step, {})
        name = each.place[-1]
        if name in _SEVERAL:
            inner.setdefault(name, []).append(each.value)
        else:
            inner[name] = list(each.value) if isinstance(each.value, tuple) else each.value
    if len(made.get("tags", ())) > 1:
        made = {"all_tags": made.pop("tags"), **made}
    return made


def said(conditions: Sequence[Condition]) -> str:
    """Several conditions in English, as one clause."""
    return ", ".join(map(str, conditions))
