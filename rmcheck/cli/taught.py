"""How far a student agrees with its teacher, for `rmcheck train`."""

from __future__ import annotations

from collections.abc import Iterator

from rmcheck.record.run import DistilRecord, EstimateRecord
from rmcheck.report import numbers
from rmcheck.wording import counted, minus


def taught_by(found: DistilRecord) -> Iterator[str]:
    """The lines about the teacher: its scale, and the agreement on held-out prompts."""
    yield f"teacher: {found.teacher}, its margins divided by {found.scale:.6g}"
    if found.alone:
        rows = counted(found.alone, "row")
        yield f"  left out: {rows} without a second response to compare with"
    if found.same_side is None:
        yield "  agreement: not measured (no held-out prompts; use held_out: 0.05)"
        return
    yield (
        f"  same side as the teacher {numbers.rate(found.same_side.value)} "
        f"{numbers.interval(found.same_side)} of {found.margins:,} margins of "
        f"{counted(found.prompts, 'held-out prompt')}"
    )
    for name, each in (("Pearson", found.pearson), ("Spearman", found.spearman)):
        said = "undefined: all margins are the same" if each is None else _correlation(each)
        yield f"  {name} correlation of the margins {said}"


def _correlation(given: EstimateRecord) -> str:
    return minus(f"{given.value:.3f} [{given.low:.3f}, {given.high:.3f}]")
