"""Pairs as a table of true and false: one column for each condition that a slice can have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import PreferencePair
from rmcheck.slices import marks
from rmcheck.slices.condition import SUITE, Condition
from rmcheck.slices.conditions import asked, length_ratio, same_start, turns
from rmcheck.slices.phrases import phrases
from rmcheck.slices.question import question
from rmcheck.slices.script import language, script
from rmcheck.slices.topics import topics
from rmcheck.slices.words import words

Column = NDArray[np.bool_]
Made = Iterator[tuple[Condition, Column]]

LEAST_PAIRS = 8
"""A column that is true, or false, of fewer pairs than this is left out."""

_CUTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_PLAIN: dict[str, Callable[[str], Any]] = {
    "language": language,
    "script": script,
    "code": marks.code,
    "numbers": marks.numbers,
    "markdown": marks.markdown,
    "refusal": marks.refusal,
    "question": question,
}


@dataclass(frozen=True, eq=False)
class Columns:
    """Conditions and their (n, F) table; columns that are the same on all pairs are there once.

    Of equal columns the first is kept: tags and suites, then what is plain to see, then numbers,
    then words, then topics. `left_out` says which family could not be made, and why.
    """

    conditions: tuple[Condition, ...]
    table: NDArray[np.bool_]
    left_out: str = ""


def columns(
    pairs: Sequence[PreferencePair],
    suites: Sequence[Sequence[str]],
    *,
    with_words: bool = True,
    with_topics: bool = False,
) -> Columns:
    """The conditions that split these pairs.

    Parameters
    ----------
    suites : (n,) the suites that each pair is in.
    with_words : whether to look at single words and phrases, which a report without texts must not
        show.
    with_topics : whether to cluster the texts, which needs scikit-learn.
    """
    left_out = ""
    made = [_tags(pairs), _suites(suites), _texts(pairs), _numbers(pairs)]
    texts = _parts(pairs)
    if with_words:
        made.append(phrases(texts, LEAST_PAIRS))
    if with_topics:
        found, left_out = topics(texts["prompt"])
        made.append(iter(found))
    seen: dict[bytes, None] = {}
    conditions: list[Condition] = []
    kept: list[Column] = []
    for family in made:
        for condition, column in family:
            count = int(column.sum())
            if not LEAST_PAIRS <= count <= len(pairs) - LEAST_PAIRS:
                continue
            stamp = np.packbits(column).tobytes()
            if stamp not in seen:
                seen[stamp] = None
                conditions.append(condition)
                kept.append(column)
    table = np.array(kept, dtype=bool).reshape(len(kept), len(pairs)).T
    return Columns(tuple(conditions), table, left_out)


def _parts(pairs: Sequence[PreferencePair]) -> dict[str, list[str]]:
    return {
        "prompt": [asked(pair.prompt) for pair in pairs],
        "chosen": [pair.chosen for pair in pairs],
        "rejected": [pair.rejected for pair in pairs],
    }


def _tags(pairs: Sequence[PreferencePair]) -> Made:
    rows: dict[str, list[int]] = {}
    for row, pair in enumerate(pairs):
        for tag in pair.tags:
            rows.setdefault(tag, []).append(row)
    found = []
    for tag, some in rows.items():
        column = np.zeros(len(pairs), dtype=bool)
        column[some] = True
        found.append((tag, column))
        yield Condition(("tags",), tag), column
    for tag, column in found:
        yield Condition(("without_tags",), tag), ~column


def _suites(suites: Sequence[Sequence[str]]) -> Made:
    for name in dict.fromkeys(name for some in suites for name in some):
        yield Condition(SUITE, name), np.array([name in some for some in suites], dtype=bool)


def _texts(pairs: Sequence[PreferencePair]) -> Made:
    lengths = np.array([len(pair.chosen) - len(pair.rejected) for pair in pairs])
    yield Condition(("shorter",), "chosen"), lengths < 0
    yield Condition(("shorter",), "rejected"), lengths > 0
    for part, texts in _parts(pairs).items():
        for name, of in _PLAIN.items():
            if name == "question" and part != "prompt":
                continue
            values = np.array([of(text) for text in texts])
            for value in dict.fromkeys(values.tolist()):
                yield Condition((part, name), value), values == value


def _numbers(pairs: Sequence[PreferencePair]) -> Made:
    for part, texts in _parts(pairs).items():
        yield from _ranges((part, "words"), [len(words(text)) for text in texts])
    yield from _ranges(("length_ratio",), [length_ratio(pair) for pair in pairs])
    yield from _ranges(("same_start",), [same_start(pair) for pair in pairs])
    yield from _ranges(("turns",), [turns(pair.prompt) for pair in pairs])


def _ranges(place: tuple[str, ...], values: Sequence[float]) -> Made:
    """Both sides of each quantile, and what is between neighbouring tenths."""
    column = np.array(values, dtype=np.float64)
    # Cuts are values that occur, so that YAML writes them exactly.
    cuts = np.unique(np.quantile(column, _CUTS, method="lower"))
    for cut in cuts:
        yield Condition(place, {"max": _plain(cut)}), column <= cut
    above = [column[column > cut].min() for cut in cuts if (column > cut).any()]
    for start in above:
        yield Condition(place, {"min": _plain(start)}), column >= start
    for start, cut in zip(above, cuts[1:], strict=False):
        inside = (column >= start) & (column <= cut)
        yield Condition(place, {"min": _plain(start), "max": _plain(cut)}), inside


def _plain(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)
