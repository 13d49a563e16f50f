"""From two runs' scores to the pairs that both know, with their texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from rmcheck.data import PreferencePair
from rmcheck.record.scores import PairScore
from rmcheck.record.table import ScoreTable, one_each
from rmcheck.slices.flips import Flips
from rmcheck.stats.winrate import wins


def flips_of(
    candidate: Iterable[PairScore],
    baseline: Iterable[PairScore],
    pairs: Mapping[str, PreferencePair],
) -> tuple[Flips, int]:
    """The pairs whose texts both runs scored, and how many of them are not in `pairs`.

    Parameters
    ----------
    pairs : pairs with their texts, by hash.

    Notes
    -----
    Texts that are in several suites are one pair. Ties count half a win. Of a model with several
    outputs the first one counts.
    """
    mine, theirs = _by_text(candidate), _by_text(baseline)
    both = [stamp for stamp in mine if stamp in theirs]
    known = [stamp for stamp in both if stamp in pairs]

    def won(rows: Mapping[str, tuple[float, float, tuple[str, ...]]]) -> np.ndarray:
        sides = np.array([rows[stamp][:2] for stamp in known], dtype=np.float64).reshape(-1, 2)
        return wins(sides[:, 0], sides[:, 1])

    change = won(mine) - won(theirs) if known else np.zeros(0)
    found = Flips([pairs[stamp] for stamp in known], [mine[stamp][2] for stamp in known], change)
    return found, len(both) - len(known)


def _by_text(rows: Iterable[PairScore]) -> dict[str, tuple[float, float, tuple[str, ...]]]:
    """Scores of each text, and the suites that it is in."""
    table: ScoreTable = one_each(rows)
    found: dict[str, tuple[float, float, tuple[str, ...]]] = {}
    columns = zip(table.hashes, table.suites, table.chosen, table.rejected, strict=True)
    for stamp, suite, chosen, rejected in columns:
        known = found.get(stamp, (chosen, rejected, ()))
        found[stamp] = (known[0], known[1], (*known[2], suite))
    return found
