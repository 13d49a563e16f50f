"""One row as a preference pair or a response set, with every mistake in it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from rmcheck.data.dialogue import (
    PreferencePair,
    Prompt,
    ResponseSet,
    prompt_group,
    shared_prompt,
)
from rmcheck.data.label import read_labels
from rmcheck.data.rows import Row
from rmcheck.data.unread import PROMPT_COLUMNS, unread
from rmcheck.data.variants import read_messages, read_variants
from rmcheck.errors import Problem, did_you_mean, nearest
from rmcheck.wording import counted

PAIR_KEYS = (
    "id", "prompt", "chosen", "rejected", "group", "tags", "confidence", "ratings", "variants",
    "objectives",
)  # fmt: skip
LIST_KEYS = ("id", "prompt", "response", "responses", "group", "tags")
SET_KEYS = ("id", "prompt", "responses", "best", "group", "tags", "ratings")
LARGEST = sys.float_info.max
_OF = {
    "responses": " of texts",
    "best": " of indices (0 is the first response)",
    "tags": " of texts",
    "ratings": " of numbers, one for each response",
}
"""What the lists of a row hold."""


def read_item(
    row: Row, columns: Mapping[str, str], problems: list[Problem]
) -> PreferencePair | ResponseSet | None:
    """The pair or set in a row; None, with its mistakes added to `problems`, if it has any."""
    plain = plain_pair(row.values)
    if plain is not None:
        return plain
    reader = _Reader(row, columns)
    item = reader.response_set() if "responses" in row.values else reader.pair()
    problems.extend(reader.problems)
    return None if reader.problems else item


def plain_pair(values: Mapping[str, Any]) -> PreferencePair | None:
    """The pair of a row without anything unusual; None leaves the row to `_Reader`.

    Most rows of most files are plain, and this takes a fifth of the time.
    """
    get = values.get
    name, prompt, chosen, rejected = get("id"), get("prompt"), get("chosen"), get("rejected")
    group, tags = get("group"), get("tags")
    if not (
        type(name) is str
        and type(prompt) is str
        and type(chosen) is str
        and type(rejected) is str
        and name
        and (values.keys() <= _PLAIN_KEYS or _harmless(values))
    ):
        return None
    if group is None:
        prompt, group = shared_prompt(prompt)
    elif type(group) is not str or not group:
        return None
    if tags is None:
        return PreferencePair.plain(name, prompt, chosen, rejected, group, ())
    if type(tags) is not list or not {*map(type, tags)} <= _TEXT:
        return None
    return PreferencePair.plain(name, prompt, chosen, rejected, group, _interned(tuple(tags)))


def _harmless(values: Mapping[str, Any]) -> bool:
    """Whether the other keys of a row are neither ours nor like one of ours."""
    others = values.keys() - _PLAIN_KEYS
    return not any(key in _CAREFUL or _resembles(key, PAIR_KEYS) for key in others)


@lru_cache(maxsize=4_096)
def _interned(tags: tuple[str, ...]) -> tuple[str, ...]:
    """The tags of a row; rows with the same tags mostly share one object."""
    return tuple(map(sys.intern, tags))


def read_responses(
    row: Row, problems: list[Problem]
) -> tuple[str, Prompt, tuple[str, ...], str, tuple[str, ...]] | None:
    """Id, prompt, responses, group and tags of a row without labels; id and group may be empty.

    None, with its mistakes added to `problems`, if it has any.
    """
    reader = _Reader(row, {})
    found = reader.responses()
    problems.extend(reader.problems)
    return None if reader.problems else found


_PLAIN_KEYS = frozenset({"id", "prompt", "chosen", "rejected", "group", "tags"})
_TEXT = {str}
_SYSTEM = ("system", "system_prompt")
_CAREFUL = frozenset(
    {"confidence", "ratings", "responses", "variants", "objectives", *PROMPT_COLUMNS}
)


class _Reader:
    """Reads one row, noting each mistake instead of stopping at the first."""

    def __init__(self, row: Row, columns: Mapping[str, str]) -> None:
        self.row = row
        self.columns = columns
        self.problems: list[Problem] = []

    def pair(self) -> PreferencePair:
        self._known(PAIR_KEYS)
        prompt = self._prompt()
        confidence = self._number("confidence", self.row.values.get("confidence"))
        if confidence is not None and not 0.5 <= confidence <= 1:
            self._note(f"confidence={confidence} is outside [0.5, 1]")
        return PreferencePair(
            id=self._id(),
            prompt=prompt,
            chosen=self._text("chosen", empty=True),
            rejected=self._text("rejected", empty=True),
            group=self._group(prompt),
            tags=self._tags(),
            confidence=confidence,
            ratings=self._pair_ratings(),
            variants=read_variants(self.row.values.get("variants"), self._note),
            objectives=read_labels(self.row.values.get("objectives"), self._note),
        )

    def response_set(self) -> ResponseSet:
        self._known(SET_KEYS)
        prompt = self._prompt()
        responses = self._list("responses", str)
        best = self._list("best", int)
        if len(responses) < 2:
            self._note("responses: expected at least two texts")
        if not best or any(not 0 <= index < len(responses) for index in best):
            self._note(f"best={best}: expected the index of one response or more (0 is the first)")
        given = self.row.values.get("ratings")
        ratings = None if given is None else self._list("ratings", (int, float))
        if ratings is not None and len(ratings) != len(responses):
            self._note(
                f"ratings: expected one for each response, got {counted(len(ratings), 'rating')} "
                f"for {counted(len(responses), 'response')}"
            )
        floats = [self._number("ratings", rating) or 0.0 for rating in ratings or ()]
        return ResponseSet(
            id=self._id(),
            prompt=prompt,
            responses=tuple(responses),
            best=tuple(best),
            group=self._group(prompt),
            tags=self._tags(),
            ratings=None if ratings is None else tuple(floats),
        )

    def responses(self) -> tuple[str, Prompt, tuple[str, ...], str, tuple[str, ...]]:
        self._known(LIST_KEYS)
        values = self.row.values
        if "response" in values and "responses" in values:
            self._note("expected 'response' or 'responses', got both; remove one")
        given = (
            tuple(self._list("responses", str))
            if "responses" in values
            else (self._text("response", empty=True),)
        )
        if not given:
            self._note("responses: expected at least one text")
        return (
            self._id() if "id" in values else "",
            self._prompt(),
            given,
            "" if values.get("group") is None else self._text("group"),
            self._tags(),
        )

    def _note(self, message: str) -> None:
        self.problems.append(Problem(self.row.path, self.row.line, 1, message))

    def _known(self, allowed: Sequence[str]) -> None:
        """Other columns are allowed; one that looks like a misspelt key is a mistake."""
        for key in self.row.values:
            if key not in allowed and _resembles(key, tuple(allowed)):
                self._note(f"unknown key '{key}', {did_you_mean(key, allowed)}")

    def _text(self, key: str, *, empty: bool = False) -> str:
        value = self.row.values.get(key)
        if value is None and key in self.columns:
            self._note(f"the column '{self.columns[key]}' (columns: {key}) is missing")
        elif value is None:
            self._note(f"the key '{key}' is missing")
        elif not isinstance(value, str):
            self._note(f"{key} must be text, got {type(value).__name__} {str(value)[:40]!r}")
        elif not value and not empty:
            self._note(f"{key} is empty")
        return value if isinstance(value, str) else ""

    def _id(self) -> str:
        """The id; a whole number is as good as its digits."""
        value = self.row.values.get("id")
        whole = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, float):
            self._note(f"id must be text or a whole number, got {value!r}; write it as text")
            return ""
        return str(value) if whole else self._text("id")

    def _prompt(self) -> Prompt:
        value = self.row.values.get("prompt")
        for key in _SYSTEM:
            given = self.row.values.get(key)
            if isinstance(given, str) and given:
                self._note(
                    f"the key '{key}' would be ignored; put it into 'prompt' as a message with the "
                    "role system, or name 'layout: trl', which reads it"
                )
        said = unread(self.row.values, _SYSTEM, self.columns)
        if said is not None:
            self._note(said)
        if not isinstance(value, list):
            return self._text("prompt", empty=True)
        return read_messages(value, "prompt", self._note)

    def _group(self, prompt: Prompt) -> str:
        given = self.row.values.get("group")
        return prompt_group(prompt) if given is None else self._text("group")

    def _tags(self) -> tuple[str, ...]:
        return () if self.row.values.get("tags") is None else tuple(self._list("tags", str))

    def _list(self, key: str, kind: type | tuple[type, ...]) -> list[Any]:
        value = self.row.values.get(key)
        good = isinstance(value, list) and all(
            isinstance(entry, kind) and not isinstance(entry, bool) for entry in value
        )
        if not good:
            self._note(f"{key} must be a list{_OF.get(key, '')}, got {str(value)[:40]!r}")
            return []
        return list(value or [])

    def _number(self, key: str, value: Any) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._note(f"{key} must be a number, got {str(value)[:40]!r}")
            return None
        if not abs(value) <= LARGEST:
            self._note(f"{key} must be a finite number, got {value!r:.40}")
            return None
        return float(value)

    def _pair_ratings(self) -> tuple[float, float] | None:
        value = self.row.values.get("ratings")
        if value is None:
            return None
        if not isinstance(value, dict) or set(value) != {"chosen", "rejected"}:
            self._note('ratings must be {"chosen": number, "rejected": number}')
            return None
        chosen = self._number("ratings.chosen", value["chosen"])
        rejected = self._number("ratings.rejected", value["rejected"])
        return None if chosen is None or rejected is None else (chosen, rejected)


@cache
def _resembles(key: str, allowed: tuple[str, ...]) -> bool:
    """Whether a key looks like a misspelt one of `allowed`; asked once for all rows."""
    return nearest(key.lower(), allowed, cutoff=0.8) is not None
