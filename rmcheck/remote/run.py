"""Asks a server for the rewards of many texts: at once, again where it fails, nothing in vain.

One worker sends one request at a time; how many workers may send, `Pace` says. After a failure a
request is sent again, or its halves are, or its one text is named, or the run ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from rmcheck.errors import SourceError
from rmcheck.remote.answers import finite
from rmcheck.remote.batch import Batch, Prepare
from rmcheck.remote.client import BLAME_AFTER, Client, Failure, Final
from rmcheck.remote.pace import Pace

SPLIT_AFTER = 3
"""Failures of a request after which it is sent in two halves, while others are answered."""
SPLIT_ANYWAY = 6
"""The same while no other is answered, so that the server may be the cause."""
MOST_FAULTS = 5
"""Texts without a reward after which the rest is not asked for."""
GRACE = 5.0
"""Seconds in which requests that are under way may end after one failed for good."""

Deliver = Callable[[list[int], list[float]], None]
"""Takes the rewards of some texts, as they come."""


async def ask_all(
    client: Client, count: int, prepare: Prepare, names: Callable[[int], str], deliver: Deliver
) -> None:
    """Ask for the rewards of `count` texts, and deliver them as they come.

    Parameters
    ----------
    prepare
        Makes the texts of some indices, when they are to be sent.
    names
        The name of a text for messages.

    Raises
    ------
    SourceError
        For a text that gets no reward, and if the server does not answer any more. Everything
        that was answered is delivered before.
    """
    run = Run(client, count, prepare, names, deliver)
    await run.first()
    await run.rest()


class Run:
    """The texts of one call of `Client.run`, and what is left to ask for."""

    def __init__(
        self,
        client: Client,
        count: int,
        prepare: Prepare,
        names: Callable[[int], str],
        deliver: Deliver,
    ) -> None:
        self._client = client
        self._terms = client.terms
        self._clock = client.terms.clock
        self._count = count
        self._next = 0
        self._prepare = prepare
        self._names = names
        self._deliver = deliver
        self._queue: deque[Batch] = deque()
        self._ahead: deque[Batch] = deque()
        self._pace = Pace(self._terms.bound)
        self._answered_at = float("-inf")
        self._faults: list[str] = []
        self._error: Exception | None = None
        self._resume = float("-inf")

    async def first(self) -> None:
        """One text alone, so that a wrong setting is told by one request, not by many.

        If the server fails on it, others show whether it is the text or the server.
        """
        if self._count:
            try:
                await self._solve(self._taken(1), 0, most=SPLIT_AFTER)
            except Exception as error:
                self._error = error
            self._raise()

    async def rest(self) -> None:
        """All other texts, by as many workers as may send at once."""
        left = -(-(self._count - self._next) // self._terms.batch) + len(self._queue)
        workers = [
            asyncio.create_task(self._work(number))
            for number in range(min(self._terms.bound, left))
        ]
        if workers:
            await self._finished(workers)
        self._raise()

    async def _finished(self, workers: Sequence[asyncio.Task[None]]) -> None:
        waiting = set(workers)
        try:
            while waiting:
                done, waiting = await asyncio.wait(
                    waiting, timeout=GRACE if self._over else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )  # fmt: skip
                if self._over and not done:
                    break
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def _raise(self) -> None:
        if isinstance(self._error, Final):
            raise SourceError(str(self._error))
        if self._error is not None:
            raise self._error
        if self._faults:
            raise SourceError(f"{self._terms.spec}: {'; '.join(self._faults)}")

    @property
    def _over(self) -> bool:
        return self._error is not None or len(self._faults) >= MOST_FAULTS

    def _taken(self, most: int) -> Batch:
        """The next texts, ready to be sent; none where all were taken."""
        for waiting in (self._queue, self._ahead):
            if waiting:
                return waiting.popleft()
        return self._taken_anew(most)

    def _taken_anew(self, most: int) -> Batch:
        members = list(range(self._next, min(self._count, self._next + most)))
        self._next += len(members)
        return Batch(members, inputs=self._prepare(members) if members else [])

    def _look_ahead(self) -> None:
        """Prepare one more request while those that are sent are waited for."""
        if self._over or len(self._ahead) >= self._terms.bound:
            return
        try:
            batch = self._taken_anew(self._terms.batch)
            if batch.members:
                batch.body = self._client.body(batch)
                self._ahead.append(batch)
        except Exception as error:
            self._error = self._error or error
            self._pace.release()

    async def _work(self, number: int) -> None:
        soon = asyncio.get_running_loop().call_soon
        try:
            while not self._over:
                if number >= self._pace.limit:
                    await self._pace.turn(number)
                batch = self._taken(self._terms.batch)
                if not batch.members or self._over:
                    break
                soon(self._look_ahead)
                await self._solve(batch, number)
        except Exception as error:
            self._error = self._error or error
        finally:
            if self._over or (self._next >= self._count and not self._ahead):
                self._pace.release()

    async def _solve(self, batch: Batch, number: int, most: int | None = None) -> None:
        """Ask for a batch until its texts have rewards, are given to halves, or are named.

        After `most` failures that the server answered, or where fewer workers may send now, the
        rest of it goes back to the queue.
        """
        while batch.members and not self._over:
            sent = self._clock.now()
            if sent < self._resume:  # the server asked everybody to wait
                await self._clock.sleep(self._resume - sent)
                continue
            outcome = await self._client.send(batch)
            failure = outcome if isinstance(outcome, Failure) else self._kept(batch, outcome)
            if failure is None:
                self._pace.succeeded()
                return
            if failure.overload:
                self._pace.overloaded(sent, self._clock.now())
                if failure.wait:
                    self._resume = max(self._resume, self._clock.now() + failure.wait)
            batch.strikes += failure.answered
            if self._divided(batch, failure):
                return
            await self._client.again(batch, failure)
            tried = most is not None and batch.strikes >= most and not failure.soon
            if number >= int(self._pace.limit) or tried:
                self._queue.append(batch)
                return

    def _kept(self, batch: Batch, found: Sequence[float | str]) -> Failure | None:
        """Deliver the rewards of an answer; a failure for the texts that have none."""
        good = finite(found)
        if good:
            self._answered_at = self._clock.now()
            rewards = [value for value in found if not isinstance(value, str)]
            self._deliver([batch.members[place] for place in good], rewards)
        if len(good) == len(found):
            return None
        bad = sorted(set(range(len(found))) - set(good))
        batch.left(bad)
        said = f"the reward is {found[bad[0]]}, expected a finite number"
        return Failure(said, answered=True, soon=True)

    def _divided(self, batch: Batch, failure: Failure) -> bool:
        """Whether a request is not to be sent again as it is: it is split, or its text is named."""
        alive = batch.since is not None and self._answered_at > batch.since
        if len(batch.members) > 1:
            most = SPLIT_AFTER if alive or failure.soon else SPLIT_ANYWAY
            if failure.refused or batch.strikes >= most:
                self._client.traffic.split += 1
                self._queue.extendleft(reversed(list(batch.halves())))
                return True
            return False
        blamed = failure.soon or (failure.answered and alive)
        if failure.refused or (blamed and batch.strikes >= BLAME_AFTER):
            self._faults.append(f"{self._names(batch.members[0])}: {failure.error}")
            return True
        return False
