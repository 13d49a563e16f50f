"""The reward sources of `rmcheck lint --scores`, as what the linter asks for margins."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rmcheck.cli.options import settings
from rmcheck.cli.ranking import as_spec
from rmcheck.compare.ranking import labels
from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.engine.book import ScoreBook
from rmcheck.errors import UsageError
from rmcheck.lint.labels import Auditors
from rmcheck.reward_source import Partial, Source
from rmcheck.sources import create


def auditors_of(options: argparse.Namespace) -> Auditors | None:
    """The sources that the options name; None without any.

    Raises
    ------
    UsageError
        For a single source, and for options that need sources.
    """
    if not options.scores:
        lacking = [name for name in ("most", "html") if getattr(options, name)]
        if lacking:
            raise UsageError(f"--{lacking[0]} needs --scores with two or more sources")
        return None
    if len(options.scores) == 1:
        raise UsageError(
            f"--scores {options.scores[0]}: expected two or more sources, got one; what a single "
            "source contradicts are its own mistakes (rmcheck report lists them)"
        )
    chosen = settings(options)
    specs = [as_spec(spec, chosen) for spec in options.scores]
    names = tuple(labels(specs))
    sources = [create(spec, chosen.options) for spec in specs]
    book = ScoreBook(chosen.cache)
    return Auditors(
        names, lambda pairs: np.array([_margins(one, book, pairs) for one in sources]), options.most
    )


def _margins(
    source: Source, book: ScoreBook, pairs: Sequence[PreferencePair]
) -> NDArray[np.float64]:
    """(n,) chosen less rejected; NaN for a pair that the source cannot score."""
    margins = np.full(len(pairs), np.nan)
    known = [
        row
        for row, pair in enumerate(pairs)
        if not isinstance(source, Partial) or all(map(source.knows, pair.dialogues()))
    ]
    dialogues = pair_dialogues([pairs[row] for row in known])
    book.fetch(source, dialogues)
    both = book.scores(source, dialogues)
    margins[known] = both[0::2] - both[1::2]
    return margins
