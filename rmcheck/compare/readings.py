"""How a model reads a dialogue, token by token, and which of several readings suits it best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair, pair_dialogues
from rmcheck.errors import SourceError
from rmcheck.sources.layout import Layout
from rmcheck.sources.model_source import DialogueScorer, ModelSource
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.winrate import win_rate, wins
from rmcheck.verdict import Estimate

Ids = NDArray[np.int64]

MOST_PAIRS = 200
"""Pairs on which readings are compared; the first of the data."""
ALPHA = 0.05


@dataclass(frozen=True)
class Token:
    """A token of a text: its id, what it stands for, and whether it is a special one."""

    id: int
    text: str
    special: bool


@dataclass(frozen=True)
class Counts:
    """What the tokens of some texts have at their ends.

    Attributes
    ----------
    texts
        How many there are.
    starts, double_starts
        How many begin with the start token, and how many with two of them.
    ends
        How many end with the end token, white space after it apart.
    cut
        How many were cut to the length limit.
    longest
        Tokens of the longest.
    """

    texts: int
    starts: int
    double_starts: int
    ends: int
    cut: int
    longest: int


@dataclass(frozen=True)
class Tried:
    """A reading and how often the chosen response wins with it."""

    layout: Layout
    wins: NDArray[np.float64] = field(repr=False)
    estimate: Estimate
    p_value: float = 1.0
    """Two-sided, against the current reading; adjusted for the number of readings."""


def tokens(scorer: DialogueScorer, dialogue: Dialogue) -> list[Token]:
    """What the model reads of a dialogue."""
    (ids,) = scorer.encode([dialogue])
    special = set(scorer.tokenizer.all_special_ids)
    return [
        Token(int(one), str(scorer.tokenizer.decode([int(one)])), int(one) in special)
        for one in ids
    ]


def count(scorer: DialogueScorer, dialogues: Sequence[Dialogue]) -> Counts:
    """Start and end tokens of all texts, and how many were cut."""
    before = scorer.truncated
    found = scorer.encode(dialogues)
    start, end = scorer.tokenizer.bos_token_id, scorer.tokenizer.eos_token_id
    return Counts(
        texts=len(found),
        starts=sum(start is not None and ids[0] == start for ids in found),
        double_starts=sum(start is not None and list(ids[:2]) == [start] * 2 for ids in found),
        ends=sum(end is not None and _last(scorer, ids) == end for ids in found),
        cut=scorer.truncated - before,
        longest=max(map(len, found)),
    )


def _last(scorer: DialogueScorer, ids: Ids) -> int:
    """The last token that is not white space."""
    for one in reversed(ids.tolist()):
        if str(scorer.tokenizer.decode([one])).strip():
            return int(one)
    return int(ids[-1])


def plausible(layout: Layout, tokenizer: object, *, encoder: bool = False) -> Iterator[Layout]:
    """The current reading, and the others that a model may have been trained with.

    An `encoder` may have read prompt and response as two inputs.
    """
    yield layout
    if encoder:
        yield replace(layout, template="pair", text="", end="tokenizer", origins={})
    templates = [layout.template, "default", "raw"]
    if getattr(tokenizer, "chat_template", None) and not layout.text:
        templates.insert(1, "chat")
    for template in dict.fromkeys(one for one in templates if one != "pair"):
        text = layout.text if template == layout.template else ""
        other = replace(layout, template=template, text=text, origins={})
        ends = ["template" if other.chat else "tokenizer", "none"]
        if getattr(tokenizer, "eos_token_id", None) is not None:
            ends.insert(1, "eos")
        for end in ends:
            yield replace(other, end=end)


def compare_readings(source: ModelSource, pairs: Sequence[PreferencePair]) -> list[Tried]:
    """Win rates of all plausible readings on the same pairs; the current reading comes first.

    Readings that give the same tokens are tried once; one that the model or its template refuses
    is left out.

    Raises
    ------
    SourceError
        If the model cannot be loaded or the current reading fails.
    """
    chosen = pairs[:MOST_PAIRS]
    dialogues, groups = pair_dialogues(chosen), [pair.group for pair in chosen]
    seen: set[bytes] = set()
    found: list[Tried] = []
    from rmcheck.scoring.scorer import Scorer

    known = source.scorer
    encoder = isinstance(known, Scorer) and known.encodes
    for layout in plausible(source.layout, known.tokenizer, encoder=encoder):
        try:
            scorer = source.read_with(layout)
            key = b"|".join(ids.tobytes() for ids in scorer.encode(dialogues))
            if key in seen:
                continue
            seen.add(key)
            scores = scorer.score(dialogues, source.options.progress)
        except SourceError:
            if not found:
                raise
            continue
        won = wins(scores[0::2], scores[1::2])
        found.append(Tried(layout, won, win_rate(won, groups)))
    others = max(1, len(found) - 1)
    return [replace(each, p_value=_adjusted(each, found[0], groups, others)) for each in found]


def _adjusted(one: Tried, other: Tried, groups: Sequence[str], comparisons: int) -> float:
    if one is other:
        return 1.0
    return min(1.0, comparisons * paired_difference(one.wins, other.wins, groups).p_two_sided)


def recommended(tried: Sequence[Tried]) -> Tried:
    """The best reading, where it wins by more than chance allows; else the current one."""
    best = max(tried, key=lambda each: each.estimate.value)
    return best if best.p_value < ALPHA else tried[0]
