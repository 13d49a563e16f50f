"""A policy as a reward model: beta times the log-ratio of a response to a reference model.

A policy that was trained by DPO (Rafailov et al. 2023, "Direct Preference Optimization", section 4)
has the implicit reward r(x, y) = β·(log π(y|x) − log π_ref(y|x)) + β·log Z(x). Z depends on the
prompt only and is not known, so rewards of different prompts cannot be compared; it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.progress import DIALOGUES, NoProgress, Progress
from rmcheck.scoring.forest import distinct
from rmcheck.scoring.likelihood import Likelihood
from rmcheck.scoring.rewards import checked, refuse_unknown
from rmcheck.scoring.tokens import Tokens
from rmcheck.wording import counted

Ids = NDArray[np.int64]

BLOCK = 512
"""Different texts that both models read before their rewards are handed on."""


class ImplicitRewards:
    """Scores dialogues with two language models that share a tokenizer.

    Parameters
    ----------
    models
        What both models were loaded as; kept for another reading of theirs.
    policy, reference
        The models.
    tokens
        Turns dialogues into ids.
    beta
        Factor of the log-ratio, above 0.

    Attributes
    ----------
    remarks
        Notes that the user should see.

    Notes
    -----
    The whole text is tokenised at once. A token that has a character of the response belongs to
    the response, and so does what the layout puts after it. The first token of a text has nothing
    before it and is not predicted.
    """

    def __init__(
        self, models: Any, policy: Likelihood, reference: Likelihood, tokens: Tokens, beta: float
    ) -> None:
        self.model = models
        self.policy = policy
        self.reference = reference
        self.beta = beta
        self.device = policy.device
        self._tokens = tokens

    @property
    def remarks(self) -> list[str]:
        """What either model could not do in the fast way."""
        return list(dict.fromkeys([*self.policy.remarks, *self.reference.remarks]))

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of both."""
        return self._tokens.tokenizer

    @property
    def truncated(self) -> int:
        """How many dialogues were cut to the length limit so far."""
        return self._tokens.truncated

    def encode(self, dialogues: Sequence[Dialogue]) -> list[Ids]:
        """The token ids that the models read, one array a dialogue."""
        return self._tokens.encode(dialogues)

    def response_tokens(self, dialogues: Sequence[Dialogue]) -> list[int]:
        """Over how many tokens at the end of each dialogue the log-ratio is summed."""
        encoded = self._tokens.encode(dialogues)
        starts = np.maximum(1, self._tokens.given(dialogues, encoded))
        return [len(ids) - int(start) for ids, start in zip(encoded, starts, strict=True)]

    def score(
        self, dialogues: Sequence[Dialogue], progress: Progress | None = None
    ) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,).

        Raises
        ------
        SourceError
            For a reward that is NaN or infinite, naming the dialogue's key.
        """
        scores = np.empty(len(dialogues), dtype=np.float64)
        for members, values in self.stream(dialogues, progress):
            scores[members] = values
        return scores

    def stream(
        self,
        dialogues: Sequence[Dialogue],
        progress: Progress | None = None,
        *,
        head_scale: float = 1.0,
    ) -> Iterator[tuple[Ids, NDArray[np.float64]]]:
        """The same as `score`, block by block: (indices, rewards times `head_scale`)."""
        if not dialogues:
            return
        progress = progress or NoProgress()
        progress.start(f"scoring {counted(len(dialogues), 'dialogue')}", len(dialogues), DIALOGUES)
        try:
            sequences = self._tokens.encode(dialogues)
            for model in (self.policy, self.reference):
                refuse_unknown(sequences, dialogues, model.model, model.name)
            starts = np.maximum(1, self._tokens.given(dialogues, sequences))
            for members, ratios in self._blocks(sequences, starts):
                there = [dialogues[member] for member in members]
                factor = self.beta * head_scale
                yield members, checked(factor * ratios, there, self.policy.name)
                progress.advance(len(members))
        finally:
            progress.finish()

    def _blocks(
        self, sequences: Sequence[Ids], starts: Ids
    ) -> Iterator[tuple[Ids, NDArray[np.float64]]]:
        """(indices, log-ratios); a text with two prompts that it may be split into is read once."""
        unique, places = distinct(sequences)
        first = np.full(len(unique), np.iinfo(np.int64).max)
        np.minimum.at(first, places, starts)
        for begin in range(0, len(unique), BLOCK):
            block = slice(begin, begin + BLOCK)
            policy = self.policy.of(unique[block], first[block])
            reference = self.reference.of(unique[block], first[block])
            ratios = [ours - theirs for ours, theirs in zip(policy, reference, strict=True)]
            members = np.flatnonzero((places >= begin) & (places < begin + BLOCK))
            skipped = starts[members] - first[places[members]]
            yield (
                members,
                np.array(
                    [
                        ratios[place - begin][skip:].sum()
                        for place, skip in zip(places[members], skipped, strict=True)
                    ]
                ),
            )
