"""Two models' scores of the same pairs, and which of them went wrong since the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks import evidence
from rmcheck.verdict import Table

DECIDED = 1e-5
"""Scores that differ by less than this share of their spread are the same."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedScores:
    """Two models' scores of the same n pairs.

    `ids`, `groups` and `tags` are of length n; `now` and `before` are (n, 2): the scores of the
    chosen and of the rejected response by the candidate and by the baseline.
    """

    ids: Sequence[str]
    groups: Sequence[str]
    tags: Sequence[Sequence[str]]
    now: NDArray[np.float64]
    before: NDArray[np.float64]

    @property
    def identical(self) -> bool:
        """Whether all scores agree to the last digit that decides: 1e-5 of their spread.

        In float32 a score moves by a few units in the last place with the rest of its batch row.
        """
        spread = self.before.T.ravel().std()
        return bool(np.abs(self.now - self.before).max() <= DECIDED * spread)

    @property
    def margins(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n,) chosen less rejected, by the candidate and by the baseline."""
        return self.now[:, 0] - self.now[:, 1], self.before[:, 0] - self.before[:, 1]


@dataclass(frozen=True, kw_only=True, eq=False)
class RecipeScores:
    """Several trainings' scores of the same n pairs, of two recipes.

    `first` has the scores of the first training of each, `now` (k, n, 2) and `before` (j, n, 2)
    those of all. `now_seeds` and `before_seeds` are their seeds; `before_seeds` is empty for one
    training of a seed that is not known.
    """

    first: PairedScores
    now: NDArray[np.float64]
    before: NDArray[np.float64]
    now_seeds: tuple[int, ...]
    before_seeds: tuple[int, ...] = ()

    @property
    def identical(self) -> bool:
        """Whether each training of the recipe with fewer is one of the other's: the same scores."""
        few, many = sorted((self.now, self.before), key=len)
        return all(
            any(replace(self.first, now=one, before=other).identical for other in many)
            for one in few
        )


@dataclass(frozen=True)
class NewlyWrong:
    """Pairs that the baseline got right, or tied, and the candidate gets worse; worst first."""

    ids: list[str]
    tags: list[tuple[str, int]]
    """How many of them carry each tag, most first."""

    @classmethod
    def of(cls, scores: PairedScores, change: NDArray[np.float64]) -> NewlyWrong:
        """The pairs of which `change` (n,), the candidate's win less the baseline's, is below 0."""
        margins, _ = scores.margins
        rows = [int(row) for row in np.flatnonzero(change < 0)]
        rows.sort(key=lambda row: (margins[row], scores.ids[row]))
        return cls(
            [scores.ids[row] for row in rows],
            evidence.tag_counts(scores.tags[row] for row in rows),
        )

    @property
    def by_tag(self) -> Table:
        """How many of them carry each tag."""
        tags = tuple(self.tags[: evidence.MOST_TAGS])
        return Table(title="Newly wrong pairs by tag", columns=("tag", "pairs"), rows=tags)


def crosstab(now: NDArray[np.float64], before: NDArray[np.float64]) -> Table:
    """How many pairs both models, one or neither got right, from their (n,) wins."""

    def count(mine: bool, theirs: bool) -> int:
        return int((((now == 1) == mine) & ((before == 1) == theirs)).sum())

    return Table(
        title="Pairs",
        columns=("both right", "newly wrong", "newly right", "both wrong"),
        rows=((count(True, True), count(False, True), count(True, False), count(False, False)),),
    )
