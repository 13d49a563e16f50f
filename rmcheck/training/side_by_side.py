"""Several trainings at once, in processes of their own, under one progress bar."""

from __future__ import annotations

import os
import queue
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rmcheck.errors import TrainingError
from rmcheck.progress import Progress
from rmcheck.reward_source import TrainingJob
from rmcheck.scoring.threads import cores
from rmcheck.training.process import Ended, Process, stop

WORTH = 3e12
"""The least `work` of a training that gets a process of its own, about ten seconds of one core.

To start a process and import torch takes several seconds.
"""

PER_CORE = 2
"""Trainings at once on one core, at most: three on two cores keep both busy until the end."""

SHARE = 0.8
"""The share of the free memory that trainings may use."""

TOLD = 3
"""Notes of running trainings that the bar shows."""


def places(jobs: Sequence[TrainingJob], most: int | None = None) -> int:
    """How many of these jobs to train at once; 1 where processes of their own are not worth it.

    Parameters
    ----------
    most
        The most that the user allows; None: no limit but cores and memory.
    """
    long = [job for job in jobs if job.work >= WORTH]
    if len(long) < 2 or not sys.executable:
        return 1
    fit = int(_free_memory() * SHARE // max(job.memory for job in long))
    return even(len(long), max(1, min(PER_CORE * cores(), fit, most or len(long))), cores())


def even(jobs: int, most: int, cores: int) -> int:
    """The largest number of equal jobs at once whose last round leaves no core idle.

    Five jobs on two cores, four at once: the fifth would run alone, beside an idle core. Three at
    once, then two, need 2.5 times the time of one job instead of 3. `most` where none is even.

    >>> even(5, 4, cores=2), even(4, 4, cores=2), even(7, 4, cores=2)
    (3, 4, 4)
    """
    most = min(jobs, most)
    for count in range(most, min(cores, most) - 1, -1):
        left = jobs % count
        if left == 0 or left >= cores:
            return count
    return most


def threads_of(count: int) -> int:
    """Threads of each of `count` trainings at once; a limit in OMP_NUM_THREADS is kept."""
    share = max(1, cores() // count)
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(limit)) if limit.isdecimal() and int(limit) else share


def _free_memory() -> float:
    """Bytes that are free, or can be freed, without swapping."""
    try:
        import psutil
    except ImportError:
        return float("inf")
    return float(psutil.virtual_memory().available)


def train_side_by_side(
    jobs: Sequence[TrainingJob], progress: Progress, count: int
) -> dict[str, Ended]:
    """Train the jobs in `count` processes at once, one after another in each, under one bar.

    One that fails stops no other. One that is killed (by the system for want of memory, say) is
    trained once more after the others, alone. Ctrl-C stops all: each process removes its
    unfinished files, and is killed if it takes longer than `GRACE` seconds.

    Parameters
    ----------
    jobs
        Each with a `key` of its own.
    count
        Trainings at once. The same number of threads trains the same weights, bit for bit.

    Returns
    -------
    How each ended, by its key.
    """
    ended: dict[str, Ended] = {}
    killed = _round(jobs, progress, count, ended)
    if killed:
        for job in _round(killed, progress, 1, ended):
            ended[job.key] = Ended(
                error=TrainingError(
                    f"{job.spec}: the training process was killed twice (out of memory?); "
                    "free some memory, or use a smaller batch_size"
                )
            )
    return ended


def _round(
    jobs: Sequence[TrainingJob], progress: Progress, count: int, ended: dict[str, Ended]
) -> list[TrainingJob]:
    """Train the jobs, note how they ended, and return those whose process was killed."""
    waiting = deque(enumerate(jobs))
    running: dict[int, Process[TrainingJob]] = {}
    killed: list[TrainingJob] = []
    news: queue.Queue[tuple[int, list[Any] | None]] = queue.Queue()
    bar = Bar(progress, len(jobs))
    threads = threads_of(count)
    try:
        while waiting or running:
            while waiting and len(running) < count:
                place, job = waiting.popleft()
                running[place] = Process(place, job, threads, news)
            try:
                place, said = news.get(timeout=0.5)  # without a limit Windows would miss a Ctrl-C
            except queue.Empty:
                continue
            if said is None:
                process = running.pop(place)
                found = process.ended()
                if found is None:
                    killed.append(process.job)
                else:
                    ended[process.job.key] = found
                bar.over(place)
            elif said[0] in ("start", "advance"):
                bar.heard(place, said, running)
            elif said[0] == "trained" and waiting:
                process = running.pop(place)
                ended[process.job.key] = Ended(trained=bool(said[1]))
                bar.over(place)
                process.give(*waiting.popleft())
                running[process.place] = process
            else:
                running[place].last = said
                running[place].end_input()
    finally:
        try:
            bar.close()
        finally:
            stop(list(running.values()))
    return killed


@dataclass
class Bar:
    """One bar over the steps of all trainings; it begins when each running one has said its steps.

    Those that wait for a place count as many steps as the mean of the others.
    """

    progress: Progress
    jobs: int
    _totals: dict[int, int] = field(default_factory=dict)
    _notes: dict[int, str] = field(default_factory=dict)
    _heard: set[int] = field(default_factory=set)
    _waiting: int = 0
    _open: bool = False

    def heard(self, place: int, said: Sequence[Any], running: Mapping[int, object]) -> None:
        """A training said `start` or `advance`."""
        self._heard.add(place)
        if said[0] == "start":
            if said[3] == "steps":
                self._totals[place] = int(said[2])
        else:
            self._notes[place] = str(said[2]) or self._notes.get(place, "")
            self._waiting += int(said[1])
        if not self._open and self._totals and self._heard >= set(running):
            self._open = True
            known = sum(self._totals.values())
            others = known / len(self._totals) * (self.jobs - len(self._totals))
            self.progress.start(f"training {self.jobs} models", round(known + others), "steps")
        if self._open and self._waiting:
            shown = list(filter(None, self._notes.values()))[:TOLD]
            self.progress.advance(self._waiting, " | ".join(shown))
            self._waiting = 0

    def over(self, place: int) -> None:
        """A training ended."""
        self._notes.pop(place, None)

    def close(self) -> None:
        """All ended, or an exception ends them."""
        if self._open:
            self.progress.finish()
            self._open = False
