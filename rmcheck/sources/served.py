"""`http://HOST:PORT,profile=NAME,…`: a reward model behind a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import content_hash
from rmcheck.errors import SourceError, did_you_mean
from rmcheck.progress import DIALOGUES
from rmcheck.record.run import SourceRecord
from rmcheck.record.served import RequestsRecord, ServedRecord
from rmcheck.remote.answers import Answers
from rmcheck.remote.apart import run_apart, stream_apart
from rmcheck.remote.batch import Prepare, Traffic
from rmcheck.remote.client import Client, Terms
from rmcheck.remote.connection import Link
from rmcheck.remote.http_link import http_link
from rmcheck.remote.profile import Asking, Identity, Input
from rmcheck.remote.retry import Backoff, Clock
from rmcheck.remote.run import Deliver, ask_all
from rmcheck.reward_source import Source, SourceOptions
from rmcheck.sources.layout import DEFAULT, without_options
from rmcheck.sources.served_settings import ServedSettings, from_spec
from rmcheck.sources.served_texts import Texts
from rmcheck.wording import counted

SERVED_FORMAT = 1
"""How a text is sent and an answer is read; add 1 with every change that changes scores."""
CONCURRENCY = 64
FEWEST = 8
"""Scores from which on a range or a constant says something."""
DRIFT = 0.02
"""How far a score may be from the cached one: this much, and this share of it. Servers do not
promise the same bits in another batch."""
KEEPS = (
    "; the scores so far are kept, and the next run asks only for the rest",
    "; the scores so far are kept for this session only, since the server tells no revision",
)


@dataclass(frozen=True)
class Known:
    """What is known of the model behind a server: its name, revision and limits."""

    model: str
    revision: str
    identity: Identity


class ServedSource(Source):
    """A reward model behind a server; nothing is asked before its fingerprint or a score is.

    Parameters
    ----------
    clock, backoff, link
        The time, the delays and the connection; tests bring their own.
    """

    def __init__(
        self,
        settings: ServedSettings,
        options: SourceOptions,
        *,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        link: Link | None = None,
    ) -> None:
        self.settings = settings
        self.options = options
        self.texts = Texts(settings, options)
        self.traffic = Traffic()
        self._clock = clock or Clock()
        self._backoff = backoff or Backoff()
        self._link = link
        self._answers = Answers(settings.profile, settings.objective, settings.spec)
        self._unreached: SourceError | None = None
        self._seen: list[float] = []

    @property
    def spec(self) -> str:
        """Its name in records and messages."""
        return self.settings.spec

    @property
    def fingerprint(self) -> str | None:
        """A hash of profile, model, revision, texts and limits; None without a revision.

        Raises
        ------
        SourceError
            If the server does not answer.
        """
        known = self.known
        if not known.revision:
            return None
        settings = self.settings
        return content_hash(
            "served",
            SERVED_FORMAT,
            settings.profile_name,
            *settings.profile.said,
            known.model or str(settings.address),
            known.revision,
            settings.objective,
            *self.texts.parts(),
        )

    @property
    def known(self) -> Known:
        """The model behind the server; asks once.

        Raises
        ------
        SourceError
            If the server does not answer, or serves another model than the one that is named.
        """
        if self._unreached is not None:
            raise self._unreached
        try:
            return self._known
        except SourceError as error:
            self._unreached = error
            raise

    @cached_property
    def _known(self) -> Known:
        identity = run_apart(self._identity)
        model = self._model(identity)
        revision, wanted = identity.revision, self.settings.revision
        if revision and wanted and not revision.startswith(wanted):
            raise SourceError(
                f"{self.spec}: revision is {wanted}, but the server says that it serves "
                f"{revision}; correct or remove revision="
            )
        self.texts.use_limit(identity.max_length)
        return Known(model, revision or wanted, identity)

    async def _identity(self) -> Identity:
        link = self._opened()
        try:
            client = self._client(link, Asking(), 1, 1)
            return await self.settings.profile.who(client.get)
        finally:
            await link.close()

    def _model(self, identity: Identity) -> str:
        wanted, there = self.settings.model, identity.models
        if wanted and there and wanted not in there:
            raise SourceError(f"{self.spec}: model {wanted!r}: {did_you_mean(wanted, there)}")
        if wanted:
            return wanted
        if len(there) == 1:
            return there[0]
        if self.settings.profile.named:
            several = f" (there: {', '.join(there[:10])})" if there else ""
            what = "serves several models" if there else "does not tell which model it serves"
            raise SourceError(f"{self.spec}: the server {what}{several}; name one: model=NAME")
        return ""

    @property
    def truncated(self) -> int:
        """Number of dialogues cut to the length limit here; what a server cuts is not known."""
        return self.texts.truncated

    @property
    def requests(self) -> RequestsRecord:
        """What was sent for scores."""
        sent = self.traffic
        return RequestsRecord(sent=sent.requests, retried=sent.retried, split=sent.split)

    @property
    def remarks(self) -> Sequence[str]:
        """Notes about the scoring that the user should see."""
        notes = [*self.settings.profile.remarks]
        if self.texts.remark:
            notes.append(self.texts.remark)
        if self._unreached is None and "_known" in vars(self) and not self._known.revision:
            notes.append(
                "the server tells no revision of its model, so scores are kept for this session "
                "only; give revision=NAME to keep them"
            )
        activation = between(self._seen)
        return (*notes, f"{activation}; see rmcheck doctor") if activation else notes

    def describe(self) -> SourceRecord:
        """Its part of a run's record; without model and fingerprint if the server is down."""
        try:
            known, fingerprint = self.known, self.fingerprint
        except SourceError:
            known, fingerprint = Known(self.settings.model, "", Identity()), None
        settings, layout = self.settings, self.texts.layout
        origins = {key: origin for key, origin in layout.origins.items() if origin != DEFAULT}
        return SourceRecord(
            spec=self.spec,
            fingerprint=fingerprint,
            template=layout.template,
            max_length=layout.max_length,
            end=layout.end,
            objective=settings.objective,
            origins={**origins, "template": layout.origins["template"]},
            served=ServedRecord(
                profile=settings.profile_name,
                server=str(settings.address),
                model=known.model,
                revision=known.revision,
                form=self.texts.form,
                length=self.texts.limit,
            ),
        )

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,).

        Raises
        ------
        SourceError
            If the server does not answer, refuses, or gives a text no finite number.
        """
        scores = np.empty(len(dialogues), dtype=np.float64)
        for members, values in self.stream(dialogues):
            scores[members] = values
        return scores

    def stream(
        self, dialogues: Sequence[Dialogue]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """`score` piece by piece: (indices, rewards), in the order in which they come."""
        _ = self.known  # asks the server who it is before anything else
        progress = self.options.progress
        progress.start(f"scoring {counted(len(dialogues), 'dialogue')}", len(dialogues), DIALOGUES)
        kept = KEEPS[self.fingerprint is None]
        done = 0
        try:
            for members, values in stream_apart(partial(self._asked, dialogues)):
                done += len(members)
                self._seen.extend(values[: 1000 - len(self._seen)])
                yield np.array(members, dtype=np.int64), np.array(values, dtype=np.float64)
                progress.advance(len(members), self._note())
        except SourceError as error:
            said = str(error.args[0])
            raise SourceError(f"{said}{kept if done else ''}") from None
        finally:
            progress.finish()

    def recheck(self, dialogues: Sequence[Dialogue], scores: Sequence[float]) -> None:
        """Compare cached scores of some texts with what the server says now.

        Raises
        ------
        SourceError
            If they differ: another model is behind the same name and revision.
        """
        _ = self.known
        found = np.empty(len(dialogues), dtype=np.float64)
        for members, values in stream_apart(partial(self._asked, dialogues)):
            found[members] = values
        apart = np.abs(found - np.asarray(scores))
        worst = int(np.argmax(apart - DRIFT * np.abs(scores)))
        if apart[worst] > DRIFT + DRIFT * abs(scores[worst]):
            one = dialogues[worst]
            raise SourceError(
                f"{self.spec}: the model behind this name has changed: "
                f"{one.key or one.hash} scored {scores[worst]:.4f} when it was cached and scores "
                f"{found[worst]:.4f} now; if that is meant, give the new model another revision= "
                "(a server that tells its revision: use another folder with --rm-cache)"
            )

    def ask(
        self, inputs: Sequence[Input], asking: Asking | None = None, batch: int | None = None
    ) -> list[float]:
        """The rewards of texts that are ready to be sent, for a look at the server itself.

        Raises
        ------
        SourceError
            As `score`.
        """
        found = [0.0] * len(inputs)
        work = partial(
            self._sent,
            len(inputs),
            lambda members: [inputs[member] for member in members],
            lambda member: f"text {member + 1}",
            asking or self.asking,
            batch or self.batch,
        )
        for members, values in stream_apart(work):
            for member, value in zip(members, values, strict=True):
                found[member] = value
        return found

    @property
    def asking(self) -> Asking:
        """How texts are sent; asks the server for the name of its model."""
        return Asking(self.known.model, self.texts.form, self.texts.special)

    @property
    def batch(self) -> int:
        """Texts in a request, within the limits of server and user."""
        batch = self.settings.batch or self.settings.profile.at_once(self.texts.form)
        return min(batch, self.known.identity.batch or batch)

    async def _asked(self, dialogues: Sequence[Dialogue], deliver: Deliver) -> None:
        def prepared(members: Sequence[int]) -> list[Input]:
            return self.texts.inputs([dialogues[member] for member in members])

        def name(member: int) -> str:
            return dialogues[member].key or repr(dialogues[member].response[:40])

        await self._sent(len(dialogues), prepared, name, self.asking, self.batch, deliver)

    async def _sent(
        self,
        count: int,
        prepared: Prepare,
        name: Callable[[int], str],
        asking: Asking,
        batch: int,
        deliver: Deliver,
    ) -> None:
        told = self.known.identity.concurrency or CONCURRENCY
        link = self._opened()
        try:
            client = self._client(
                link, asking, batch, min(self.settings.concurrency or CONCURRENCY, told)
            )
            await ask_all(client, count, prepared, name, deliver)
        finally:
            await link.close()

    def _client(self, link: Link, asking: Asking, batch: int, bound: int) -> Client:
        settings = self.settings
        terms = Terms(
            settings.spec,
            str(settings.address),
            budget=settings.retry_for,
            bound=bound,
            batch=batch,
            secret=settings.secret,
            clock=self._clock,
            backoff=self._backoff,
        )
        return Client(link, settings.profile, asking, self._answers, terms, self.traffic)

    def _opened(self) -> Link:
        return self._link or http_link(self.settings.address, self.settings.timeout, self.spec)

    def _note(self) -> str:
        sent = self.traffic
        parts = [counted(sent.retried, "retry", "retries")] if sent.retried else []
        parts += [f"{counted(sent.split, 'batch', 'batches')} split"] if sent.split else []
        return ", ".join(parts)


def between(scores: Sequence[float]) -> str:
    """A note that an activation may be between the model and the scores; empty without a sign.

    >>> between([0.1] * 8)
    'all of the first 8 scores are 0.1; a softmax over one label, say, may be in between'
    """
    if len(scores) < FEWEST:
        return ""
    low, high = min(scores), max(scores)
    if low == high:
        return (
            f"all of the first {len(scores)} scores are {low:g}; a softmax over one label, say, "
            "may be in between"
        )
    if low > 0 and high < 1:
        return (
            f"all of the first {len(scores)} scores are between 0 and 1; a sigmoid may be between "
            "the model and its scores"
        )
    return ""


def create(scheme: str, rest: str, options: SourceOptions) -> ServedSource:
    """A reward model behind a server of that scheme."""
    path, said = without_options(rest, lambda _: False)
    spec = f"{scheme}:{rest}"
    return ServedSource(from_spec(f"{scheme}:{path}", said, spec, options.root), options)


def create_http(rest: str, options: SourceOptions) -> ServedSource:
    """A reward model behind a server: `http://HOST:PORT,profile=vllm,…`."""
    return create("http", rest, options)


def create_https(rest: str, options: SourceOptions) -> ServedSource:
    """The same behind TLS: `https://HOST,profile=nim,api_key_env=VARIABLE,…`."""
    return create("https", rest, options)
