"""The words in which two texts differ, and characters that nobody sees made visible."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rmcheck.report.text import one_line

Kind = Literal["same", "gone", "new"]
_SAME: tuple[Kind, ...] = ("same",)
_CHANGES: tuple[Kind, ...] = ("gone", "new")

_MOST_CHARACTERS = 100_000
_MOST_CELLS = 8_000_000
_ALIKE = 0.3
_UNSPACED = "\u0e00-\u0e7f\u2e80-\ua4cf\uf900-\ufaff"  # Thai, Chinese, Japanese: letter by letter
_COMBINING = "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
# Blanks one by one: of two blanks where one was, one is new.
_TOKEN = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[\w'’]|[{_COMBINING}])+|[\s\S]")
_BLANKS = {" ": ("·", "space"), "\n": ("↵", "line end"), "\t": ("→", "tab")}
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Cs", "Zl", "Zp", "Zs"})
# Letters and marks by their category, but drawn as nothing.
_EMPTY = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0]")
_CONTEXT, _CHANGED, _WINDOW = 24, 60, 1_000


@dataclass(frozen=True)
class Span:
    """A stretch of text: `same` in both texts, `gone` from the first, or `new` in the second."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Part:
    """Text as it is, or (with a `name`) a sign for a character that is not seen."""

    text: str
    name: str = ""


def spans(before: str, after: str) -> tuple[Span, ...]:
    """What two texts share and what they do not, word by word and blank by blank.

    The `same` and `gone` spans joined are `before`, the `same` and `new` ones are `after`. Texts
    with few words in common, and very long ones, share only how they begin and end.

    >>> [(span.kind, span.text) for span in spans("a red hat", "a blue hat")]
    [('same', 'a '), ('gone', 'red'), ('new', 'blue'), ('same', ' hat')]
    """
    if len(before) + len(after) > _MOST_CHARACTERS:
        return _ends(before, after)
    a, b = _TOKEN.findall(before), _TOKEN.findall(after)
    most = min(len(a), len(b))
    start = next((at for at in range(most) if a[at] != b[at]), most)
    most -= start
    end = next((at for at in range(most) if a[-1 - at] != b[-1 - at]), most)
    left, right = a[start : len(a) - end], b[start : len(b) - end]
    middle = _middle(left, right, _words(a[:start]) + _words(a[len(a) - end :]))
    return _joined(
        [
            *(("same", token) for token in a[:start]),
            *middle,
            *(("same", token) for token in a[len(a) - end :]),
        ]
    )


def _ends(before: str, after: str) -> tuple[Span, ...]:
    """How two texts begin and end the same, character by character."""
    start = _shared(before, after)
    end = _shared(before[start:][::-1], after[start:][::-1])
    stop = len(before) - end
    kinds: tuple[tuple[Kind, str], ...] = (
        ("same", before[:start]),
        ("gone", before[start:stop]),
        ("new", after[start : len(after) - end]),
        ("same", before[stop:]),
    )
    return tuple(Span(kind, text) for kind, text in kinds if text)


