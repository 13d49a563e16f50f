"""Trainings of a sweep with `prune` side by side, with the decisions of one after another.

A training that reaches a rung waits until all before it have passed this rung or ended. So it is
judged against the same values as if it had begun after them, and the result is the same; the first
of those that run never waits.
"""

from __future__ import annotations

import queue
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.errors import RmcheckError, TrainingError
from rmcheck.progress import Progress
from rmcheck.reward_source import TrainingJob
from rmcheck.sources.recipe import RecipeSource
from rmcheck.study.journal import Journal
from rmcheck.study.pruning import Pruner, Reached, value_of
from rmcheck.study.rungs import RungTable, rung_steps
from rmcheck.training.process import Process, stop
from rmcheck.training.side_by_side import Bar, places, threads_of
from rmcheck.training.watch import Stopped, Watch
from rmcheck.training.worker import Told

GO, STOP = "go", "stop"
RUNG = "rung"
"""What a training says first at a rung; its rungs and its value follow."""


class Watched(TrainingJob, Protocol):
    """A training that somebody may watch."""

    def __call__(self, progress: Progress, watch: Watch | None = None) -> bool:
        """Train; False if another process has done it meanwhile."""


@dataclass(frozen=True)
class RungTraining:
    """A training that asks at each rung whether to go on; a job of another process.

    Attributes
    ----------
    dialogues
        What it scores there: both sides of the pairs that choose.
    shares
        The rungs as shares of a training.
    by
        What is compared.
    """

    training: Watched
    dialogues: Sequence[Dialogue]
    shares: Sequence[float]
    by: str

    @property
    def key(self) -> str:
        """That of the training."""
        return self.training.key

    @property
    def spec(self) -> str:
        """The source's name in messages."""
        return self.training.spec

    @property
    def work(self) -> float:
        """That of the training."""
        return self.training.work

    @property
    def memory(self) -> float:
        """That of the training."""
        return self.training.memory

    def __call__(self, progress: Progress) -> bool:
        """Train; False if it was stopped, or another process has done it meanwhile."""
        assert isinstance(progress, Told)
        with suppress(Stopped):
            return self.training(progress, _Asking(self, progress))
        return False


class _Asking:
    """Tells the parent the value at each rung, and does what it answers."""

    def __init__(self, job: RungTraining, told: Told) -> None:
        self._job, self._told = job, told

    @property
    def dialogues(self) -> Sequence[Dialogue]:
        return self._job.dialogues

    def steps(self, steps: int) -> Mapping[int, Sequence[int]]:
        return rung_steps(self._job.shares, steps)

    def saw(self, step: int, steps: int, rewards: NDArray[np.float64]) -> None:
        value = value_of(rewards, self._job.by)
        if self._told.ask(RUNG, list(self.steps(steps)[step]), value) != GO:
            raise Stopped


@dataclass
class _Lane:
    """One of the trainings.

    Attributes
    ----------
    pending
        Rungs with their values, at which it is not decided yet whether the training goes on.
    passed
        Those at which it is.
    killed
        How often its process was killed.
    """

    source: RecipeSource
    journal: Journal
    whole: bool
    job: RungTraining | None
    pending: list[tuple[int, float]] = field(default_factory=list)
    passed: dict[int, float] = field(default_factory=dict)
    stopped: int | None = None
    error: Exception | None = None
    process: Process[RungTraining] | None = None
    waits: bool = False
    begun: bool = False
    over: bool = False
    killed: int = 0

    def known(self, rung: int) -> bool:
        """Whether no value of it at this rung can come any more."""
        return self.over or self.stopped is not None or rung in self.passed


