"""The shapes of data that pairs are scored in: dialogues, RM-Bench's nine pairs, nothing shared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
from workload import pairs

from rmcheck.data import PreferencePair, prompt_text
from rmcheck.data.preferences import load
from rmcheck.shipped import shipped

PROMPT = 50
STYLES = {"concise": 80, "detailed": 260, "markdown": 275}
"""Tokens of a prompt, and of a response in each of RM-Bench's styles."""


@dataclass(frozen=True)
class DataShape:
    """Pairs that are alike in how long they are and how much they share."""

    title: str
    """What RESULTS.md calls them."""
    name: str
    count: int
    """Pairs, as a default."""
    goals: dict[str, float]
    """By dtype: how much faster than `rewardbench` in float32."""
    build: Callable[[int, Path | None, int], list[PreferencePair]]
    """From a count, a file of pairs and a number of exchanges to the pairs."""


def nine(count: int, file: Path | None, _turns: int) -> list[PreferencePair]:
    """`count` pairs as RM-Bench has them: a prompt, three styles a side, all nine combinations.

    Texts are real ones, one after another until they are as long as they should be.
    """
    known = load([file] if file else sorted(shipped("preferences").glob("*.jsonl"))).pairs
    order = np.random.default_rng(0).permutation(len(known))
    drawn = cycle([known[int(index)] for index in order])

    def text(tokens: int, part: Callable[[PreferencePair], str]) -> str:
        said = ""
        while len(said) < tokens * CHARACTERS:
            said += part(next(drawn)) + "\n\n"
        return said[: tokens * CHARACTERS]

    found: list[PreferencePair] = []
    for place in range(-(-count // len(STYLES) ** 2)):
        prompt = text(PROMPT, lambda pair: prompt_text(pair.prompt))
        good = [text(tokens, lambda pair: pair.chosen) for tokens in STYLES.values()]
        bad = [text(tokens, lambda pair: pair.rejected) for tokens in STYLES.values()]
        found += [
            PreferencePair(f"{place}-{i}-{j}", prompt, chosen, rejected, f"{place}")
            for i, chosen in enumerate(good)
            for j, rejected in enumerate(bad)
        ]
    return found[:count]


CHARACTERS = 4
"""Of a token, about, with the shipped tokenizer."""


def apart(count: int, file: Path | None, _turns: int) -> list[PreferencePair]:
    """`count` pairs whose texts share nothing: each side is a dialogue of its own, without a prompt
    in common."""
    drawn = pairs(2 * count, file)
    sides = _texts(drawn)
    return [
        PreferencePair(str(place), "", chosen, rejected, str(place))
        for place, (chosen, rejected) in enumerate(zip(sides, sides, strict=True))
    ]


def _texts(drawn: Sequence[PreferencePair]) -> Iterator[str]:
    for pair in drawn:
        yield f"{prompt_text(pair.prompt)}\n\n{pair.chosen}"


SHAPES = {
    "dialogues": DataShape(
        "Scoring pairs", "evaluation pairs", 60, {"float32": 3.0, "bfloat16": 9.0}, pairs
    ),
    "rm-bench": DataShape(
        "Scoring pairs of RM-Bench's shape",
        "pairs of RM-Bench's shape (a prompt, three styles a side, all nine pairs; texts made of "
        "shipped responses)",
        108,
        {"float32": 7.0, "bfloat16": 18.0},
        nine,
    ),
    "apart": DataShape(
        "Scoring pairs that share nothing", "pairs that share nothing", 60, {"float32": 1.0}, apart
    ),
}
