"""Several trainings at once, each in a process of its own, under one progress bar."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rmcheck.errors import Problem, ProblemsFound, TrainingError
from rmcheck.progress import Progress
from rmcheck.reward_source import TrainingJob
from rmcheck.scoring.threads import cores
from rmcheck.training.worker import GRACE, LENGTH

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

_START = "import sys; sys.path[:] = {path!r}; from rmcheck.training.worker import main; main()"


@dataclass(frozen=True)
class Ended:
    """How a training ended: `trained` here, or by another process; or with an error."""

    trained: bool = False
    error: Exception | None = None


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
    """Train each job in a process of its own, `count` at a time, under one bar.

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
    running: dict[int, _Process] = {}
    killed: list[TrainingJob] = []
    news: queue.Queue[tuple[int, list[Any] | None]] = queue.Queue()
    bar = _Bar(progress, len(jobs))
    threads = threads_of(count)
    try:
        while waiting or running:
            while waiting and len(running) < count:
                place, job = waiting.popleft()
                running[place] = _Process(place, job, threads, news)
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
            else:
                running[place].last = said
    finally:
        try:
            bar.close()
        finally:
            _stop(list(running.values()))
    return killed


class _Process:
    """A training in a process; a thread puts the lines that it writes into a queue."""

    def __init__(
        self,
        place: int,
        job: TrainingJob,
        threads: int,
        news: queue.Queue[tuple[int, list[Any] | None]],
    ) -> None:
        self.job = job
        self.last: list[Any] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (`ended` closes it)
        self.child = subprocess.Popen(
            [sys.executable, "-c", _START.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(threads),
        )
        assert self.child.stdin
        assert self.child.stdout
        given = pickle.dumps(job)
        with contextlib.suppress(OSError):  # it may have ended at once; `ended` says why
            self.child.stdin.write(len(given).to_bytes(LENGTH, "big") + given)
            self.child.stdin.flush()
        lines = self.child.stdout

        def listen() -> None:
            with lines:
                for line in lines:
                    news.put((place, json.loads(line)))
            news.put((place, None))

        threading.Thread(target=listen, daemon=True).start()

    def ended(self) -> Ended | None:
        """How it ended, from its last line; None if it was killed."""
        code = self.child.wait()
        self.end_input()
        with self._errors:
            self._errors.seek(0)
            printed = self._errors.read().decode(errors="replace").strip()
        match self.last:
            case ["trained", now]:
                return Ended(trained=bool(now))
            case ["problems", problems]:
                return Ended(error=ProblemsFound(Problem(*problem) for problem in problems))
            case ["error", text]:
                known = text.startswith(self.job.spec)
                return Ended(error=TrainingError(text if known else f"{self.job.spec}: {text}"))
            case ["bug", text]:
                return Ended(error=RuntimeError(f"{self.job.spec}:\n{text}"))
        if code < 0:
            return None
        last = "".join(printed.splitlines()[-1:])
        said = f"the training process ended with exit code {code}: {last}"
        return Ended(error=TrainingError(f"{self.job.spec}: {said}"))

    def end_input(self) -> None:
        """End its standard input, upon which it stops and removes its unfinished files."""
        assert self.child.stdin
        with contextlib.suppress(OSError):  # what was not read before it ended
            self.child.stdin.close()


def _environment(threads: int) -> Mapping[str, str]:
    given = {"OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, **given}


def _stop(processes: Sequence[_Process]) -> None:
    """Have all stop at once; kill those that do not."""
    for process in processes:
        process.end_input()
    until = time.monotonic() + GRACE
    try:
        for process in processes:
            process.child.wait(max(0.0, until - time.monotonic()))
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        pass
    finally:
        for process in processes:
            if process.child.poll() is None:
                process.child.kill()
                process.child.wait()


@dataclass
class _Bar:
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
