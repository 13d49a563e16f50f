"""One request to a server: its answer, or the reason for which it has none."""

from __future__ import annotations

import json
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from rmcheck.errors import SourceError
from rmcheck.remote import said
from rmcheck.remote.answers import Answers
from rmcheck.remote.batch import Batch, Traffic
from rmcheck.remote.connection import Link, LinkError, Reply
from rmcheck.remote.profile import Asking, Profile, WrongAnswer
from rmcheck.remote.retry import (
    MOST,
    OF_A_TEXT,
    OVERLOADED,
    RETRIED,
    SOON,
    Backoff,
    Clock,
    retry_after,
)
from rmcheck.remote.secret import Secret
from rmcheck.wording import counted

BLAME_AFTER = 8
"""Failures of the request of a single text after which the text is named as the cause."""


@dataclass(frozen=True)
class Terms:
    """How a server is asked.

    Attributes
    ----------
    spec
        The source's name for messages.
    budget
        Seconds for which a failing request is repeated.
    bound
        Requests at once, at most.
    batch
        Texts in a request, at most.
    """

    spec: str
    url: str
    _: KW_ONLY
    budget: float = 300.0
    bound: int = 64
    batch: int = 32
    secret: Secret = field(default_factory=Secret)
    clock: Clock = field(default_factory=Clock)
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True)
class Failure:
    """Why a request gave no rewards.

    Attributes
    ----------
    answered
        The server did answer, so that a text may be the cause.
    refused
        It will answer the same again.
    soon
        It need not be given time to recover.
    overload
        It asks for fewer requests.
    wait
        The seconds that it asks to wait.
    """

    error: str
    answered: bool = False
    refused: bool = False
    soon: bool = False
    overload: bool = False
    wait: float | None = None


class Final(Exception):
    """A failure that no other request can change; its text is the message for the user."""


