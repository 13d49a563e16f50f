"""What two models make of the same pairs: the pairs, and how each one's win changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import PreferencePair
from rmcheck.stats import groups as grouping


@dataclass(frozen=True, eq=False)
class Flips:
    """Pairs that both models scored.

    `suites` are those that each pair is in, `change` (n,) is the candidate's win less the
    baseline's: -1 newly wrong, 1 newly right, halves where one of them ties.
    """

    pairs: Sequence[PreferencePair]
    suites: Sequence[tuple[str, ...]]
    change: NDArray[np.float64]

    def changed(self, change: NDArray[np.float64]) -> Flips:
        """The same pairs in the same halves with other changes, for simulations."""
        other = replace(self, change=change)
        for name in ("codes", "weights", "confirming"):
            other.__dict__[name] = getattr(self, name)
        return other

    @property
    def newly_wrong(self) -> int:
        """How many pairs did worse than before."""
        return int((self.change < 0).sum())

    @property
    def newly_right(self) -> int:
        """How many did better."""
        return int((self.change > 0).sum())

    @cached_property
    def codes(self) -> NDArray[np.intp]:
        """The number of each pair's prompt, (n,)."""
        return grouping.codes([pair.group for pair in self.pairs])

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """1 divided by the number of pairs with the same prompt, (n,): they add up to prompts."""
        return 1.0 / grouping.sizes(self.codes)[self.codes]

    @cached_property
    def confirming(self) -> NDArray[np.bool_]:
        """Whether a pair is in the half that confirms, (n,); the pairs of a prompt are together.

        Prompts are ordered by a hash of their texts and taken in turn, so that the halves depend
        on neither scores nor the order of the rows, and the next run has the same ones.
        """
        members: dict[int, list[str]] = {}
        for code, pair in zip(self.codes.tolist(), self.pairs, strict=True):
            members.setdefault(code, []).append(pair.hash)
        stamps = {code: _stamp(hashes) for code, hashes in members.items()}
        order = sorted(stamps, key=lambda code: stamps[code])
        half = np.zeros(len(order), dtype=bool)
        half[order[1::2]] = True
        return np.asarray(half[self.codes], dtype=bool)


def _stamp(hashes: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(["slices", *sorted(hashes)]).encode()).hexdigest()
