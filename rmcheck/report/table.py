"""Markdown tables for the summary, the documentation and the benchmarks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Iterable[object]], *, figures: int = 0) -> str:
    r"""A Markdown table whose last `figures` columns are aligned to the right.

    Cells are written as they are: escape a `|` before.

    >>> print(table(("tag", "pairs"), [("a", 3)], figures=1))
    | tag | pairs |
    |---|---:|
    | a | 3 |
    """
    rule = ["---"] * (len(head) - figures) + ["---:"] * figures
    lines = [line(head), f"|{'|'.join(rule)}|", *map(line, rows)]
    return "\n".join(lines)


def line(cells: Iterable[object]) -> str:
    """One line of a table."""
    return f"| {' | '.join(map(str, cells))} |"