class Client:
    """Asks one server for rewards.

    Parameters
    ----------
    link
        Sends requests to it.
    keys
        A name for each text, for messages.
    """

    def __init__(
        self,
        link: Link,
        profile: Profile,
        asking: Asking,
        answers: Answers,
        terms: Terms,
        traffic: Traffic,
    ) -> None:
        self._link = link
        self._profile = profile
        self._asking = asking
        self._answers = answers
        self.terms = terms
        self.traffic = traffic
        self._headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "user-agent": "rmcheck",
            **terms.secret.headers,
        }
        self._clock = terms.clock

    async def get(self, path: str) -> Any:
        """The JSON at a path of the server; None if the path does not exist.

        Raises
        ------
        SourceError
            If it does not answer, or refuses.
        """
        batch = Batch([])
        while True:
            outcome = await self._got(path)
            if not isinstance(outcome, Failure):
                return outcome
            if outcome.soon and batch.failures >= BLAME_AFTER:
                raise SourceError(self._message(f"{path}: {outcome.error}", "check the profile"))
            await self.again(batch, outcome)

    async def _got(self, path: str) -> Any:
        try:
            reply = await self._link.ask("GET", path, self._headers)
        except LinkError as error:
            if error.kind in ("refused", "name", "tls"):
                raise SourceError(self._message(str(error), "is the server running?")) from None
            return Failure(str(error))
        if reply.status in (404, 405, 501):
            return None
        if reply.status in RETRIED:
            return self._refused(reply)
        if reply.status != 200:
            raise SourceError(self._rejection(reply, path))
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError):
            return Failure("wrong answer (expected JSON)", soon=True)

    def body(self, batch: Batch) -> bytes:
        """The request for the texts of a batch."""
        return json.dumps(self._profile.body(batch.inputs, self._asking)).encode()

    async def send(self, batch: Batch) -> list[float | str] | Failure:
        """One request; its answer, or the reason for which it has none.

        Raises
        ------
        Final
            For a refusal that is not about a text.
        """
        # Written anew after a failure, from which a profile may have learned.
        body, batch.body = batch.body or self.body(batch), b""
        most = self._profile.max_bytes
        if most is not None and len(body) > most:
            told = f"a request of {len(body):,} bytes, and the server takes {most:,} at most"
            return Failure(told, refused=True)
        self.traffic.requests += 1
        try:
            reply = await self._link.ask("POST", self._profile.path, self._headers, body)
        except LinkError as error:
            if error.kind == "tls":
                raise Final(self._message(str(error), "check the URL")) from None
            late = error.kind == "time-out"
            return Failure(str(error), overload=late, answered=late or error.kind == "garbled")
        if reply.status == 200:
            return self._read(reply, len(batch.inputs))
        if reply.status in RETRIED or reply.status in self._profile.retried:
            return self._refused(reply)
        if reply.status in OF_A_TEXT:
            told = f"HTTP {said.status(reply)}: {said.words(reply, self.terms.secret)}"
            return Failure(told, answered=True, refused=True)
        raise Final(self._rejection(reply, self._profile.path))

    def _read(self, reply: Reply, count: int) -> list[float | str] | Failure:
        try:
            found = self._answers.rewards(reply, count)
        except WrongAnswer as error:
            told = self.terms.secret.removed(str(error))
            return Failure(f"wrong answer ({told})", answered=True, soon=True)
        if len(found) != count:
            told = f"expected {counted(count, 'reward')}, got {len(found)}"
            return Failure(f"wrong answer ({told})", answered=True, soon=True)
        return found

    def _refused(self, reply: Reply) -> Failure:
        words = said.words(reply, self.terms.secret)
        wait = retry_after(reply.headers, self._clock.wall())
        overload = reply.status in OVERLOADED or reply.status in self._profile.retried
        return Failure(
            f"HTTP {said.status(reply)}{f': {words}' if words else ''}",
            answered=reply.status == 500 or reply.status in self._profile.retried,
            overload=overload,
            wait=wait,
        )

    async def again(self, batch: Batch, failure: Failure) -> None:
        """Wait before the next try of a request.

        Raises
        ------
        SourceError
            If the budget is used up, or the server asks for more time than is left.
        """
        now = self._clock.now()
        batch.failures += 1
        batch.since = now if batch.since is None else batch.since
        left = batch.since + self.terms.budget - now
        wait = self.terms.backoff.delay(batch.failures, SOON if failure.soon else MOST)
        if failure.wait is not None:
            wait = max(wait, failure.wait)
        if wait > left:
            raise SourceError(
                self._message(
                    f"no usable answer for {now - batch.since:.0f} s "
                    f"(last: {failure.error}; {counted(batch.failures, 'try', 'tries')})",
                    f"check the server, or give it more time: retry_for={self._longer(wait)}",
                )
            )
        self.traffic.retried += 1
        await self._clock.sleep(wait)

    def _longer(self, wait: float) -> int:
        return int(max(2 * self.terms.budget, 2 * wait, 60))

    def _message(self, what: str, remedy: str) -> str:
        return f"{self.terms.spec}: {self.terms.url}: {what}; {remedy}"

    def _rejection(self, reply: Reply, path: str) -> str:
        """A refusal of the whole request, with what the server said and what to check."""
        words = said.words(reply, self.terms.secret)
        variable = self.terms.secret.variable
        remedy = {
            401: f"check the key in {variable}" if variable else "give a key: api_key_env=VARIABLE",
            403: f"check the key in {variable}" if variable else "give a key: api_key_env=VARIABLE",
            404: "check the URL, the profile and model=",
            405: "check the URL and the profile",
        }.get(reply.status, "check the URL, the profile and its settings")
        if 300 <= reply.status < 400:
            remedy = "give the URL that it redirects to"
        told = f"HTTP {said.status(reply)}{f': {words}' if words else ''}"
        return self._message(f"{path or '/'} was refused: {told}", remedy)
