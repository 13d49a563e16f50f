"""What an engine does: score the shards that are not there yet, wherever it runs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from rmcheck.errors import SourceError, UsageError
from rmcheck.progress import DIALOGUES, NoProgress, Progress
from rmcheck.reward_source import Source, SourceOptions
from rmcheck.shards import scores
from rmcheck.shards.plan import Plan
from rmcheck.sources import create
from rmcheck.spec import redacted
from rmcheck.wording import counted


@dataclass(frozen=True)
class Task:
    """A shard to score: its number, its items, and where its scores go."""

    shard: int
    given: Path
    output: Path


@dataclass(frozen=True)
class Job:
    """What every worker needs to know: the source by its spec, and the options of sources."""

    spec: str
    options: SourceOptions
    fingerprint: str

    @property
    def quiet(self) -> Job:
        """The same for another process, which shows no progress."""
        return replace(self, options=replace(self.options, progress=NoProgress()))


class Engine(Protocol):
    """Runs the tasks of a job, in any order and anywhere."""

    def run(self, job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
        """Each task once its scores are written.

        Raises
        ------
        SourceError
            If a worker fails for good; what was written stays.
        """


class Worker:
    """Scores tasks of one job in one process; the source is opened at the first of them."""

    def __init__(self, job: Job, source: Source | None = None) -> None:
        self._job = job
        self._source = source

    def __call__(self, task: Task) -> Task:
        """Score a task, unless somebody else has done so meanwhile."""
        if not scores.whole(task.output):
            scores.score(self.source, task.given, task.output)
        return task

    @property
    def source(self) -> Source:
        """The source, which must be the one of the plan.

        Raises
        ------
        SourceError
            If it has another fingerprint here: a worker with other files would mix two models.
        """
        if self._source is None:
            found = create(self._job.spec, self._job.options)
            if found.fingerprint != self._job.fingerprint:
                raise SourceError(
                    f"{redacted(self._job.spec)}: another model here than where the plan was made "
                    f"(fingerprint {found.fingerprint or 'none'}, expected "
                    f"{self._job.fingerprint}); use the same files on every machine"
                )
            self._source = found
        return self._source


def run(
    plan: Plan,
    job: Job,
    through: Engine,
    progress: Progress,
    mine: Sequence[int] | None = None,
) -> Iterator[int]:
    """Score the shards of a plan that are not there yet; yields each shard that is there.

    Parameters
    ----------
    mine
        The shards to score; None: all.
    """
    wanted = range(plan.shards) if mine is None else mine
    left = []
    for shard in wanted:
        if scores.whole(plan.output(shard)):
            yield shard
        else:
            left.append(Task(shard, plan.input(shard), plan.output(shard)))
    total = sum(plan.sizes[task.shard] for task in left)
    if not left:
        return
    progress.start(f"scoring {counted(len(left), 'shard')}", total, DIALOGUES)
    try:
        for task in through.run(job, left):
            progress.advance(plan.sizes[task.shard])
            yield task.shard
    finally:
        progress.finish()


def unnamed(source: Source) -> str:
    """The fingerprint of a source whose shards are to be kept.

    Raises
    ------
    UsageError
        If it has none: shards of two runs could not be told apart.
    """
    found = source.fingerprint
    if found is None:
        raise UsageError(
            f"{redacted(source.spec)}: has no fingerprint, so shards of two models cannot be told "
            "apart; give a revision (revision=NAME) where the source takes one, or score without "
            "--engine and --shard"
        )
    return found
