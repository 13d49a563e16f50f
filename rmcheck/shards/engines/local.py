"""Processes of this machine: one for each GPU, or as many as are asked for."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from rmcheck.errors import RmcheckError, SourceError
from rmcheck.scoring.threads import cores
from rmcheck.shards import scores
from rmcheck.shards.work import Job, Task, Worker

MOST_DEATHS = 3
"""So many times in a row a worker may die without a shard being finished."""


class Local:
    """Worker processes of this machine.

    Parameters
    ----------
    workers
        How many; None: one for each CUDA device, or one without.

    Notes
    -----
    A single worker is this process. Several share the processor's cores evenly, and each has a
    CUDA device of its own as far as there are as many.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers

    def run(self, job: Job, tasks: Sequence[Task]) -> Iterator[Task]:
        """Each task once its scores are written.

        Raises
        ------
        SourceError
            If the source fails, or workers die again and again (out of memory, say).
        """
        devices = [] if self.workers == 1 else cuda_devices(job.options.device)
        count = min(self.workers or max(1, len(devices)), len(tasks))
        if count == 1:
            yield from map(Worker(job.quiet), tasks)
            return
        left = list(tasks)
        deaths = 0
        while left:
            before = len(left)
            try:
                for task in _pooled(job.quiet, left, count, devices):
                    left.remove(task)
                    yield task
            except BrokenProcessPool:
                finished = [task for task in left if scores.whole(task.output)]
                left = [task for task in left if task not in finished]
                yield from finished
                deaths = deaths + 1 if len(left) == before else 0
                if deaths == MOST_DEATHS:
                    raise SourceError(
                        f"{job.spec}: a worker process was killed {deaths} times at the same "
                        "shards (out of memory?); use fewer workers, or more shards (--shards)"
                    ) from None


def cuda_devices(asked: str | None) -> list[str]:
    """The CUDA devices that workers take in turn; none where another device is asked for."""
    if asked not in (None, "cuda") or not _has_gpu():
        return []
    try:
        import torch
    except ImportError:
        return []
    return [f"cuda:{index}" for index in range(torch.cuda.device_count())]


def _has_gpu() -> bool:
    """Whether a GPU may be there; torch, which knows, takes seconds to import."""
    if "torch" in sys.modules or os.name != "posix":
        return True
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


def _pooled(job: Job, tasks: Sequence[Task], count: int, devices: Sequence[str]) -> Iterator[Task]:
    """The tasks as the processes of one pool finish them; a few are queued at a time."""
    context = multiprocessing.get_context("spawn")
    places: Queue[int] = context.Queue()
    for place in range(count):
        places.put(place)
    threads = max(1, cores() // count)
    waiting = list(reversed(tasks))
    pool = ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin, initargs=(job, places, devices, threads)
    )
    running: set[Future[Task]] = set()
    try:
        while waiting or running:
            while waiting and len(running) < 2 * count:
                running.add(pool.submit(_work, waiting.pop()))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


_WORKER: list[Any] = []


def _begin(job: Job, places: Queue[int], devices: Sequence[str], threads: int) -> None:
    """Prepare a worker process: its device, its share of the cores."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    place = places.get()
    if devices:
        options = replace(job.options, device=devices[place % len(devices)])
        job = replace(job, options=options)
    _WORKER[:] = [Worker(job)]


def _work(task: Task) -> Task:
    try:
        found: Task = _WORKER[0](task)
    except RmcheckError as error:  # errors of several lines do not travel as they are
        raise SourceError(str(error)) from None
    return found
