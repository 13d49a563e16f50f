"""What is watched in a log, each as a number for every row, and the bets against its change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rmcheck.monitor.window import Mean
from rmcheck.stats.betting import Capital, Ranks

BINS = 32
SHARES = np.arange(BINS) / BINS
"""The upper ends of the bins of shares, the first one of which is for none at all."""
TUPLE = 10
"""Ties are looked for among this many rows in a row."""


@dataclass(frozen=True)
class Kind:
    """An aspect of a log: its name, what its mean is called, and what a change of it is."""

    name: str
    mean: str
    changed: str


SCORES = Kind("scores", "mean score", "the distribution of the scores changed")
TIES = Kind("ties", "tied share", "scores tie with each other more, or less, often")
LENGTH = Kind(
    "length",
    "longer one ahead",
    "a longer response has the higher score more, or less, often",
)
PROMPTS = Kind(
    "prompts", "unseen words", "prompts have more, or fewer, words that the reference did not have"
)
KINDS = (SCORES, TIES, LENGTH, PROMPTS)


@dataclass
class Aspect:
    """The values of one aspect and the evidence that they changed.

    `values` of the reference set the bins and the first counts; those after it are bet on.
    """

    kind: Kind
    edges: NDArray[np.float64] | None = None
    """The upper ends of the bins of values; None: values are whole numbers up to `TUPLE`."""
    capital: Capital = field(default_factory=Capital)
    reference: Mean = field(default_factory=Mean)
    ranks: Ranks | None = None

    def count(self, values: NDArray[np.float64], shown: NDArray[np.float64]) -> None:
        """Count values of the reference; `shown` are those whose mean is reported."""
        self._ranks().add(self._codes(values))
        self.reference.add(shown)

    def bet(self, values: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Bet on a block of values of the log."""
        if len(values):
            p = self._ranks().p_values(self._codes(values), rng.random(len(values)))
            self.capital.bet(p)

    def _codes(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        if self.edges is None:
            return values.astype(np.int64)
        return np.searchsorted(self.edges, values, side="left").astype(np.int64)

    def _ranks(self) -> Ranks:
        if self.ranks is None:
            self.ranks = Ranks(TUPLE + 1 if self.edges is None else len(self.edges) + 1)
        return self.ranks


def edges_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The upper ends of up to `BINS` - 1 bins that hold about as many of the values each."""
    return np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))


def tied(scores: Sequence[float], texts: Sequence[object]) -> int:
    """How many of a few rows have exactly the score of another one with a different text.

    >>> tied([1.0, 1.0, 2.0, 2.0], ["a", "b", "c", "c"])
    2
    """
    by_score: dict[float, set[object]] = {}
    for score, text in zip(scores, texts, strict=True):
        by_score.setdefault(score, set()).add(text)
    return sum(len(by_score[score]) > 1 for score in scores)


def longer_ahead(scores: NDArray[np.float64], lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each two rows whether the longer response has the higher score: 0 no, 1 even, 2 yes.

    Parameters
    ----------
    scores, lengths : (2k,) of rows in the order of the log.

    Returns
    -------
    (k,) of 0, 1 and 2. It depends on the order of scores and of lengths alone, so it stays the
    same if all scores rise or all responses get longer.
    """
    up = np.sign(scores[1::2] - scores[::2]) * np.sign(lengths[1::2] - lengths[::2])
    return np.asarray(up + 1.0)
