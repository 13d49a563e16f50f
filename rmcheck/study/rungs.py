"""Rungs: shares of a training at which it is compared with others, and goes on or is stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rmcheck.training.sweep_file import Prune


def shares(prune: Prune) -> tuple[float, ...]:
    """The shares of a training at which it is judged: `first`, and each `reduction` times the last.

    >>> shares(Prune(kind="asha", reduction=3, first=0.1))
    (0.1, 0.3, 0.9)
    """
    found, share = [], prune.first
    while share < 1:
        found.append(round(share, 6))
        share *= prune.reduction
    return tuple(found)


def rung_steps(shares: Sequence[float], steps: int) -> Mapping[int, Sequence[int]]:
    """The step of each rung in a training of `steps` steps, with the rungs that fall on it.

    What would fall on the last step is left out: the training is over then.

    >>> rung_steps((0.1, 0.3, 0.9), 10), rung_steps((0.1, 0.3, 0.9), 3)
    ({1: [0], 3: [1], 9: [2]}, {1: [0, 1]})
    """
    found: dict[int, list[int]] = {}
    for rung, share in enumerate(shares):
        step = max(1, round(share * steps))
        if step < steps:
            found.setdefault(step, []).append(rung)
    return found


@dataclass
class RungTable:
    """The values of earlier trainings at each rung; higher is better.

    Li et al. (2020), "A system for massively parallel hyperparameter tuning" (ASHA), in the form
    that stops trainings and does not pause them. One that arrives at a rung as number n, itself
    counted, goes on if fewer than ⌊n / reduction⌋ are better. Until `reduction` trainings have
    arrived, all go on.

    Parameters
    ----------
    reduction
        The best 1/reduction of the trainings go on.
    """

    reduction: int
    values: dict[int, list[float]] = field(default_factory=dict)

    def goes_on(self, rung: int, value: float) -> bool:
        """Whether a training with this value at a rung goes on; does not note the value."""
        others = self.values.get(rung, [])
        count = len(others) + 1
        better = sum(other > value for other in others)
        return count < self.reduction or better < count // self.reduction

    def note(self, reached: Mapping[int, float]) -> None:
        """Note the values of a training at all rungs that it reached."""
        for rung, value in reached.items():
            self.values.setdefault(rung, []).append(value)
