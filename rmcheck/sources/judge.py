"""`judge:URL,model=NAME,…`: a language model behind a chat endpoint as judge.

With `mode=score` it grades each response from 1 to 10. With `mode=pairwise` it compares the two
responses of a pair, asked in both orders, since judges prefer a place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.record.run import SourceRecord
from rmcheck.record.served import JudgeRecord
from rmcheck.remote.apart import stream_apart
from rmcheck.remote.batch import Batch
from rmcheck.remote.client import BLAME_AFTER, Client, Failure, Final
from rmcheck.remote.connection import Link
from rmcheck.remote.judge.chat import TOPS, Chat
from rmcheck.remote.profile import Asking, Identity, Input
from rmcheck.remote.retry import Backoff, Clock
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.judge_settings import from_spec
from rmcheck.sources.layout import without_options
from rmcheck.sources.served import FEWEST, ServedSource
from rmcheck.sources.served_settings import ServedSettings
from rmcheck.wording import counted

SAMPLE = Input("What is the capital of France?", "Paris.", second="Lyon.")
"""What is asked to learn whether answers have log-probabilities."""
TRIES = 3
"""Answers without log-probabilities after which none are expected."""
DRIFT = 1.0
"""How far a grade may be from the cached one: judges give the same text other grades."""
WORTH_TELLING = 0.05
"""A share of probability on other answers than grades that is told."""


class Judge(ServedSource):
    """A language model that grades responses.

    Parameters
    ----------
    settings
        With a `Chat` as profile.
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
        super().__init__(settings, options, clock=clock, backoff=backoff, link=link)
        assert isinstance(settings.profile, Chat)
        self.chat = settings.profile
        self._without = ""

    async def _identity(self) -> Identity:
        """What the server tells about itself, and whether its answers have log-probabilities."""
        identity = await super()._identity()
        if self.chat.logprobs is None:
            link = self._opened()
            try:
                asking = Asking(self._model(identity), "messages")
                self.chat.logprobs = await self._has_logprobs(self._client(link, asking, 1, 1))
            except Final as error:
                raise SourceError(str(error)) from None
            finally:
                await link.close()
        return identity

    async def _has_logprobs(self, client: Client) -> bool:
        batch = Batch([0], inputs=[SAMPLE])
        lacking = 0
        while lacking < TRIES:
            outcome = await client.send(batch)
            if not isinstance(outcome, Failure):
                if outcome[0] == 1.0:
                    return True
                lacking += 1
                continue
            if outcome.refused and self.chat.top != TOPS[-1]:
                self.chat.top = TOPS[-1]
                continue
            if outcome.refused:  # if it is something else that it refuses, the first text says so
                self._without = f"the server refused them ({outcome.error})"
                return False
            batch.strikes += outcome.soon
            if batch.strikes >= BLAME_AFTER:
                raise SourceError(f"{self.spec}: {self.settings.address}: {outcome.error}")
            await client.again(batch, outcome)
        self._without = "the server gives none"
        return False

    def _model(self, identity: Identity) -> str:
        """The model that the user names: the lists of some servers lack names that they accept."""
        return self.settings.model or super()._model(identity)

    @property
    def remarks(self) -> Sequence[str]:
        """Notes about the judging that the user should see."""
        chat, tally, notes = self.chat, self.chat.tally, []
        known = self._unreached is None and "_known" in vars(self)
        if known and not self._known.revision:
            notes.append(
                "the server tells no revision of its model, so answers are kept for this session "
                "only; give revision=NAME to keep them"
            )
        if known and self._without:
            notes.append(
                f"judged without log-probabilities: {self._without}; scores are "
                f"{'whole grades' if chat.prompt.mode == 'score' else 'votes'}, with more ties"
            )
        if tally.elsewhere > WORTH_TELLING:
            notes.append(
                f"up to {tally.elsewhere:.0%} of the probability was on other answers than those "
                f"asked for, and is left out; rmcheck doctor shows answers"
            )
        if tally.read >= FEWEST and tally.certain == tally.read:
            notes.append(
                f"all {tally.read:,} answers have a probability of 1: the server gives "
                "probabilities after the choice at temperature 0, not before it, so that they say "
                "no more than the answers"
            )
        if tally.resolved:
            notes.append(
                f"in {counted(tally.resolved, 'answer')} of {tally.read:,} a token 1 could be the "
                "grade 1 or the beginning of 10; it counts as the one nearer to the other grades"
            )
        if tally.unlisted:
            notes.append(
                f"in {counted(tally.unlisted, 'answer')} of {tally.read:,} the other letter was "
                f"not among the {self.chat.top} most probable tokens; there the log-odds are at "
                "least as large as computed"
            )
        return notes

    def describe(self) -> SourceRecord:
        """Its part of a run's record."""
        found, prompt = super().describe(), self.chat.prompt
        assert found.served is not None
        judge = JudgeRecord(
            mode=prompt.mode,
            prompt=prompt.name,
            prompt_hash=prompt.hash,
            read_as=self.chat.read_as,
        )
        return found.model_copy(update={"served": found.served.model_copy(update={"judge": judge})})

    def recheck(self, dialogues: Sequence[Dialogue], scores: Sequence[float]) -> None:
        """Compare cached answers to some questions with what the judge says now.

        Raises
        ------
        SourceError
            If most of them differ: another model is behind the same name and revision.
        """
        _ = self.known
        found = np.empty(len(dialogues), dtype=np.float64)
        for members, values in stream_apart(partial(self._asked, dialogues)):
            found[members] = values
        moved = self._moved(found, np.asarray(scores, dtype=np.float64))
        if 2 * int(moved.sum()) > len(dialogues):
            worst = int(np.argmax(moved))
            one = dialogues[worst]
            raise SourceError(
                f"{self.spec}: the model behind this name has changed: {int(moved.sum())} of "
                f"{counted(len(dialogues), 'cached answer')} are not the same, first "
                f"{one.key or one.hash}, {scores[worst]:.4f} when it was cached and "
                f"{found[worst]:.4f} now; if that is meant, give the new model another revision="
            )

    def _moved(self, now: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.bool_]:
        moved: NDArray[np.bool_] = np.abs(now - before) > DRIFT
        return moved


class PairwiseJudge(Judge):
    """A language model that compares two responses; it gives a single one no score."""

    @property
    def scores_new_text(self) -> bool:
        """False: what is new to it can be asked only in pairs."""
        return False

    def margins(
        self, chosen_first: NDArray[np.float64], rejected_first: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The mean of the log-odds (or votes) for the chosen response in both orders, shape (n,).

        What a place alone adds to the log-odds of whoever is in it cancels out.
        """
        return (chosen_first - rejected_first) / 2

    def _moved(self, now: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Other verdicts: log-odds move a little from batch to batch."""
        moved: NDArray[np.bool_] = np.sign(now) != np.sign(before)
        return moved


def of_settings(settings: ServedSettings, options: SourceOptions) -> Judge:
    """The judge of checked settings."""
    assert isinstance(settings.profile, Chat)
    kind = Judge if settings.profile.prompt.mode == "score" else PairwiseJudge
    return kind(settings, options)


def create(rest: str, options: SourceOptions) -> Judge:
    """A language model as judge: `judge:http://HOST:PORT,model=NAME,mode=pairwise,…`."""
    url, said = without_options(rest, lambda _: False)
    return of_settings(from_spec(url, said, f"judge:{rest}", options.root), options)
