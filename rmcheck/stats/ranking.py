"""Several models on the same pairs: their order, and which of them cannot be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from rmcheck.stats.columns import proportion
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.multiplicity import holm
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.winrate import win_rate
from rmcheck.verdict import Estimate


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A model's place in a ranking.

    `rank` is that of its win rate (equal rates share the better rank), `best_rank` and
    `worst_rank` those that the tests leave open: 1 + how many models are better beyond doubt, and
    k - how many are worse. `letters` are those of the compact letter display.
    """

    model: str
    estimate: Estimate
    ties: int
    rank: int
    best_rank: int
    worst_rank: int
    letters: str


@dataclass(frozen=True, kw_only=True)
class Versus:
    """Two models of a ranking: `better` less `worse`, by win rate.

    `p` is the two-sided exact sign-flip p, `adjusted_p` Holm's over all pairs of models; `apart`
    says whether the two are told apart at the level of the ranking.
    """

    better: str
    worse: str
    difference: Estimate
    p: float
    adjusted_p: float
    apart: bool


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """k models on the same n pairs, the best first, and all k(k-1)/2 pairs of them.

    `undecided` says why no two models could be told apart, whatever their win rates.
    """

    rows: tuple[Ranked, ...]
    versus: tuple[Versus, ...]
    alpha: float
    undecided: str = ""

    @property
    def n(self) -> int:
        """How many pairs."""
        return self.rows[0].estimate.n

    @property
    def n_groups(self) -> int:
        """How many groups the pairs fall into."""
        return self.rows[0].estimate.n_groups


def letter(index: int) -> str:
    """The name of a column of the display: a letter, and a number from the second round on.

    >>> letter(0), letter(25), letter(26)
    ('a', 'z', 'a1')
    """
    turn, place = divmod(index, 26)
    return f"{chr(ord('a') + place)}{turn or ''}"


def compact_letters(k: int, apart: Sequence[tuple[int, int]]) -> list[str]:
    """The compact letter display: two models share a letter if and only if they are not apart.

    Parameters
    ----------
    k : number of models, ≥ 1, in their order: a is the letter of the first one.
    apart : pairs of indices in [0, k) that are told apart.

    Returns
    -------
    (k,) letters of each model, at least one.

    Notes
    -----
    Piepho 2004, *Journal of Computational and Graphical Statistics* 13:456-466: columns start as
    one of all models; each pair that is apart splits the columns that contain both (insert), and
    those within another column are dropped (absorb). Columns that the others make needless are
    dropped at the end; his sweeping of single letters is left out.

    >>> compact_letters(3, [(0, 2)])
    ['a', 'ab', 'b']
    """
    columns = [frozenset(range(k))]
    for first, second in apart:
        if not (0 <= first < k and 0 <= second < k and first != second):
            raise ValueError(f"({first}, {second}) are not two of {k} models")
        split = []
        for column in columns:
            both = first in column and second in column
            split += [column - {first}, column - {second}] if both else [column]
        unique = list(dict.fromkeys(split))
        columns = [one for one in unique if not any(one < other for other in unique)]
    columns.sort(key=sorted)
    for column in columns[::-1]:
        others = [one for one in columns if one is not column]
        links = [{a, b} for a in column for b in column]
        if others and all(any(link <= other for other in others) for link in links):
            columns = others
    return [
        "".join(letter(place) for place, column in enumerate(columns) if model in column)
        for model in range(k)
    ]


def rank_models(
    wins: Mapping[str, ArrayLike],
    groups: Sequence[str],
    *,
    alpha: float = 0.05,
    level: float = 0.95,
) -> Ranking:
    """Rank models by their win rates on the same pairs, and test every two of them.

    Parameters
    ----------
    wins : for each model (n,) in {0, 0.5, 1}, pair by pair, n ≥ 1; at least two models.
    groups : (n,) group of each pair; groups are independent of each other.
    alpha : chance, at most, of telling any two equal models apart, in (0, 1).
    level : of each two-sided interval, in (0, 1).

    Returns
    -------
    Ranking
        Models of equal win rates are in the order given.

    Notes
    -----
    Each two models are compared by `paired.paired_difference`, the test of `no_regression`: exact
    sign flips over groups, which is McNemar's exact test where every pair is its own group. Holm's
    method adjusts the two-sided p over all pairs of models. With fewer than 15 groups no two
    models are told apart.
    """
    proportion("alpha", alpha, closed=False)
    if len(wins) < 2:
        raise ValueError(f"a ranking needs two models or more, got {len(wins)}")
    columns = {name: np.asarray(column, dtype=np.float64) for name, column in wins.items()}
    estimates = {name: win_rate(column, groups, level=level) for name, column in columns.items()}
    order = sorted(columns, key=lambda name: -estimates[name].value)
    undecided = ""
    if len(set(groups)) < MIN_GROUPS:
        undecided = (
            f"{len(set(groups))} different prompts; at least {MIN_GROUPS} are needed to tell "
            "models apart"
        )
    pairs = list(combinations(order, 2))
    found = [
        paired_difference(columns[better], columns[worse], groups, level=level)
        for better, worse in pairs
    ]
    adjusted = holm([each.p_two_sided for each in found])
    versus = tuple(
        Versus(
            better=better,
            worse=worse,
            difference=each.estimate,
            p=each.p_two_sided,
            adjusted_p=p,
            apart=p <= alpha and not undecided,
        )
        for (better, worse), each, p in zip(pairs, found, adjusted, strict=True)
    )
    place = {name: index for index, name in enumerate(order)}
    letters = compact_letters(
        len(order), [(place[one.better], place[one.worse]) for one in versus if one.apart]
    )
    rows = tuple(
        Ranked(
            model=name,
            estimate=estimates[name],
            ties=int(np.count_nonzero(columns[name] == 0.5)),
            rank=1 + sum(one.value > estimates[name].value for one in estimates.values()),
            best_rank=1 + sum(one.apart and one.worse == name for one in versus),
            worst_rank=len(order) - sum(one.apart and one.better == name for one in versus),
            letters=letters[place[name]],
        )
        for name in order
    )
    return Ranking(rows=rows, versus=versus, alpha=alpha, undecided=undecided)
