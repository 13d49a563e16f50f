"""The input of every report format."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from rmcheck.data import PreferencePair, prompt_text
from rmcheck.data.objectives import by_objective
from rmcheck.record.history import HistoryRun, whole
from rmcheck.record.run import RunRecord
from rmcheck.record.scores import PairScore
from rmcheck.report import over_time

if TYPE_CHECKING:
    from rmcheck.slices.finding import Found

TextsOf = Literal["failing", "all", "none"]
"""Which texts a report includes: those of failing and flipped pairs, all, or none."""


@dataclass(frozen=True)
class PairTexts:
    """The texts of one preference pair, as a person reads them."""

    prompt: str
    chosen: str
    rejected: str


class TextsByHash(Mapping[str, PairTexts]):
    """The texts of pairs by the pair's hash; those of a pair are put together when asked for."""

    def __init__(self) -> None:
        self._pairs: dict[str, PreferencePair] = {}

    def add(self, pairs: Iterable[PreferencePair]) -> None:
        """Add pairs, also as their objectives label them; of equal texts the later one counts."""
        for pair in pairs:
            for label in pair.objectives:
                side = by_objective(pair, label.objective)
                if side is not None:
                    self._pairs[side.hash] = side
            self._pairs[pair.hash] = pair

    @property
    def pairs(self) -> Mapping[str, PreferencePair]:
        """The pairs themselves, by hash."""
        return self._pairs

    def __getitem__(self, stamp: str) -> PairTexts:
        pair = self._pairs[stamp]
        return PairTexts(prompt_text(pair.prompt), pair.chosen, pair.rejected)

    def __contains__(self, stamp: object) -> bool:
        return stamp in self._pairs

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)


@dataclass(frozen=True)
class ReportInput:
    """A run, its scores, the run it was compared with, and the texts that could be found.

    `texts` maps a pair's hash (`PairScore.hash`) to its texts; a pair that is not in it is shown
    by its id and scores alone. `texts_of` says whose texts a report may show. `history` holds runs
    of other times, in any order; none is needed. `where` has the slices of a run that got worse.
    """

    record: RunRecord
    scores: Sequence[PairScore]
    baseline: tuple[RunRecord, Sequence[PairScore]] | None = None
    texts: Mapping[str, PairTexts] = field(default_factory=dict)
    history: Sequence[HistoryRun] = ()
    texts_of: TextsOf = "failing"
    where: Found | None = None

    @cached_property
    def over_time(self) -> tuple[str, ...]:
        """What the history says of this run, in sentences."""
        return tuple(over_time.lines(whole(self.history, self.record)))