class Race:
    """Trainings that run side by side and are stopped where they fall behind.

    Parameters
    ----------
    pruner
        Has the rungs, and the values of earlier trainings.
    sources
        The recipes; where `whole` is true, the training is not stopped.
    """

    def __init__(
        self, pruner: Pruner, sources: Sequence[RecipeSource], whole: Sequence[bool]
    ) -> None:
        self._pruner = pruner
        self._lanes: list[_Lane] = []
        for source, each in zip(sources, whole, strict=True):
            lane = _Lane(source, pruner.journal(source), each, self._job(source))
            lane.over = source.is_trained
            if lane.over or lane.whole:
                lane.passed = dict(lane.journal.values)
            else:
                lane.pending = sorted(lane.journal.values.items())
            self._lanes.append(lane)

    @property
    def places(self) -> int:
        """How many run at once; less than 2 where that is not worth it, or not possible."""
        left = [lane for lane in self._lanes if not lane.over]
        jobs = [lane.job for lane in left if lane.job is not None]
        return places(jobs) if len(jobs) == len(left) else 1

    def run(self, progress: Progress) -> list[Reached | TrainingError]:
        """Train all; what each reached, or why it failed.

        Raises
        ------
        RmcheckError
            For an error that is not one of a training; the others are stopped.
        """
        news: queue.Queue[tuple[int, list[Any] | None]] = queue.Queue()
        count = self.places
        bar = Bar(progress, sum(not lane.over for lane in self._lanes))
        try:
            while not all(lane.over for lane in self._lanes):
                self._decide()
                self._begin(count, news)
                with suppress(queue.Empty):  # without a limit Windows would miss a Ctrl-C
                    place, said = news.get(timeout=0.5)
                    self._hear(place, said, bar, news, count)
        finally:
            try:
                bar.close()
            finally:
                stop([lane.process for lane in self._lanes if lane.process is not None])
        found: list[Reached | TrainingError] = []
        for lane in self._lanes:
            self._pruner.table.note(lane.passed)
            if lane.error is None:
                found.append(Reached(lane.passed, lane.stopped))
            elif isinstance(lane.error, TrainingError):
                found.append(lane.error)
            else:
                raise lane.error
        return found

    def _job(self, source: RecipeSource) -> RungTraining | None:
        try:
            training = source.training_job()
        except RmcheckError:
            return None  # told where it is trained
        pruner = self._pruner
        if training is None:
            return None
        return RungTraining(training, pruner.dialogues, pruner.shares, pruner.prune.by)

    def _decide(self) -> None:
        """Decide what can be decided, and answer those that wait for it."""
        for place, lane in enumerate(self._lanes):
            before = self._lanes[:place]
            while lane.pending and all(each.known(lane.pending[0][0]) for each in before):
                rung, value = lane.pending.pop(0)
                lane.passed[rung] = value
                earlier = self._pruner.table.values.get(rung, [])
                others = [*earlier, *(it.passed[rung] for it in before if rung in it.passed)]
                if not RungTable(self._pruner.prune.reduction, {rung: others}).goes_on(rung, value):
                    lane.stopped = rung
                    lane.pending.clear()
                    lane.over = lane.process is None
            if lane.waits and not lane.pending:
                lane.waits = False
                assert lane.process is not None
                lane.process.answer(GO if lane.stopped is None else STOP)

    def _begin(self, count: int, news: queue.Queue[tuple[int, list[Any] | None]]) -> None:
        """Begin trainings in their order, as places are free: none may wait for one that cannot."""
        for place, lane in enumerate(self._lanes):
            if lane.over or lane.begun:
                continue
            running = sum(each.process is not None for each in self._lanes)
            if lane.pending or running >= count:
                return
            self._pruner.begin(lane.source, lane.journal)
            lane.begun = True
            self._start(place, news, count)

    def _start(
        self, place: int, news: queue.Queue[tuple[int, list[Any] | None]], count: int
    ) -> None:
        lane = self._lanes[place]
        assert lane.job is not None
        lane.process = Process(place, lane.job, threads_of(count), news)

    def _hear(
        self,
        place: int,
        said: list[Any] | None,
        bar: Bar,
        news: queue.Queue[tuple[int, list[Any] | None]],
        count: int,
    ) -> None:
        """A training said something, or ended."""
        lane = self._lanes[place]
        assert lane.process is not None
        if said is None:
            self._ended(lane)
            bar.over(place)
            if not lane.over:
                self._start(place, news, count)
        elif said[0] == RUNG:
            value = float(said[2])
            self._pruner.write(lane.journal, dict.fromkeys(map(int, said[1]), value))
            if lane.whole:
                lane.passed |= dict.fromkeys(map(int, said[1]), value)
            else:  # one that goes on from a checkpoint may come to a rung again
                new = [int(rung) for rung in said[1] if int(rung) not in lane.passed]
                lane.pending += [(rung, value) for rung in new]
            lane.waits = True
        elif said[0] in ("start", "advance"):
            running = {at: True for at, each in enumerate(self._lanes) if each.process is not None}
            bar.heard(place, said, running)
        else:
            lane.process.last = said
            lane.process.end_input()

    def _ended(self, lane: _Lane) -> None:
        """A process ended; one that was killed may begin once more, from its last checkpoint."""
        assert lane.process is not None
        ended, lane.process, lane.waits = lane.process.ended(), None, False
        lane.pending.clear()
        if ended is None and lane.stopped is None:
            lane.killed += 1
            if lane.killed < 2:
                return
            lane.error = TrainingError(
                f"{lane.source.spec}: the training process was killed twice (out of memory?); "
                "free some memory, or use a smaller batch_size"
            )
        elif ended is not None and lane.stopped is None:
            lane.error = ended.error
            if ended.trained:
                lane.source.note_training()
        lane.over = True
        if lane.stopped is not None:
            lane.source.forget_checkpoints()
        elif lane.error is not None:
            lane.passed = dict(lane.journal.values)
