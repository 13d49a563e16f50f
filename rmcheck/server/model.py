"""A served model: a reward source, how it reads the texts of a request, and its score cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rmcheck.cache.source import CachedSource
from rmcheck.cache.store import ScoreStore
from rmcheck.data import Dialogue
from rmcheck.errors import RmcheckError, UsageError
from rmcheck.reward_source import BothOrders, Source, TakesTokens, TokenReward
from rmcheck.scoring.rewards import checked
from rmcheck.scoring.tokens import UNLIMITED
from rmcheck.server.limits import Invalid, TooLong
from rmcheck.spec import redacted

TRIAL = (
    "Yes.",
    "Yes, and here is why it is so.",
    "No, though I can see why one might think that it is so, at least on some days of the year.",
    "I do not know.",
)
"""Responses that are scored before the first request, so that what is wrong is told at once and
how texts are batched does not depend on the first request."""


@dataclass(frozen=True)
class Written:
    """A text as the model is to read it, or its token ids.

    Attributes
    ----------
    text
        The text, or its token ids.
    special
        Whether the tokenizer puts its special tokens around it.
    keep
        Tokens that are kept of a longer text; 0: as many as the model reads; None: a text that is
        too long is refused.
    end
        Whether the last tokens are kept, not the first.
    """

    text: str | tuple[int, ...]
    special: bool = True
    keep: int | None = None
    end: bool = False


Text = Dialogue | Written
"""What a request asks the reward of: a prompt with a response, or a text that is written."""


@dataclass(frozen=True)
class Read:
    """The texts of a request as the source takes them, and the tokens of each (0: unknown)."""

    dialogues: tuple[Dialogue, ...]
    tokens: tuple[int, ...]


class ServedModel:
    """A reward source under a name. All of it is used from one thread.

    Parameters
    ----------
    name
        What requests call it.
    source
        The reward source; one with scores of known texts only is refused.
    store
        The cache on disk; None: scores are neither looked up nor kept.

    Raises
    ------
    UsageError
        If the source cannot score new texts.
    """

    def __init__(self, name: str, source: Source, store: ScoreStore | None = None) -> None:
        if isinstance(source, BothOrders):
            raise UsageError(
                f"{redacted(source.spec)} compares two responses and gives a single one no score; "
                "serve a source that scores each response (a judge: mode=score)"
            )
        if not source.scores_new_text:
            raise UsageError(
                f"{redacted(source.spec)} has scores of known texts only and cannot score what "
                "clients send; serve the model that made them (hf:PATH, recipe:NAME)"
            )
        self.name = name
        self.source = source
        self._store = store

    @cached_property
    def fingerprint(self) -> str | None:
        """The source's fingerprint."""
        return self.source.fingerprint

    @cached_property
    def longest(self) -> int | None:
        """The most tokens that it reads of a text; None where it does not say."""
        if not isinstance(self.source, TakesTokens):
            return None
        longest = self.source.longest()
        return longest if longest < UNLIMITED else None

    @cached_property
    def label(self) -> str:
        """What the one output is called, as servers name a label."""
        return self.source.describe().objective or "LABEL_0"

    @cached_property
    def dtype(self) -> str:
        """The precision in which it computes; float64 for a source that does not say."""
        return self.source.describe().dtype or "float64"

    def start(self) -> None:
        """Load it, and score a few texts.

        Raises
        ------
        RmcheckError
            If it cannot be loaded or gives no scores.
        """
        self.rewards([Dialogue("Is it so?", response) for response in TRIAL], kept=False)
        _ = self.longest, self.label, self.dtype, self.fingerprint

    def read(self, texts: Sequence[Text]) -> Read:
        """The texts as the source takes them.

        Raises
        ------
        Invalid
            For a text that the source or its template cannot read.
        TooLong
            For a written text with more tokens than the model reads, unless it may be cut.
        """
        try:
            dialogues = tuple(
                replace(
                    text if isinstance(text, Dialogue) else self._token_text(text, place),
                    key=f"text {place}",
                )
                for place, text in enumerate(texts)
            )
            tokens: Sequence[int] = [0] * len(dialogues)
            if isinstance(self.source, TakesTokens):
                tokens = self.source.lengths(dialogues)
        except RmcheckError as error:
            raise Invalid(str(error)) from None
        return Read(dialogues, tuple(tokens))

    def _token_text(self, text: Written, place: int) -> Dialogue:
        if not isinstance(self.source, TakesTokens):
            raise Invalid(
                f"{self.name} reads a prompt and a response, got a text that is already one; send "
                "messages that end with the assistant's (/classify), or both texts (/score)"
            )
        most = self.longest
        keep = (most if text.keep == 0 else text.keep) or 0
        found = self.source.token_text(text.text, special=text.special, keep=keep, end=text.end)
        if most is not None and len(found.ids) > most:
            raise TooLong(
                f"text {place} has {len(found.ids):,} tokens, but the model's maximum context "
                f"length is {most:,}; shorten it, or ask for truncation"
            )
        return found

    def rewards(self, dialogues: Sequence[Dialogue], *, kept: bool = True) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,): from the cache, the rest in one pass.

        Raises
        ------
        RmcheckError
            If the source fails, or a reward is not finite.
        """
        try:
            if self._store is None or not kept:
                return checked(self.source.score(dialogues), dialogues, self.name)
            # A new one each time, for it remembers all that it was ever asked for.
            return CachedSource(self.source, self._store).score(dialogues)
        finally:
            if isinstance(self.source, TakesTokens):
                self.source.forget()

    def running(self, dialogue: Dialogue) -> list[TokenReward]:
        """The reward after each token.

        Raises
        ------
        Invalid
            For a source that runs no causal model, or a text that it cannot read.
        """
        if not isinstance(self.source, TakesTokens):
            raise Invalid(f"{self.name} does not run a model here, and so has no running reward")
        try:
            return self.source.running(dialogue)
        except RmcheckError as error:
            raise Invalid(str(error)) from None
        finally:
            self.source.forget()
