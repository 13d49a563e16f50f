"""What a benchmark is: parts that items earn credits in, and the totals that it publishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.check import ScoredPairs
from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.errors import did_you_mean

if TYPE_CHECKING:
    from rmcheck.stats.composite import Credits

Column = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scored:
    """The items of a benchmark with one model's scores: pairs, and sets with a column each."""

    pairs: ScoredPairs
    sets: Sequence[tuple[ResponseSet, Column]] = ()


@dataclass(frozen=True)
class Total:
    """A published number: offset + Σ weight · mean of a part.

    `needs` are the parts without which it would be another number; by default those of `weights`.
    """

    name: str
    weights: Mapping[str, float]
    offset: float = 0.0
    needs: tuple[str, ...] = ()

    @property
    def needed(self) -> list[str]:
        """The parts without which it is not computed."""
        return list(self.needs or self.weights)

    def missing(self, parts: Mapping[str, object]) -> list[str]:
        """The needed parts that the data do not have."""
        return [name for name in self.needed if name not in parts]


@dataclass(frozen=True)
class Definition:
    """A benchmark.

    Parameters
    ----------
    name, title
        As suites and people name it.
    formula
        Where its formula is published: project, file and version, or the paper.
    totals
        What it publishes, the headline first.
    credits
        What each part's items earn; parts without an item are left out.
    items
        Which of its items a benchmark scores.
    chance
        What random scores reach in the headline; None where that depends on the data.
    remarks
        What a reader of its totals should know.
    hub
        Data set and split of the hub that `datasets` loads, where they are known.
    published
        The command that downloads its files, where a suite does not load them from the hub.
    file
        The file, folder or glob that is then there.
    results
        Which parts its leaderboard's results file lists; empty without such a file.
    """

    name: str
    title: str
    formula: str
    totals: tuple[Total, ...]
    credits: Callable[[Scored], Mapping[str, Credits]]
    items: Callable[[PreferencePair | ResponseSet], bool]
    chance: float | None
    remarks: tuple[str, ...] = ()
    hub: tuple[str, str] | None = None
    published: str = ""
    file: str = ""
    results: tuple[str, ...] = field(default=())

    @property
    def expected(self) -> list[str]:
        """The parts of its headline."""
        return self.totals[0].needed

    def total(self, name: str | None) -> Total:
        """The total of that name, or the headline.

        Raises
        ------
        ValueError
            With the names there are.
        """
        for one in self.totals:
            if name in (None, one.name):
                return one
        known = did_you_mean(str(name), [one.name for one in self.totals])
        raise ValueError(f"total: {self.name} has no total '{name}', {known}")


def tagged(item: PreferencePair | ResponseSet, key: str) -> str | None:
    """The value of an item's tag `key:value`; None without one."""
    start = f"{key}:"
    return next((tag[len(start) :] for tag in item.tags if tag.startswith(start)), None)


def strict_wins(scored: ScoredPairs) -> Column:
    """1 where chosen scores higher; a tie is a loss, as in the benchmarks' own code."""
    return (scored.chosen > scored.rejected).astype(np.float64)


def gathered(rows: Iterator[tuple[str, float, str]]) -> dict[str, Credits]:
    """Parts from (part, credit, group) of each item."""
    from rmcheck.stats.composite import Credits

    found: dict[str, tuple[list[float], list[str]]] = {}
    for part, value, group in rows:
        values, groups = found.setdefault(part, ([], []))
        values.append(value)
        groups.append(group)
    return {
        part: Credits(np.array(values, dtype=np.float64), groups)
        for part, (values, groups) in found.items()
    }


def mean_of(name: str, parts: Sequence[str]) -> Total:
    """The plain mean of parts."""
    return Total(name, dict.fromkeys(parts, 1.0 / len(parts)))


def share_of(name: str, part: str | None = None) -> Total:
    """A part that is a total by itself."""
    return Total(name, {part or name: 1.0})
