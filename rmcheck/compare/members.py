"""What each member adds to an ensemble: the ensemble with it and without it, on the same pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import PreferencePair
from rmcheck.reward_source import Composed
from rmcheck.stats.multiplicity import holm
from rmcheck.stats.signflip import sign_flip_p_integer
from rmcheck.stats.winrate import win_rate, wins
from rmcheck.verdict import Estimate

ALPHA = 0.05
"""Under this adjusted p-value the ensemble is better with the member."""


@dataclass(frozen=True)
class Contribution:
    """One member of an ensemble.

    Parameters
    ----------
    spec
        Its name.
    alone
        Its own win rate.
    without
        The win rate of the ensemble of the other members.
    gained, lost
        Pairs that only the ensemble with it gets right, and that only the one without it does;
        a tie counts as half a pair.
    p_value
        Exact paired sign-flip test over prompts that the ensemble is better with it, one-sided,
        adjusted by Holm over the members.
    """

    spec: str
    alone: Estimate
    without: Estimate
    gained: float
    lost: float
    p_value: float

    @property
    def adds(self) -> bool:
        """Whether these pairs show that the ensemble is better with it."""
        return self.p_value < ALPHA


def contributions(
    source: Composed, rewards: NDArray[np.float64], pairs: Sequence[PreferencePair]
) -> tuple[Estimate, list[Contribution]]:
    """The ensemble's win rate, and what each member adds to it.

    Parameters
    ----------
    source
        The ensemble.
    rewards : (m, 2n)
        The members' rewards of chosen and rejected, in turn, of n ≥ 1 pairs.
    """
    groups = [pair.group for pair in pairs]

    def won(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(wins(values[0::2], values[1::2]), dtype=np.float64)

    whole = won(source.combined(rewards))
    members = range(len(source.members))
    found = []
    for row, member in enumerate(source.members):
        kept = [index for index in members if index != row]
        fewer = won(source.combined(rewards[kept], kept))
        change = whole - fewer
        sums: dict[str, float] = {}
        for group, value in zip(groups, change, strict=True):
            sums[group] = sums.get(group, 0.0) + float(value)
        # Half wins make halves: twice the sum is a whole number.
        net = np.rint(2 * np.array(list(sums.values()))).astype(np.int64)
        found.append(
            Contribution(
                spec=member.spec,
                alone=win_rate(won(rewards[row]), groups),
                without=win_rate(fewer, groups),
                gained=float(change[change > 0].sum()),
                lost=float(-change[change < 0].sum()),
                p_value=sign_flip_p_integer(net, "greater"),
            )
        )
    adjusted = holm([each.p_value for each in found])
    return win_rate(whole, groups), [
        replace(each, p_value=p) for each, p in zip(found, adjusted, strict=True)
    ]
