"""Checks that stop early: more of what they need is scored until their verdicts are sure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from rmcheck.checks import Check, Need
from rmcheck.engine.binding import Binding
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.context import SuiteContext, of_objective
from rmcheck.engine.reads import Reads
from rmcheck.engine.seeds import with_trainings
from rmcheck.errors import RmcheckError
from rmcheck.reward_source import Partial, Source
from rmcheck.suite import BoundCheck
from rmcheck.wording import counted

Fetch = Callable[[Sequence[tuple[Source, Need]]], None]
"""Has the needs of sources scored."""


@dataclass(frozen=True, eq=False)
class Staged:
    """A check, what it sees, and its needs in rounds, each of the objective that it names."""

    bound: BoundCheck
    check: Check
    context: SuiteContext
    binding: Binding
    rounds: Sequence[Sequence[Need]]

    @classmethod
    def of(cls, bound: BoundCheck, context: SuiteContext) -> Staged:
        """The rounds of a check under the settings of its context."""
        check = context.asked(bound.check)
        objective = check.objective or ""
        binding, seeds = context.binding, context.seeds
        rounds = [
            [
                each
                for need in needs
                for each in with_trainings(
                    replace(need, source=of_objective(need.source, objective)), binding, seeds
                )
            ]
            for needs in check.rounds(bound.suite.data_of(check))
        ]
        side = replace(context, objective=objective)
        return cls(bound, check, side, binding, rounds)

    @property
    def reads(self) -> Reads:
        """What its needs name, whether or not it reads all of it."""
        found = Reads()
        for number in range(len(self.rounds)):
            for source, need in self.sources(number):
                found.got(
                    need.source, self.context.book.view(source, self.context.suite), need.dialogues
                )
        return found

    def sources(self, number: int) -> list[tuple[Source, Need]]:
        """The needs of a round with their sources, without those that cannot be asked."""
        found = []
        for need in self.rounds[number]:
            with suppress(RmcheckError):  # the check says so where it is judged
                source = self.binding.source(need.source)
                if not need.only or isinstance(source, need.only):
                    found.append((source, need))
        return found


class Rounds:
    """Scores the later rounds of checks, and tells how many texts were not needed."""

    def __init__(self, book: ScoreBook) -> None:
        self._book = book
        self._told: dict[str, str] = {}

    @property
    def remarks(self) -> list[str]:
        """A sentence for each check that may stop early."""
        return [remark for remark in self._told.values() if remark]

    def score(
        self, staged: Iterable[Staged], fetch: Fetch, failed: Mapping[int, Exception]
    ) -> None:
        """Have round after round scored until every check is settled; the first ones are.

        Parameters
        ----------
        failed
            What went wrong so far, by the id of the source; its checks are judged no further.
        """
        every = [each for each in staged if len(each.rounds) > 1]
        still, number = every, 1
        while still:
            sound = [each for each in still if not any(id(s) in failed for s, _ in each.sources(0))]
            still = [each for each in sound if not _settled(each, number)]
            fetch([wanted for each in still for wanted in each.sources(number)])
            number += 1
        for each in every:
            self._told[each.bound.id] = self._saved(each)

    def _saved(self, staged: Staged) -> str:
        """How many texts of a check were never scored."""
        texts = left = 0
        for number in range(len(staged.rounds)):
            for source, need in staged.sources(number):
                if isinstance(source, Partial):
                    continue  # reads its scores from a file
                texts += len(need.dialogues)
                for start in range(0, len(need.dialogues), 2):
                    sides = need.dialogues[start : start + 2]
                    left += 0 if self._book.knows(source, sides) else len(sides)
        if not texts:
            return ""
        said = f"{staged.bound.id}: early_stop"
        if left:
            return f"{said} left {left:,} of {counted(texts, 'text')} unscored"
        return f"{said} saved nothing: all of its {counted(texts, 'text')} were scored"


def _settled(staged: Staged, rounds: int) -> bool:
    """Whether a check needs no more; one that cannot be judged says so where it is judged."""
    if rounds >= len(staged.rounds):
        return True
    try:
        return staged.check.settled(staged.context, rounds)
    except Exception:  # another package's check or source raises what it likes
        return True
