"""The difference between two dialogues as atoms, each of which can be left out."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from rmcheck.data import Dialogue

_TOKEN = re.compile(r"\w+|\s|[^\w\s]")
_BEFORE = re.compile(r"\w+\s?|\s|[^\w\s]\s?")
_AFTER = re.compile(r"\s?\w+|\s?[^\w\s]|\s")
"""What is put in goes with the blank after it, or before it, so that words stay apart."""


@dataclass(frozen=True)
class Atom:
    """Tokens `begin` to `end` of text number `field` become `new`; without new ones they go."""

    field: int
    begin: int
    end: int
    new: str


def texts_of(dialogue: Dialogue) -> tuple[str, ...]:
    """The texts of a dialogue that can change: the response, then the turns of the prompt."""
    if isinstance(dialogue.prompt, str):
        return (dialogue.response, dialogue.prompt)
    return (dialogue.response, *(message.content for message in dialogue.prompt))


def with_texts(dialogue: Dialogue, texts: Sequence[str]) -> Dialogue:
    """The dialogue with other texts, in the order of `texts_of`."""
    response, *turns = texts
    if isinstance(dialogue.prompt, str):
        return replace(dialogue, response=response, prompt=turns[0])
    prompt = tuple(
        replace(message, content=text) for message, text in zip(dialogue.prompt, turns, strict=True)
    )
    return replace(dialogue, response=response, prompt=prompt)


def alike(before: Dialogue, after: Dialogue) -> bool:
    """Whether the two have the same turns, so that their texts can be compared one by one."""
    one, two = before.prompt, after.prompt
    if isinstance(one, str) or isinstance(two, str):
        return isinstance(one, str) and isinstance(two, str)
    return [turn.role for turn in one] == [turn.role for turn in two]


def tokens(text: str) -> list[str]:
    """Words, signs and white space.

    >>> tokens("A list:\\n- one")
    ['A', ' ', 'list', ':', '\\n', '-', ' ', 'one']
    """
    return _TOKEN.findall(text)


def atoms(before: Dialogue, after: Dialogue) -> list[Atom]:
    """The smallest changes that together turn the one into the other, in the order of the texts."""
    found = []
    for field, (one, two) in enumerate(zip(texts_of(before), texts_of(after), strict=True)):
        if one != two:
            found += _of_text(field, tokens(one), tokens(two))
    return found


def _of_text(field: int, old: list[str], new: list[str]) -> list[Atom]:
    found = []
    for kind, (begin, end), (first, last) in _differences(old, new):
        if kind == "replace":  # half of a replacement would be another text
            found.append(Atom(field, begin, end, "".join(new[first:last])))
            continue
        found += [Atom(field, place, place + 1, "") for place in range(begin, end)]
        text = "".join(new[first:last])
        put_in = (_AFTER if text[:1].isspace() else _BEFORE).findall(text)
        found += [Atom(field, end, end, piece) for piece in put_in]
    return found


def _common(one: Sequence[str], two: Sequence[str]) -> int:
    pairs = zip(one, two, strict=False)
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], pairs))


def edited(before: Dialogue, changes: Sequence[Atom]) -> Dialogue:
    """The dialogue with these changes, which are in the order of `atoms`."""
    texts = []
    for field, text in enumerate(texts_of(before)):
        parts, place, old = [], 0, tokens(text)
        for atom in changes:
            if atom.field == field:
                parts += [*old[place : atom.begin], atom.new]
                place = max(place, atom.end)
        texts.append("".join([*parts, *old[place:]]))
    return with_texts(before, texts)


@dataclass(frozen=True)
class Insertion:
    """The whole difference is one text put in: `new` at character `at` of text number `field`."""

    field: int
    at: int
    new: str

    def only(self, before: Dialogue, begin: int, end: int) -> Dialogue:
        """The dialogue with a part of the insertion."""
        texts = list(texts_of(before))
        old = texts[self.field]
        texts[self.field] = f"{old[: self.at]}{self.new[begin:end]}{old[self.at :]}"
        return with_texts(before, texts)


def insertion(before: Dialogue, after: Dialogue) -> Insertion | None:
    """The one insertion that is the whole difference; None where it is not one."""
    changed = [
        (field, one, two)
        for field, (one, two) in enumerate(zip(texts_of(before), texts_of(after), strict=True))
        if one != two
    ]
    if len(changed) != 1:
        return None
    field, one, two = changed[0]
    start = _common(one, two)
    length = len(two) - len(one)
    if length <= 0 or one[start:] != two[start + length :]:
        return None
    return Insertion(field, start, two[start : start + length])


def told(before: Dialogue, after: Dialogue, most: int = 60) -> str:
    """The difference in words.

    >>> told(Dialogue("", "It is so."), Dialogue("", "It is so, dear."))
    "added ', dear'"
    """
    if not alike(before, after):
        return "turns of the prompt changed"
    said = []
    for field, (one, two) in enumerate(zip(texts_of(before), texts_of(after), strict=True)):
        if one == two:
            continue
        said += _hunks(tokens(one), tokens(two), " in the prompt" if field else "", most)
    if len(said) > 1:
        return f"{len(said)} changes, first: {said[0]}"
    return "".join(said)


def _hunks(old: list[str], new: list[str], where: str, most: int) -> list[str]:
    """Each place where the two differ, in words."""
    said = []
    for kind, (a, b), (c, d) in _differences(old, new):
        was, now = _quoted("".join(old[a:b]), most), _quoted("".join(new[c:d]), most)
        words = {"insert": f"added {now}", "delete": f"removed {was}"}
        said.append(f"{words.get(kind, f'{was} became {now}')}{where}")
    return said


def _differences(
    old: list[str], new: list[str]
) -> Iterator[tuple[str, tuple[int, int], tuple[int, int]]]:
    """What was inserted, deleted or replaced: the kind, and the tokens of both texts."""
    start = _common(old, new)
    tail = _common(old[start:][::-1], new[start:][::-1])
    one, two = old[start : len(old) - tail], new[start : len(new) - tail]
    matcher = difflib.SequenceMatcher(None, one, two, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            yield kind, (start + a, start + b), (start + c, start + d)


def _quoted(text: str, most: int) -> str:
    if len(text) <= most:
        return repr(text)
    return f"{text[: most - 1]!r}… ({len(text):,} characters)"
