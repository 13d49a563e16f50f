"""Warns when a model would rank the suites' pairs better if its texts were written otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rmcheck.data import PreferencePair, pair_dialogues
from rmcheck.engine.bar import SessionBar
from rmcheck.engine.book import ScoreBook
from rmcheck.errors import RmcheckError
from rmcheck.reward_source import Source
from rmcheck.spec import redacted
from rmcheck.wording import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PAIRS = 60
"""Pairs on which readings are compared, chosen by the hash of their texts."""
ALPHA = 0.01
"""Level of the warning over all other readings of a model together."""


class ReadingWatch:
    """Compares how each model is read with other readings that it may have been trained with.

    Scores are cached like those of any source, so each checkpoint pays for this once. A model
    that is not in memory is not loaded for it: the comparison then waits for a run that loads it.

    Parameters
    ----------
    book
        The session's scores, which have those of the current reading.
    cache
        The folder of scores.
    bar
        The session's progress bar.
    """

    def __init__(self, book: ScoreBook, cache: Path, bar: SessionBar) -> None:
        self._book = book
        self._others = ScoreBook(cache, bar)  # apart, so that a run's counts are those of its texts
        self._told: dict[int, str] = {}

    @property
    def remarks(self) -> list[str]:
        """A sentence for each model that another reading suits better."""
        return [remark for remark in self._told.values() if remark]

    def look(self, source: Source, pairs: Iterable[PreferencePair]) -> None:
        """Compare the readings of `source`, once a session; most sources have one."""
        if id(source) in self._told:
            return
        self._told[id(source)] = ""
        try:
            others = source.other_readings()
            if others:
                self._told[id(source)] = self._compared(source, others, self._known(source, pairs))
        except RmcheckError:  # what is wrong with the model is reported where it is used
            return

    def _known(self, source: Source, pairs: Iterable[PreferencePair]) -> list[PreferencePair]:
        """The same pairs in each run, as long as the data are the same."""
        distinct = {pair.hash: pair for pair in pairs}
        ordered = (distinct[key] for key in sorted(distinct))
        return [each for each in ordered if self._book.knows(source, each.dialogues())][:PAIRS]

    def _compared(
        self, source: Source, others: Sequence[Source], pairs: Sequence[PreferencePair]
    ) -> str:
        if not pairs:
            return ""
        from rmcheck.stats.paired import paired_difference

        groups = [pair.group for pair in pairs]
        now = self._wins(self._book, source, pairs)
        found = []
        for other in others:
            won = self._tried(other, pairs)
            if won is not None and won.mean() > now.mean():
                p = len(others) * paired_difference(won, now, groups).p_two_sided
                if p < ALPHA:
                    found.append((float(won.mean()), p, other))
        if not found:
            return ""
        rate, p, other = max(found, key=lambda each: each[0])
        return (
            f"{redacted(source.spec)} may be read wrongly: on {counted(len(pairs), 'pair')} "
            f"another reading ({redacted(other.spec)}) wins {rate:.0%}, the current one "
            f"{now.mean():.0%} (p={p:.1g}); compare all with `rmcheck doctor`, and read it as it "
            "was trained"
        )

    def _tried(self, other: Source, pairs: Sequence[PreferencePair]) -> NDArray[np.float64] | None:
        """The wins of a reading; None where it is refused, or would have to be loaded."""
        try:
            if not other.loaded and self._others.missing(other, pair_dialogues(pairs)):
                return None
            return self._wins(self._others, other, pairs)
        except RmcheckError:
            return None

    @staticmethod
    def _wins(
        book: ScoreBook, source: Source, pairs: Sequence[PreferencePair]
    ) -> NDArray[np.float64]:
        from rmcheck.stats.winrate import wins

        scores = book.scores(source, pair_dialogues(pairs))
        return wins(scores[0::2], scores[1::2])
