"""How a model reads a dialogue, token by token, and which of several readings suits it best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair, pair_dialogues
from rmcheck.errors import SourceError
from rmcheck.reward_source import Source
from rmcheck.sources.layout import Layout, is_chat
from rmcheck.sources.model_source import DialogueScorer, ModelSource, model_hash
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
    groups: Sequence[str] = field(repr=False)
    estimate: Estimate
    p_value: float = 1.0
    """Two-sided, against the current reading; adjusted for the number of readings."""

    def p_against(self, other: Tried) -> float:
        """Two-sided p of the difference of two win rates on the same pairs."""
        return paired_difference(self.wins, other.wins, self.groups).p_two_sided


def tried(layout: Layout, scores: NDArray[np.float64], pairs: Sequence[PreferencePair]) -> Tried:
    """A reading's wins; `scores` are those of `pair_dialogues(pairs)`, shape (2n,)."""
    won, groups = wins(scores[0::2], scores[1::2]), [pair.group for pair in pairs]
    return Tried(layout, won, groups, win_rate(won, groups))


class Reread(Source):
    """The model of a checkpoint with another reading; shares what is loaded.

    Parameters
    ----------
    source
        The checkpoint.
    layout
        The other reading.
    identity
        A hash of the checkpoint's files and of that reading.
    """

    def __init__(self, source: ModelSource, layout: Layout, identity: str) -> None:
        self._source = source
        self.layout = layout
        self._identity = identity

    @property
    def spec(self) -> str:
        """The checkpoint's spec and the reading."""
        return self._source.spec_with(self.layout)

    @property
    def fingerprint(self) -> str:
        """As `ModelSource.fingerprint`, with the other reading."""
        return model_hash(self._identity, self._source.options.dtype)

    @property
    def loaded(self) -> bool:
        """Whether the checkpoint is in memory."""
        return self._source.loaded

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,).

        Raises
        ------
        SourceError
            If the model or its template refuses the reading.
        """
        return self._source.read_with(self.layout).score(dialogues)


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


def rivals(current: Layout, *, has_chat_template: bool) -> Iterator[Layout]:
    """Readings that most often are the right one where the current one is wrong.

    These are the other templates with their usual end, and the current template with and without
    an end token. The model need not be loaded.
    """
    templates = ["chat"] if has_chat_template else []
    for template in [*templates, "default", "raw"]:
        if template != current.template:
            end = "template" if is_chat(template) else "tokenizer"
            yield replace(current, template=template, text="", end=end, origins={})
    for end in ("eos", "none"):
        if end != current.end and current.template != "pair":  # a tokenizer ends a pair
            yield replace(current, end=end, origins={})


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
    dialogues = pair_dialogues(chosen)
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
        found.append(tried(layout, scores, chosen))
    others = max(1, len(found) - 1)
    return [
        replace(each, p_value=min(1.0, others * each.p_against(found[0]))) if rank else each
        for rank, each in enumerate(found)
    ]


def recommended(found: Sequence[Tried]) -> Tried:
    """The best reading, where it wins by more than chance allows; else the current one."""
    best = max(found, key=lambda each: each.estimate.value)
    return best if best.p_value < ALPHA else found[0]
