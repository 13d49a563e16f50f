"""Preference pairs as a table: their columns, each made once, and their dialogues."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, overload

from rmcheck.data.dialogue import Dialogue, PreferencePair, pair_dialogues

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rmcheck.stats.groups import Groups


class Pairs(tuple[PreferencePair, ...]):
    """The pairs that a check looks at. Checks of the same pairs share this object.

    A million pairs are asked for their groups, tags and lengths by every check and by the record;
    a column is made at the first of these questions.
    """

    @cached_property
    def groups(self) -> Groups:
        """The group of each pair."""
        from rmcheck.stats.groups import Groups

        return Groups(pair.group for pair in self)

    @cached_property
    def lengths(self) -> NDArray[np.float64]:
        """Characters of the chosen and of the rejected response, (n, 2)."""
        import numpy as np

        found = np.empty((len(self), 2))
        found[:, 0] = [len(pair.chosen) for pair in self]
        found[:, 1] = [len(pair.rejected) for pair in self]
        return found

    @cached_property
    def tagged(self) -> dict[str, NDArray[np.intp]]:
        """The rows of each tag, in the order of its first appearance; a tag that a pair has twice
        has its row twice."""
        import numpy as np

        rows: dict[str, list[int]] = {}
        for row, pair in enumerate(self):
            for tag in pair.tags:
                if tag in rows:
                    rows[tag].append(row)
                else:
                    rows[tag] = [row]
        return {tag: np.array(found, dtype=np.intp) for tag, found in rows.items()}

    @cached_property
    def groups_by_tag(self) -> dict[str, Groups]:
        """The groups of each tag's pairs."""
        return {tag: self.groups.take(rows) for tag, rows in self.tagged.items()}

    @cached_property
    def shuffled(self) -> list[list[int]]:
        """The rows of each group, the groups in an order that looks random.

        The texts alone decide it: neither the order of the data nor names, and an edited or added
        pair moves its own group only.
        """
        rows: dict[str, list[int]] = {}
        for row, pair in enumerate(self):
            rows.setdefault(pair.group, []).append(row)
        return sorted(rows.values(), key=lambda group: min(_drawn(self[row]) for row in group))

    @cached_property
    def sides(self) -> Sides:
        """Both dialogues of each pair: chosen and rejected of the first, then of the second, …"""
        return Sides(self)


def _drawn(pair: PreferencePair) -> bytes:
    """A number that the texts of a pair decide, as bytes."""
    return hashlib.sha256(f"in random order {pair.hash}".encode()).digest()


class Sides(Sequence[Dialogue]):
    """The dialogues of pairs, two a pair; each is made when it is asked for.

    A source that knows pairs by their ids needs none of them.
    """

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs

    @cached_property
    def hashes(self) -> list[str]:
        """The hash of each dialogue."""
        return [side.hash for side in self]

    def __len__(self) -> int:
        return 2 * len(self.pairs)

    @overload
    def __getitem__(self, index: int) -> Dialogue: ...

    @overload
    def __getitem__(self, index: slice) -> list[Dialogue]: ...

    def __getitem__(self, index: int | slice) -> Dialogue | list[Dialogue]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        return self.pairs[place // 2].dialogues()[place % 2]

    def __iter__(self) -> Iterator[Dialogue]:
        for pair in self.pairs:
            yield from pair.dialogues()


def sides_of(pairs: Sequence[PreferencePair]) -> Sequence[Dialogue]:
    """All dialogues of `pairs`: of `Pairs`, each is made when it is asked for."""
    return pairs.sides if isinstance(pairs, Pairs) else pair_dialogues(pairs)
