"""The charts and small tables of a page, as its template gets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True)
class Figure:
    """A chart with its caption, or the remark that replaces it."""

    title: str
    svg: Markup | None
    remark: str | None = None


@dataclass(frozen=True)
class Grid:
    """A small table: for each column its name and whether it is numeric."""

    title: str
    columns: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[str]]
    remark: str | None = None