def _shared(one: str, other: str) -> int:
    """The length of the common beginning, by bisection: a comparison of slices is fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _middle(left: list[str], right: list[str], shared: int) -> list[tuple[Kind, str]]:
    """The tokens between the common start and end; `shared` words are in those."""
    whole: list[tuple[Kind, str]] = [
        *(("gone", token) for token in left),
        *(("new", token) for token in right),
    ]
    if not left or not right or (len(left) + 1) * (len(right) + 1) > _MOST_CELLS:
        return whole
    found = _aligned(left, right)
    common = shared + _words([token for kind, token in found if kind == "same"])
    shorter = shared + min(_words(left), _words(right))
    return whole if common < _ALIKE * shorter else found


def _words(tokens: Sequence[str]) -> int:
    return sum(not token.isspace() for token in tokens)


def _aligned(left: list[str], right: list[str]) -> list[tuple[Kind, str]]:
    """A longest common subsequence, and the rest of both sides."""
    best = _common(left, right)
    found: list[tuple[Kind, str]] = []
    i, j = len(left), len(right)  # so many are still to come
    while i and j:
        if left[-i] == right[-j]:
            found.append(("same", left[-i]))
            i, j = i - 1, j - 1
        elif best[i - 1, j] >= best[i, j - 1]:
            found.append(("gone", left[-i]))
            i -= 1
        else:
            found.append(("new", right[-j]))
            j -= 1
    found += [("gone", token) for token in left[len(left) - i :]]
    return found + [("new", token) for token in right[len(right) - j :]]


def _common(left: list[str], right: list[str]) -> NDArray[np.uint16]:
    """(rows+1, columns+1): how many tokens the last i and the last j have in common."""
    codes = {token: code for code, token in enumerate(dict.fromkeys(left + right))}
    columns = np.array([codes[token] for token in reversed(right)])
    best = np.zeros((len(left) + 1, len(right) + 1), dtype=np.uint16)
    for row, token in enumerate(reversed(left)):
        extended = best[row, :-1] + (columns == codes[token])
        best[row + 1, 1:] = np.maximum.accumulate(np.maximum(best[row, 1:], extended))
    return best


def _joined(tokens: list[tuple[Kind, str]]) -> tuple[Span, ...]:
    """Neighbours of one kind as one span, of a change first what is gone.

    A blank between two words that were both replaced is replaced with them.
    """
    runs = [
        (same, list(members))
        for same, members in groupby(tokens, key=lambda each: each[0] == "same")
    ]
    changed: list[tuple[Kind, str]] = []
    for at, (same, members) in enumerate(runs):
        bridge = (
            same
            and len(members) == 1
            and members[0][1].isspace()
            and 0 < at < len(runs) - 1
            and _replaced(runs[at - 1][1])
            and _replaced(runs[at + 1][1])
        )
        changed += [(kind, members[0][1]) for kind in _CHANGES] if bridge else members
    found: list[Span] = []
    for same, group in groupby(changed, key=lambda each: each[0] == "same"):
        members = list(group)
        for kind in _SAME if same else _CHANGES:
            text = "".join(token for its, token in members if its == kind)
            if text:
                found.append(Span(kind, text))
    return tuple(found)


def _replaced(members: list[tuple[Kind, str]]) -> bool:
    return all(
        any(its == kind and not token.isspace() for its, token in members) for kind in _CHANGES
    )


def shown(text: str) -> tuple[Part, ...]:
    """A changed stretch of text with signs for the characters in it that are not seen.

    Ordinary blanks have signs where the stretch has nothing else; then the blanks are the change.

    >>> [(part.text, part.name) for part in shown("a\\u200bb")]
    [('a', ''), ('U+200B', 'zero width space'), ('b', '')]
    >>> "".join(part.text for part in shown("  ")), "".join(part.text for part in shown("an end"))
    ('··', 'an end')
    """
    blank = all(character.isspace() or _unseen(character) for character in text)
    parts: list[Part] = []
    plain = ""
    for character in text:
        sign = _sign(character, blank=blank)
        if sign is None:
            plain += character
            continue
        if plain:
            parts.append(Part(plain))
        parts.append(sign)
        plain = "\n" if character == "\n" else ""
    return (*parts, Part(plain)) if plain else tuple(parts)


def _sign(character: str, *, blank: bool) -> Part | None:
    if character in _BLANKS:
        return Part(*_BLANKS[character]) if blank else None
    if not _unseen(character):
        return None
    code = f"U+{ord(character):04X}"
    return Part(code, _NAMES.get(character) or unicodedata.name(character, code).lower())


_NAMES = {"\r": "carriage return", "\x00": "null", "\x1b": "escape", "\x7f": "delete"}


def _unseen(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN or bool(_EMPTY.match(character))


def forms(before: str, after: str) -> str:
    """A remark on two texts that differ only in how Unicode writes the same letters, or nothing."""
    nfc, nfd = unicodedata.normalize("NFC", before), unicodedata.normalize("NFD", before)
    if before == after or unicodedata.normalize("NFC", after) != nfc:
        return ""
    names = {nfc: "composed (NFC)", nfd: "decomposed (NFD)"}
    was, now = names.get(before, "mixed"), names.get(after, "mixed")
    return f"Both texts look alike: their accented letters are {was} before and {now} after."


def excerpt(before: str, after: str) -> str:
    """The first change on one line as git's word diff writes it, and whether there are more.

    >>> excerpt("It is 4 miles to go.", "It is  4 miles to go.")
    'It is {+·+}4 miles to go.'
    >>> excerpt("not so", "so")
    '[-not -]so'
    """
    start = max(0, _shared(before, after) - 2 * _CONTEXT)
    left, right = (text[start : start + _WINDOW] for text in (before, after))
    every = spans(left, right)
    changes = [at for at, span in enumerate(every) if span.kind != "same"]
    if not changes:
        return ""
    first = changes[0]
    told = _tail(every[first - 1].text) if first else ""
    end = first
    while end < len(every) and every[end].kind != "same":
        signs = "".join(part.text for part in shown(every[end].text))
        signs = re.sub(r"\s+", " ", signs)
        if len(signs) > _CHANGED:
            signs = f"{signs[: _CHANGED - 1]}…"
        told += f"[-{signs}-]" if every[end].kind == "gone" else f"{{+{signs}+}}"
        end += 1
    if end < len(every):
        told += _head(every[end].text)
    cut = max(len(before), len(after)) - start > _WINDOW
    more = cut or any(at > end for at in changes)
    return one_line(told) + (" (and more)" if more else "")


def _tail(text: str) -> str:
    return text if len(text) <= _CONTEXT else f"…{text[1 - _CONTEXT :]}"


def _head(text: str) -> str:
    return text if len(text) <= _CONTEXT else f"{text[: _CONTEXT - 1]}…"
