"""Requests that wait together are scored together: one thread, one call for all their texts."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rmcheck.errors import RmcheckError
from rmcheck.server.limits import Failed, Limits, Overloaded, Refused, Unavailable, too_many
from rmcheck.server.model import Read, ServedModel, Text
from rmcheck.wording import counted

LONGEST_RETRY = 60
"""The most seconds after which a client is asked to try again."""
FIRST = 32
"""Texts that are scored at once while nothing is known of the model's speed."""
BATCH_SECONDS = 2.0
"""About how long a batch takes at most, so that nobody waits long for the texts of others."""
SMOOTHING = 0.2
"""Weight of the newest batch in the speed from which Retry-After is computed."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Scored:
    """The rewards of a request's texts, shape (n,), and how they were read."""

    rewards: NDArray[np.float64]
    read: Read


@dataclass(eq=False)
class _Job:
    """A request: its texts, and where the answer goes."""

    model: ServedModel
    texts: Sequence[Text]
    answer: asyncio.Future[Scored]
    read: Read | None = field(default=None, init=False)


class Queue:
    """Scores texts in one thread, all that wait at once.

    Parameters
    ----------
    limits
        How many texts may wait, be scored at once, and for how long.
    on_batch
        Called in the thread with the number of texts of each batch.

    Attributes
    ----------
    waiting
        Texts that wait or are being scored.
    speed
        Texts a second, over the last batches; 0 before the first one.
    """

    def __init__(self, limits: Limits, on_batch: Callable[[int], None] = lambda _: None) -> None:
        self.limits = limits
        self.waiting = 0
        self._on_batch = on_batch
        self._jobs: deque[_Job] = deque()
        self._woken = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rmcheck-score")
        self._loop: asyncio.Task[None] | None = None
        self.speed = 0.0

    async def start(self) -> None:
        """Begin to score."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Answer what waits with an error, and end the thread when its batch is done."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loop
        for job in self._jobs:
            if not job.answer.done():
                job.answer.set_exception(Unavailable("the server stops"))
        self._jobs.clear()
        await asyncio.to_thread(self._thread.shutdown)

    async def score(self, model: ServedModel, texts: Sequence[Text]) -> Scored:
        """The rewards of the texts, in their order.

        Raises
        ------
        Refused
            If they are too many, cannot be read, or the model fails.
        """
        count = len(texts)
        if count > self.limits.texts:
            raise too_many(count, self.limits.texts)
        if self._loop is None:
            raise Unavailable("the server stops")
        over = self.waiting + count > self.limits.waiting
        if self.waiting and (over or self._left() > self.limits.seconds):
            raise Overloaded(
                f"{counted(self.waiting, 'text')} already wait; try again later",
                retry_after=self.seconds_left(),
            )
        job = _Job(model, texts, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self.waiting += count
        self._woken.set()
        try:
            return await asyncio.wait_for(job.answer, self.limits.seconds)
        except TimeoutError:
            raise Unavailable(
                f"no score within {self.limits.seconds:g} s; try again later",
                retry_after=self.seconds_left(),
            ) from None
        finally:
            self.waiting -= count

    async def call(self, function: Callable[[], Result]) -> Result:
        """The value of a function that uses a model, computed between two batches."""
        running = asyncio.get_running_loop().run_in_executor(self._thread, function)
        try:
            return await asyncio.wait_for(running, self.limits.seconds)
        except TimeoutError:
            raise Unavailable(
                f"no answer within {self.limits.seconds:g} s; try again later",
                retry_after=self.seconds_left(),
            ) from None
        except RmcheckError as error:
            raise Failed(str(error)) from None

    def seconds_left(self) -> int:
        """In how many seconds what waits now is probably scored."""
        return max(1, min(LONGEST_RETRY, round(self._left())))

    def _left(self) -> float:
        return self.waiting / self.speed if self.speed else 0.0

    async def _run(self) -> None:
        here = asyncio.get_running_loop()
        while True:
            await self._woken.wait()
            await asyncio.sleep(0)  # requests that came in this very moment join
            jobs = self._taken()
            if not jobs:
                continue
            began = time.monotonic()
            texts = sum(len(job.texts) for job in jobs)
            for job, result in await here.run_in_executor(self._thread, self._batch, jobs):
                if job.answer.done():  # it took too long, and its client was told so
                    continue
                if isinstance(result, Scored):
                    job.answer.set_result(result)
                else:
                    job.answer.set_exception(result)
            rate = texts / max(1e-6, time.monotonic() - began)
            self.speed += (rate - self.speed) * (SMOOTHING if self.speed else 1.0)

    def _taken(self) -> list[_Job]:
        """The next jobs, as many as a batch holds, and at least one."""
        jobs: list[_Job] = []
        texts = 0
        most = min(self.limits.batch, max(FIRST, int(self.speed * BATCH_SECONDS)))
        while self._jobs and (not jobs or texts + len(self._jobs[0].texts) <= most):
            job = self._jobs.popleft()
            if not job.answer.done():
                jobs.append(job)
                texts += len(job.texts)
        if not self._jobs:
            self._woken.clear()
        return jobs

    def _batch(self, jobs: Sequence[_Job]) -> list[tuple[_Job, Scored | Exception]]:
        """The answer of each job. In the thread."""
        found: dict[_Job, Scored | Exception] = {}
        for job in jobs:
            try:
                job.read = job.model.read(job.texts)
            except Exception as error:
                found[job] = _refusal(error)
        for model in dict.fromkeys(job.model for job in jobs):
            found |= _together(model, [j for j in jobs if j.model is model and j not in found])
        self._on_batch(sum(len(job.texts) for job in jobs))
        return [(job, found[job]) for job in jobs]


def _together(model: ServedModel, jobs: Sequence[_Job]) -> dict[_Job, Scored | Exception]:
    """All jobs in one call; where that fails, each alone, so that one does not fail the others."""
    reads = [job.read for job in jobs if job.read is not None]
    if not reads:
        return {}
    try:
        rewards = model.rewards([one for read in reads for one in read.dialogues])
    except Exception as error:
        if len(jobs) == 1:
            return {jobs[0]: _refusal(error)}
        alone = (_together(model, [job]) for job in jobs)
        return {job: result for each in alone for job, result in each.items()}
    ends = np.cumsum([len(read.dialogues) for read in reads])
    parts = np.split(rewards, ends[:-1])
    return {job: Scored(part, read) for job, part, read in zip(jobs, parts, reads, strict=True)}


def _refusal(error: Exception) -> Exception:
    """The error for the client; one that the user cannot fix stays as it is."""
    return Failed(str(error)) if isinstance(error, RmcheckError) else error


__all__ = ["Queue", "Refused", "Scored"]
