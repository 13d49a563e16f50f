"""Candidate and baseline pair by pair: what broke, what was fixed, what both get wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rmcheck.report import anchor, numbers
from rmcheck.report.glossary import PAIR_WORD
from rmcheck.report.page.pairs import Pair, PairState
from rmcheck.wording import minus

_COLUMNS: tuple[PairState, ...] = ("newly_wrong", "newly_right", "both_wrong", "kept")
_MOST_TAGS = 12


@dataclass(frozen=True)
class Count:
    """How many pairs are in a state, and the link that shows them."""

    state: PairState
    count: str
    link: str


@dataclass(frozen=True)
class AgainstRow:
    """A suite or a tag: the pairs that both runs scored, by state; `net` is fixed minus broken."""

    name: str
    link: str
    counts: tuple[Count, ...]
    net: str
    worse: bool


@dataclass(frozen=True)
class AgainstView:
    """The flips of a run against its baseline by suite and by tag.

    A pair may be in several suites, so the rows of suites do not add up; rows of tags count each
    text once. The baseline did not score `new` pairs, or scored other texts for them. The flips are
    those of the first of `trainings`, which comparisons over seeds look at together.
    """

    baseline: str
    columns: tuple[tuple[PairState, str], ...]
    suites: tuple[AgainstRow, ...]
    tags: tuple[AgainstRow, ...]
    tags_left_out: int
    new: int
    trainings: int = 1


def against_view(
    of_suite: Mapping[str, Sequence[Pair]], baseline: str | None, trainings: int = 1
) -> AgainstView | None:
    """The baseline view; None if the baseline scored none of these pairs.

    `trainings`: how many trainings of the candidate's recipe the run compares; the pairs have the
    scores of the first.
    """
    compared = {
        name: [pair for pair in pairs if pair.baseline is not None]
        for name, pairs in of_suite.items()
    }
    of_tag: dict[str, list[Pair]] = {}
    once = {pair.hash: pair for pairs in compared.values() for pair in pairs}
    if not once:
        return None
    for pair in once.values():
        for tag in dict.fromkeys(pair.tags):
            of_tag.setdefault(tag, []).append(pair)
    flipped = [tag for tag, pairs in of_tag.items() if any(map(_flipped, pairs))]
    flipped.sort(key=lambda tag: (_net(of_tag[tag]), tag))
    return AgainstView(
        baseline=baseline or "the baseline",
        columns=tuple((state, PAIR_WORD[state]) for state in _COLUMNS),
        suites=tuple(
            _row(name, f"#{anchor.suite(name)}", pairs, suite=name)
            for name, pairs in compared.items()
            if pairs
        ),
        tags=tuple(
            _row(tag, f"#{anchor.selection(tag=tag)}", of_tag[tag], tag=tag)
            for tag in flipped[:_MOST_TAGS]
        ),
        tags_left_out=len(flipped[_MOST_TAGS:]),
        new=sum(pair.baseline is None for pairs in of_suite.values() for pair in pairs),
        trainings=trainings,
    )


def _row(name: str, link: str, pairs: Sequence[Pair], **filters: str) -> AgainstRow:
    states = Counter(pair.state for pair in pairs)
    net = _net(pairs)
    return AgainstRow(
        name=name,
        link=link,
        counts=tuple(
            Count(state, numbers.count(states[state]), anchor.selection(**filters, state=state))
            for state in _COLUMNS
        ),
        net=minus(f"{net:+,}") if net else "0",
        worse=net < 0,
    )


def _flipped(pair: Pair) -> bool:
    return pair.state in {"newly_wrong", "newly_right"}


def _net(pairs: Sequence[Pair]) -> int:
    states = Counter(pair.state for pair in pairs)
    return states["newly_right"] - states["newly_wrong"]
