"""The section of a red run that says in which part of the data it got worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmcheck.report.where import Place
    from rmcheck.slices.finding import Found


@dataclass(frozen=True)
class WhereView:
    """The sentence of the section, and the confirmed slices."""

    lead: str
    places: Sequence[Place]


def where_view(found: Found | None) -> WhereView | None:
    """The view of a search; None for a run without one."""
    if found is None:
        return None
    from rmcheck.report.where import UNCONFIRMED, headline, places

    said = headline(found)
    return WhereView(f"{said[0].upper()}{said[1:]}." if said else UNCONFIRMED, places(found))
