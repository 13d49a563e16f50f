"""What a layout is: how the rows of a kind of data set become pairs or response sets."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rmcheck.data.dialogue import (
    PreferencePair,
    Prompt,
    ResponseSet,
    content_hash,
    prompt_group,
)
from rmcheck.data.label import Label

Values = Mapping[str, Any]
Item = PreferencePair | ResponseSet
Reader = Callable[[Sequence[Values]], Iterable[Item]]


class NotAPair(ValueError):
    """A row that is not a pair; its text is the reason."""


class NoPreference(NotAPair):
    """A row that by design says nothing: a tie, or a vote that its data set leaves open.

    Such rows are counted and told as others that are left out, but they are no fault of the data.
    """


@dataclass(frozen=True)
class Layout:
    """A layout of preference data.

    Parameters
    ----------
    name
        As `layout:` in a suite names it.
    about
        The data sets that have it, in a few words.
    needs
        The keys by which it is recognised, each with the kinds of value that it may have (see
        `rmcheck.data.layouts.shape`); where most rows have them, the layout fits.
    read
        Turns rows that belong together (one, without `together`) into pairs or response sets;
        raises NotAPair with the reason where they are none.
    together
        Rows with an equal value of this belong together.
    lacks
        Keys that must not have a value: with one of them the rows mean something else.
    named_only
        Never recognised, only named: another layout has the same keys.
    own_ids
        Whether an id that comes again is an error, as in your own data; in published data the
        later ones get a hash of their texts besides.
    hub
        Names of data sets on the hub that have it.
    asked_by
        The columns besides `prompt` that are a part of its prompts (see `rmcheck.data.unread`);
        None for published data, whose columns are known.
    """

    name: str
    about: str
    needs: Mapping[str, tuple[str, ...]]
    read: Reader
    together: Callable[[Values], Hashable] | None = None
    lacks: tuple[str, ...] = ()
    named_only: bool = False
    own_ids: bool = False
    hub: tuple[str, ...] = field(default=())
    asked_by: tuple[str, ...] | None = None


def each(read: Callable[[Values], Iterable[Item]]) -> Reader:
    """A reader of one row at a time."""
    return lambda rows: read(rows[0])


def name_of(values: Values, *keys: str) -> str | None:
    """The row's own id: a text, or a whole number as text; None without one."""
    for key in keys or ("id",):
        given = values.get(key)
        if isinstance(given, str) and given:
            return given
        if isinstance(given, int) and not isinstance(given, bool):
            return str(given)
    return None


def pair(
    prompt: Prompt,
    chosen: str,
    rejected: str,
    *,
    name: str | None = None,
    tags: Iterable[str] = (),
    group: str | None = None,
    ratings: tuple[float, float] | None = None,
    confidence: float | None = None,
    objectives: Iterable[Label] = (),
) -> PreferencePair:
    """A pair; without an id of its own it gets a hash of its texts."""
    own = prompt_group(prompt)
    return PreferencePair(
        id=name or content_hash(own, chosen, rejected)[:16],
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        group=group or own,
        tags=tuple(dict.fromkeys(tags)),
        confidence=confidence,
        ratings=ratings,
        objectives=tuple(objectives),
    )


def response_set(
    prompt: Prompt,
    responses: Sequence[str],
    best: Iterable[int],
    *,
    name: str | None = None,
    tags: Iterable[str] = (),
    group: str | None = None,
    ratings: Sequence[float] | None = None,
) -> ResponseSet:
    """A response set; without an id of its own it gets a hash of its texts."""
    own = prompt_group(prompt)
    return ResponseSet(
        id=name or content_hash(own, *responses)[:16],
        prompt=prompt,
        responses=tuple(responses),
        best=tuple(best),
        group=group or own,
        tags=tuple(dict.fromkeys(tags)),
        ratings=None if ratings is None else tuple(ratings),
    )


def ranked(
    prompt: Prompt,
    rated: Sequence[tuple[str, float]],
    *,
    name: str | None = None,
    tags: Iterable[str] = (),
    group: str | None = None,
    aspects: Mapping[str, Sequence[float | None]] | None = None,
) -> list[PreferencePair]:
    """Every pair of responses whose ratings differ, the higher one chosen.

    Parameters
    ----------
    rated
        (response, rating) of each response to the prompt; higher is better.
    aspects
        Further ratings of each response by the name of what was rated; they become the pairs'
        labels by objective, where both responses have one.

    Raises
    ------
    NoPreference
        If all ratings are equal, or there are fewer than two responses.
    """
    tags = tuple(tags)
    columns = dict(aspects or {})
    found = [
        pair(
            prompt,
            good,
            bad,
            name=None if name is None else f"{name}:{first}-{second}",
            tags=tags,
            group=group,
            ratings=(high, low),
            objectives=tuple(_labels(columns, first, second)),
        )
        for first, (good, high) in enumerate(rated)
        for second, (bad, low) in enumerate(rated)
        if high > low
    ]
    if not found:
        raise NoPreference("no two responses of a prompt are rated differently")
    return found


def _labels(
    columns: Mapping[str, Sequence[float | None]], first: int, second: int
) -> Iterator[Label]:
    for name, column in columns.items():
        high, low = column[first], column[second]
        if high is not None and low is not None:
            yield Label.rated(name, high, low)
