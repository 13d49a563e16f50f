"""Rules of thumb: how often picking the longer response, or the one with more digits, wins."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmcheck.lint import finding as kinds
from rmcheck.lint.finding import Finding, Kind, Place
from rmcheck.lint.pool import PlacedPair, Pool
from rmcheck.lint.shingles import words
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.winrate import win_rate, wins
from rmcheck.verdict import Estimate

MATTERS = 0.05
"""Warn when an interval is further than this from one half."""


class Response(NamedTuple):
    """A response as the rules see it: its text, its words, and the words of the prompt."""

    text: str
    words: Sequence[str]
    asked: frozenset[str]


Measure = Callable[[Response], float]

_PUNCTUATION = re.compile(r"[^\w\s]")
_DIGIT = re.compile(r"\d")
_I = re.compile(r"\s*I\b")
_END = re.compile(r"[^\w\s,;:(\[{-]")


def _repeats(found: Sequence[str]) -> float:
    """The share of words that are repeats of earlier words in the text."""
    return 1.0 - len(set(found)) / len(found) if found else 0.0


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Pick the response with more of `measure(response)`; `reverse` names the opposite."""

    name: str
    short: str
    reverse: str
    measure: Measure
    of_length: bool = False


RULES: tuple[Rule, ...] = (
    Rule(
        name="the longer (characters)",
        short="chars",
        reverse="the shorter (characters)",
        measure=lambda response: len(response.text),
        of_length=True,
    ),
    Rule(
        name="the longer (words)",
        short="words",
        reverse="the shorter (words)",
        measure=lambda response: len(response.text.split()),
        of_length=True,
    ),
    Rule(
        name="more punctuation",
        short="punct",
        reverse="less punctuation",
        measure=lambda response: len(_PUNCTUATION.findall(response.text)),
    ),
    Rule(
        name="more digits",
        short="digits",
        reverse="fewer digits",
        measure=lambda response: len(_DIGIT.findall(response.text)),
    ),
    Rule(
        name="more line breaks",
        short="lines",
        reverse="fewer line breaks",
        measure=lambda response: response.text.count("\n"),
    ),
    Rule(
        name="starts with “I”",
        short="I…",
        reverse="does not start with “I”",
        measure=lambda response: float(bool(_I.match(response.text))),
    ),
    Rule(
        name="ends with punctuation",
        short="…end",
        reverse="does not end with punctuation",
        measure=lambda response: float(bool(_END.match(response.text.rstrip()[-1:]))),
    ),
    Rule(
        name="shares more words with the prompt",
        short="echo",
        reverse="shares fewer words with the prompt",
        measure=lambda response: len(response.asked.intersection(response.words)),
    ),
    Rule(
        name="repeats fewer of its words",
        short="fresh",
        reverse="repeats more of its words",
        measure=lambda response: -_repeats(response.words),
    ),
)


@dataclass(frozen=True, kw_only=True)
class RuleRow:
    """What a rule wins on some pairs: those of a file (or of all), those of one tag."""

    place: Place
    tag: str | None
    rule: Rule
    estimate: Estimate


def rule_wins(pairs: Sequence[PlacedPair]) -> NDArray[np.float64]:
    """Whether each rule picks the chosen side: (rules, n) in {0, 0.5, 1}, a tie being one half."""
    measured = np.empty((len(pairs), len(RULES), 2))
    for row, pair in enumerate(pairs):
        asked = frozenset(words(pair.prompt))
        for side, text in enumerate(pair.responses):
            response = Response(text, words(text), asked)
            measured[row, :, side] = [rule.measure(response) for rule in RULES]
    return np.stack([wins(both[:, 0], both[:, 1]) for both in measured.transpose(1, 0, 2)])


def rows_of(pool: Pool) -> list[RuleRow]:
    """Every rule on all pairs, every rule on each file, and length on each tag of all pairs."""
    if not pool.pairs:
        return []
    won, groups = rule_wins(pool.pairs), pool.groups
    rows: list[RuleRow] = []

    def add(place: Place, kept: Sequence[int], tag: str | None, rules: Sequence[int]) -> None:
        places = np.asarray(kept, dtype=np.intp)
        chosen_groups = groups.take(places)
        for row in rules:
            estimate = win_rate(won[row, places], chosen_groups)
            rows.append(RuleRow(place=place, tag=tag, rule=RULES[row], estimate=estimate))

    every = range(len(RULES))
    if len(pool.files) > 1:
        add(Place(""), range(len(groups)), None, every)
    for path, kept in pool.files.items():
        add(Place(path), kept, None, every)
    first = Place("" if len(pool.files) > 1 else next(iter(pool.files)))
    for tag, tagged in by_tag(pool).items():
        add(first, tagged, tag, [0])
    return rows


def by_tag(pool: Pool) -> Mapping[str, list[int]]:
    """The indices of each tag's pairs, the most frequent tag first."""
    found: dict[str, list[int]] = {}
    for index, pair in enumerate(pool.pairs):
        for tag in dict.fromkeys(pair.item.tags):
            found.setdefault(tag, []).append(index)
    return dict(sorted(found.items(), key=lambda entry: (-len(entry[1]), entry[0])))


def too_telling(estimate: Estimate) -> bool:
    """Whether an interval excludes one half by enough to matter, with enough groups."""
    if estimate.n_groups < MIN_GROUPS:
        return False
    return estimate.low > 0.5 + MATTERS or estimate.high < 0.5 - MATTERS


def thumb_findings(rows: Sequence[RuleRow]) -> Iterator[Finding]:
    """A warning for each rule that predicts the chosen side too well."""
    told: set[tuple[Place, str | None]] = set()
    for row in rows:
        if not too_telling(row.estimate):
            continue
        # Characters and words would say the same thing twice.
        if row.rule.of_length:
            if (row.place, row.tag) in told:
                continue
            told.add((row.place, row.tag))
        kind: Kind = kinds.LENGTH if row.rule.of_length else kinds.RULE_OF_THUMB
        value, low, high = row.estimate.value, row.estimate.low, row.estimate.high
        name = row.rule.name
        if value < 0.5:
            value, low, high, name = 1 - value, 1 - high, 1 - low, row.rule.reverse
        tag = f" tagged '{row.tag}'" if row.tag else ""
        yield Finding(
            kind=kind,
            place=row.place,
            message=f"“{name}” picks the chosen side in {value:.1%} of the {row.estimate.n} "
            f"pairs{tag} [{low:.1%}, {high:.1%}]",
        )
