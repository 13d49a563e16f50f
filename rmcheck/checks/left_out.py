"""Which of the baseline's pairs a comparison leaves out, and whether they are too many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rmcheck.checks.check import Changes, Context
from rmcheck.data import PreferencePair
from rmcheck.slices.where import Slice
from rmcheck.wording import counted, listed

AT_LEAST = 2
"""This many of the baseline's pairs may always be left out."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """The pairs that a comparison with `baseline` leaves out, against the share that may be.

    `compared` is how many pairs are compared, `most` the largest share of the baseline's pairs, in
    [0, 1], that may be left out.
    """

    changes: Changes
    compared: int
    most: float
    baseline: str

    @property
    def count(self) -> int:
        """How many of the baseline's pairs."""
        return len(self.changes.dropped)

    @property
    def too_many(self) -> bool:
        """Whether they are more than `most` allows."""
        return too_many(self.count, of=self.count + self.compared, most=self.most)

    @property
    def message(self) -> str:
        """How many were left out, and what to do if they are too many; empty for none."""
        if not self.count:
            return ""
        kinds = [
            (self.changes.edited, "edited"),
            (self.changes.removed, "removed"),
            (self.changes.retagged, "retagged"),
        ]
        how = ", ".join(f"{len(ids):,} {word}" for ids, word in kinds if ids)
        if self.changes.unsure:
            how += (
                f"; {self.baseline} keeps no texts, so {len(self.changes.unsure):,} that "
                "`where` may have selected are counted"
            )
        total = self.count + self.compared
        text = f"; {self.count:,} of {total:,} pairs of {self.baseline} left out ({how})"
        if not self.too_many:
            return text
        return (
            f"{text}, more than max_left_out {self.most:g}: {listed(self.changes.dropped)}; "
            "restore the data, or bless this run: rmcheck bless --red"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """How the data differ from the baseline's, one line per kind of change."""
        kinds = [
            (self.changes.edited, f"left out, edited since {self.baseline}"),
            (self.changes.added, f"left out, new since {self.baseline}"),
            (self.changes.removed, f"of {self.baseline} no longer in the data"),
            (self.changes.retagged, f"left out, other tags than in {self.baseline}"),
        ]
        return tuple(
            f"{counted(len(ids), 'pair')} {what}: "
            + ", ".join(ids[:12])
            + (" …" if len(ids) > 12 else "")
            for ids, what in kinds
            if ids
        )


def too_many(count: int, *, of: int, most: float) -> bool:
    """Whether `count` left-out pairs of so many are more than the share `most` allows.

    >>> too_many(2, of=10, most=0.05), [too_many(n, of=100, most=0.05) for n in (5, 6)]
    (False, [False, True])
    """
    return count > max(AT_LEAST, int(most * of + 1e-9))


def within(where: Slice | None, ctx: Context, selected: Sequence[PreferencePair]) -> Changes:
    """How the pairs differ from the baseline's that `where` selects, or selected once.

    Parameters
    ----------
    where
        The condition of the check; None selects all pairs.
    ctx
        Knows the data and the baseline.
    selected
        Those of the pairs that it selects now.

    Notes
    -----
    A baseline keeps the tags of its pairs and no texts. So if more than tags decides, an edited or
    removed pair counts if its tags allow that it was selected.
    """
    if where is None:
        return ctx.changes(selected)
    data = ctx.data
    changes = ctx.changes(data.pairs if where.beyond_tags else selected)
    now = {pair.id for pair in selected}
    once = {name for name, tags in changes.tags.items() if where.admits(tags)}
    retagged = tuple(
        pair.id for pair in data.pairs if pair.id in once and not where.admits(pair.tags)
    )
    may_have_been = once.difference(retagged) if where.beyond_tags else set()
    edited = tuple(name for name in changes.edited if name in now or name in may_have_been)
    removed = tuple(name for name in changes.removed if name in once)
    unsure = [name for name in edited if name not in now]
    return replace(
        changes,
        added=tuple(name for name in changes.added if name in now),
        edited=edited,
        removed=removed,
        retagged=retagged,
        unsure=(*unsure, *removed) if where.beyond_tags else (),
    )
