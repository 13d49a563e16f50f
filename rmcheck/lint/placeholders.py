"""Rows that a scaffold wrote and that are not filled in yet."""

from __future__ import annotations

from collections.abc import Iterator

from rmcheck.data.preferences import PLACEHOLDER
from rmcheck.lint import finding as kinds
from rmcheck.lint.finding import Finding, clip
from rmcheck.lint.pool import Pool


def placeholder_findings(pool: Pool) -> Iterator[Finding]:
    """An error for each row of which a text still begins with the scaffold's mark."""
    for row in pool.rows:
        texts = [text for text in (row.prompt, *row.responses) if text.startswith(PLACEHOLDER)]
        if texts:
            more = f" (and {len(texts) - 1} more of its texts)" if len(texts) > 1 else ""
            message = f"'{row.item.id}' still contains {clip(texts[0])}{more}"
            yield Finding(kind=kinds.PLACEHOLDER, place=row.place, message=message)
