"""Duplicate rows and texts: ids, pairs, sides, prompts, responses."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import chain
from typing import Generic, TypeVar

import numpy as np

from rmcheck.lint import finding as kinds
from rmcheck.lint.finding import Finding, Place, clip, listed
from rmcheck.lint.pool import PlacedPair, PlacedSet, Pool
from rmcheck.lint.shingles import clusters, near_duplicates, words

NEAR_PROMPT = 0.5
"""Jaccard similarity of word triples from which two prompts are nearly the same."""

NEAR_RESPONSE = 0.8
"""The same for responses, which may well share a phrase."""

SHORT = 5
"""Responses of fewer words ("Yes, it is.") may repeat themselves."""

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")


class Gathered(Generic[Key, Row]):
    """Rows by key, both in the order of their first appearance.

    Most keys have one row, and a million lists of one row each take as much memory as the texts.
    """

    def __init__(self, keyed: Iterable[tuple[Key, Row]]) -> None:
        self._first: dict[Key, Row] = {}
        self._others: dict[Key, list[Row]] = {}
        for key, row in keyed:
            if key not in self._first:
                self._first[key] = row
            elif key in self._others:
                self._others[key].append(row)
            else:
                self._others[key] = [row]

    def __getitem__(self, key: Key) -> list[Row]:
        return [self._first[key], *self._others.get(key, ())]

    def __contains__(self, key: Key) -> bool:
        return key in self._first

    def __iter__(self) -> Iterator[Key]:
        return iter(self._first)

    def is_several(self, key: Key) -> bool:
        """Whether a key has more than one row."""
        return key in self._others

    def several(self) -> Iterator[tuple[Key, list[Row]]]:
        """The keys with more than one row, and their rows."""
        return ((key, self[key]) for key in self._first if key in self._others)


def places(rows: Iterable[PlacedPair | PlacedSet]) -> list[Place]:
    """The places of rows, each once, in order."""
    return list(dict.fromkeys(row.place for row in rows))


def duplicate_findings(pool: Pool) -> Iterator[Finding]:
    """Duplicates of every sort among the rows of a pool."""
    yield from _ids(pool)
    yield from _pairs(pool)
    yield from _sides(pool)
    yield from _texts_on_both_sides(pool)
    yield from _groups(pool)
    yield from _near_prompts(pool)
    yield from _repeated_responses(pool)


def _ids(pool: Pool) -> Iterator[Finding]:
    for name, rows in Gathered((row.item.id, row) for row in pool.rows).several():
        first, *others = [row.place for row in rows]
        for place in others:
            message = f"duplicate id '{name}' (first at {first})"
            yield Finding(kind=kinds.DUPLICATE_ID, place=place, message=message, related=(first,))


def _pairs(pool: Pool) -> Iterator[Finding]:
    keyed = (((pair.prompt, *pair.responses), pair) for pair in pool.pairs)
    for _, (first, *others) in Gathered(keyed).several():
        for row in others:
            yield Finding(
                kind=kinds.DUPLICATE_PAIR,
                place=row.place,
                message=f"'{row.item.id}' has the same texts as '{first.item.id}' at {first.place}",
                related=(first.place,),
            )


def _sides(pool: Pool) -> Iterator[Finding]:
    for pair in pool.pairs:
        chosen, rejected = (text.strip() for text in pair.responses)
        if chosen == rejected:
            message = f"'{pair.item.id}': both responses are {clip(chosen)}"
            yield Finding(kind=kinds.IDENTICAL_SIDES, place=pair.place, message=message)
            continue
        for side, text in (("chosen", chosen), ("rejected", rejected)):
            if not text:
                message = f"'{pair.item.id}': the {side} response is empty"
                yield Finding(kind=kinds.EMPTY_SIDE, place=pair.place, message=message)
    for entry in pool.sets:
        if any(not text.strip() for text in entry.responses):
            message = f"'{entry.item.id}': a response is empty"
            yield Finding(kind=kinds.EMPTY_SIDE, place=entry.place, message=message)
        best = {entry.responses[index].strip() for index in entry.item.best}
        others = set(range(len(entry.responses))) - set(entry.item.best)
        for text in sorted(best & {entry.responses[index].strip() for index in others}):
            message = f"'{entry.item.id}': {clip(text)} is among the best and among the others"
            yield Finding(kind=kinds.IDENTICAL_SIDES, place=entry.place, message=message)
    for pair in pool.pairs:
        ratings = pair.item.ratings
        if ratings and ratings[1] > ratings[0]:
            message = f"'{pair.item.id}': chosen is rated {ratings[0]:g}, rejected {ratings[1]:g}"
            yield Finding(kind=kinds.RATING_ORDER, place=pair.place, message=message)


def _texts_on_both_sides(pool: Pool) -> Iterator[Finding]:
    chosen = Gathered((pair.item.chosen.strip(), pair) for pair in pool.pairs)
    rejected = Gathered((pair.item.rejected.strip(), pair) for pair in pool.pairs)
    for text in chosen:
        if not text or text not in rejected:
            continue
        good = chosen[text]
        bad = [row for row in rejected[text] if row.item.chosen.strip() != text]
        if not bad:
            continue
        same = {row.prompt for row in (*good, *bad)}
        yield Finding(
            kind=kinds.BOTH_SIDES if len(same) > 1 else kinds.RANKED_TEXT,
            place=good[0].place,
            message=f"{clip(text)} is chosen here and rejected at {listed(places(bad))}",
            related=tuple(places(bad)),
        )


def _groups(pool: Pool) -> Iterator[Finding]:
    rows = [(pair.prompt, pair.item.group, pair.place) for pair in pool.pairs]
    for prompt, firsts in _with_several(rows):
        yield Finding(
            kind=kinds.SPLIT_GROUP,
            place=firsts[0],
            message=f"{clip(prompt)} is in {len(firsts)} groups, again at {listed(firsts[1:])}",
            related=tuple(firsts[1:]),
        )
    for group, firsts in _with_several((group, prompt, place) for prompt, group, place in rows):
        yield Finding(
            kind=kinds.MIXED_GROUP,
            place=firsts[0],
            message=f"group '{group}' has {len(firsts)} prompts, others at {listed(firsts[1:])}",
            related=tuple(firsts[1:]),
        )


def _with_several(rows: Iterable[tuple[str, str, Place]]) -> Iterator[tuple[str, list[Place]]]:
    """Each first name with several second names, and the first place of each of these."""
    for name, others in Gathered((first, (second, at)) for first, second, at in rows).several():
        by_other: dict[str, Place] = {}
        for second, at in others:
            by_other.setdefault(second, at)
        if len(by_other) > 1:
            yield name, list(by_other.values())


def _near_prompts(pool: Pool) -> Iterator[Finding]:
    rows = Gathered((row.prompt, row) for row in pool.rows)
    texts = list(rows)
    near = near_duplicates(texts, threshold=NEAR_PROMPT)
    nearest = np.zeros(len(texts))
    np.maximum.at(nearest, near.first, near.jaccard)
    for cluster in clusters(len(texts), near):
        members = [row for index in cluster for row in rows[texts[index]]]
        if len({row.item.group for row in members}) == 1:
            continue
        best = float(nearest[cluster].max())
        first, *others = [rows[texts[index]][0].place for index in cluster]
        yield Finding(
            kind=kinds.NEAR_PROMPT,
            place=first,
            message=f"{clip(texts[cluster[0]])} resembles the prompts at {listed(others)} "
            f"(up to {best:.0%} of the word triples)",
            related=tuple(others),
        )


def _repeated_responses(pool: Pool) -> Iterator[Finding]:
    """Clusters of similar responses to several prompts, not variants of one answer."""
    rows = Gathered((text.strip(), row) for row in pool.rows for text in row.responses)
    texts = [text for text in rows if len(words(text)) >= SHORT]
    groups = clusters(len(texts), near_duplicates(texts, threshold=NEAR_RESPONSE))
    near = {index for cluster in groups for index in cluster}
    alone = ([index] for index in range(len(texts)) if index not in near)
    for cluster in chain(groups, alone):
        if len(cluster) == 1 and not rows.is_several(texts[cluster[0]]):
            continue
        members = [row for index in cluster for row in rows[texts[index]]]
        prompts = {row.prompt for row in members}
        if len(prompts) == 1:
            continue
        first, *others = places(members)
        exact = "" if len(cluster) == 1 else f" (in {len(cluster)} versions)"
        yield Finding(
            kind=kinds.REPEATED_RESPONSE,
            place=first,
            message=f"{clip(texts[cluster[0]])}{exact} answers {len(prompts)} prompts, also at "
            f"{listed(others)}",
            related=tuple(others),
        )
