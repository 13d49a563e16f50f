"""Trainings of a sweep that are stopped at rungs when they fall behind, one after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue, PreferencePair, pair_dialogues
from rmcheck.data.dialogue import content_hash
from rmcheck.errors import GIVE_ACCESS, TrainingError, os_reason
from rmcheck.sources.recipe import RecipeSource
from rmcheck.stats.winrate import wins
from rmcheck.study.journal import Journal
from rmcheck.study.rungs import RungTable, rung_steps, shares
from rmcheck.training.sweep_file import Prune
from rmcheck.training.watch import Stopped


@dataclass(frozen=True)
class Reached:
    """What a training had at the rungs that it reached, and the rung at which it was stopped."""

    values: Mapping[int, float] = field(default_factory=dict)
    stopped: int | None = None


class Pruner:
    """Trains recipes one after another, each judged at its rungs against those before it.

    What a training had at its rungs is kept in the cache: a sweep that was killed makes the same
    decisions again without training again, and its last training goes on from its checkpoint.

    Parameters
    ----------
    prune
        The key of the sweep file.
    pairs
        Those that choose.
    cache
        The folder of adapters.
    """

    def __init__(self, prune: Prune, pairs: Sequence[PreferencePair], cache: Path) -> None:
        self.prune = prune
        self.shares = shares(prune)
        self.table = RungTable(prune.reduction)
        self.dialogues = pair_dialogues(pairs)
        self._cache = cache
        self._key = content_hash("rungs", self.shares, prune.by, [p.hash for p in pairs])[:8]

    def train(self, source: RecipeSource, *, whole: bool) -> Reached:
        """Train a recipe, and note what it reached.

        Parameters
        ----------
        whole
            Do not stop it.

        Raises
        ------
        TrainingError
            If it cannot be trained; what it reached until then is noted.
        """
        journal = self.journal(source)
        stopped = None
        if not source.is_trained:
            stopped = None if whole else self._stops_at(journal.values)
            if stopped is None:
                stopped = self._trained(source, journal, whole)
        values = {
            rung: value
            for rung, value in journal.values.items()
            if stopped is None or rung <= stopped
        }
        self.table.note(values)
        return Reached(values, stopped)

    def journal(self, source: RecipeSource) -> Journal:
        """What a training had at its rungs."""
        return Journal.of(self._cache, source.adapter.name, self._key)

    def begin(self, source: RecipeSource, journal: Journal) -> None:
        """Before a training begins, or goes on."""
        if not journal.exists:
            source.forget_checkpoints()  # they may be beyond a rung
        self.write(journal, {})

    def _stops_at(self, values: Mapping[int, float]) -> int | None:
        """The first of these rungs at which the training is stopped."""
        for rung, value in sorted(values.items()):
            if not self.table.goes_on(rung, value):
                return rung
        return None

    def _trained(self, source: RecipeSource, journal: Journal, whole: bool) -> int | None:
        watch = _Judge(self, journal, whole)
        try:
            self.begin(source, journal)
            source.train(watch)
        except Stopped:
            source.forget_checkpoints()
        except TrainingError:
            self.table.note(journal.values)
            raise
        return watch.stopped

    def write(self, journal: Journal, more: Mapping[int, float]) -> None:
        """Keep these values beside those that are kept; raises TrainingError if it cannot."""
        try:
            journal.write({**journal.values, **more})
        except OSError as error:
            said = os_reason(error, GIVE_ACCESS)
            raise TrainingError(f"{journal.path}: cannot be written: {said}") from None

    def value(self, rewards: NDArray[np.float64]) -> float:
        """What is compared, higher is better: the win rate, or minus the log loss."""
        return value_of(rewards, self.prune.by)


def value_of(rewards: NDArray[np.float64], by: str) -> float:
    """What runs are compared by at a rung, higher is better: the win rate, or minus the log loss.

    Parameters
    ----------
    rewards
        Of the chosen and the rejected response of each pair in turn, shape (2 n,).
    """
    chosen, rejected = rewards[0::2], rewards[1::2]
    if by == "win_rate":
        return float(wins(chosen, rejected).mean())
    return -float(np.logaddexp(0.0, rejected - chosen).mean())


class _Judge:
    """Scores the pairs that choose at each rung, and stops the training if it has fallen behind."""

    def __init__(self, pruner: Pruner, journal: Journal, whole: bool) -> None:
        self._pruner, self._journal, self._whole = pruner, journal, whole
        self.stopped: int | None = None

    @property
    def dialogues(self) -> Sequence[Dialogue]:
        return self._pruner.dialogues

    def steps(self, steps: int) -> Mapping[int, Sequence[int]]:
        return rung_steps(self._pruner.shares, steps)

    def saw(self, step: int, steps: int, rewards: NDArray[np.float64]) -> None:
        value = self._pruner.value(rewards)
        rungs = self.steps(steps)[step]
        self._pruner.write(self._journal, dict.fromkeys(rungs, value))
        for rung in rungs:
            if not self._whole and not self._pruner.table.goes_on(rung, value):
                self.stopped = rung
                raise Stopped


def saved(full: Sequence[float], made: Sequence[float]) -> float:
    """The share of the training that was not made.

    Parameters
    ----------
    full
        Epochs of each run, if it is trained whole.
    made
        The share of each that was made.
    """
    return 1.0 - float(np.dot(full, made)) / float(np.sum(full))
