"""The one scoring path: a sequence-classification model, dialogues in, rewards out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.progress import DIALOGUES, NoProgress, Progress
from rmcheck.scoring.batches import batches, padded
from rmcheck.scoring.blocks import Blocks
from rmcheck.scoring.budget import budgets, calls, probe_sequences
from rmcheck.scoring.forest import Row, distinct, plant
from rmcheck.scoring.loading import in_float32
from rmcheck.scoring.padding import pad_token
from rmcheck.scoring.pairs import PairTokens, has_segments
from rmcheck.scoring.precision import DTYPES, TOLERANCE, is_out_of_memory
from rmcheck.scoring.reader import Call, Reader
from rmcheck.scoring.reading import fallback_reason, head_of, reach
from rmcheck.scoring.rewards import checked_outputs, refuse_unknown
from rmcheck.scoring.stored import placed
from rmcheck.scoring.tokens import Tokens, length_limit, refuse_endless
from rmcheck.scoring.trees import by_tree
from rmcheck.scoring.workers import Computed, computed, ending_together, replicas, worker_count
from rmcheck.wording import counted

Ids = NDArray[np.int64]
Scored = tuple[NDArray[np.int64], NDArray[np.float64]]

PROBED = 4
"""Texts of different lengths on which padding is tried."""


class Scorer:
    """Scores dialogues with a model that gives one number a sequence.

    Parameters
    ----------
    model
        A `transformers` sequence-classification model with one label.
    tokenizer
        Its tokenizer.
    template
        How a dialogue becomes text; see `rmcheck.data.template`. `pair`: prompt and response are
        the tokenizer's two inputs, see `rmcheck.scoring.pairs`.
    max_length
        Length limit in tokens; None: the model's own.
    device, dtype
        Where and in which precision; the head always computes in float32.
    pooling
        `last`: the reward is read at a sequence's last token; `mean`: at the mean hidden state.
        Encoders have their own way, which is left to them.
    end
        What is read after the response, see `Tokens`; encoders keep what their tokenizer puts
        there.

    Attributes
    ----------
    tokens
        What turns dialogues into the ids that the model reads.
    truncated
        Dialogues that were cut to `max_length`.
    unique_tokens, calls
        Tokens that went through the model (padding apart), and calls of it.
    remarks
        Notes that the user should see, such as why the forest was not used.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        template: str = "default",
        max_length: int | None = None,
        device: str = "cpu",
        dtype: str = "float32",
        pooling: str = "last",
        end: str = "none",
    ) -> None:
        self.model = placed(model, device, dtype, DTYPES[dtype]).eval()
        self.device = torch.device(device)
        self.name = str(getattr(model, "name_or_path", "") or type(model).__name__)
        self.dtype = dtype
        self.pooling = pooling
        self.unique_tokens = 0
        self.calls = 0
        self.remarks: list[str] = []
        limit = length_limit(model.config, tokenizer, max_length)
        self._head = head_of(model)
        if self._head is not None and dtype != "float32":
            in_float32(self._head)
        if self._head is None and end == "none":
            end = "tokenizer"
        pad = None
        if self._head is not None and end in ("tokenizer", "template"):
            pad = model.config.get_text_config().pad_token_id
        segmented = self._head is None and has_segments(model, tokenizer)
        self.tokens = (
            PairTokens(tokenizer, limit, pad=pad, segmented=segmented)
            if template == "pair"
            else Tokens(tokenizer, template, limit, end=end, pad=pad)
        )
        segments = self.tokens.segments if segmented else None
        self._reader = Reader(self.model, self.device, dtype, pooling, segments)
        # A model that reads its last place must have a token there.
        self._left = self._head is None and getattr(model.config, "summary_type", "") == "last"
        refuse_endless(model, self.tokens)
        self.pad = pad_token(model, tokenizer)
        self.row, self._call = budgets(self.device)
        self._reach = reach(model)
        self._trusts_forest: bool | None = None
        self._blocks = Blocks(self.model, pooling, TOLERANCE[dtype])
        self._neutral: bool | None = None

    @property
    def encodes(self) -> bool:
        """Whether it is an encoder, whose own head reads all tokens."""
        return self._head is None

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the model."""
        return self.tokens.tokenizer

    @property
    def truncated(self) -> int:
        """How many dialogues were cut to the length limit so far."""
        return self.tokens.truncated

    def encode(self, dialogues: Sequence[Dialogue]) -> list[Ids]:
        """The token ids that the model reads, one array a dialogue."""
        return self.tokens.encode(dialogues)

    def uses_forest(self, sequences: Sequence[Ids]) -> bool:
        """Whether prefixes of all these are shared; tried once, on the first that come."""
        within = self._within_reach(sequences)
        return bool(within.all()) and self._trusted(sequences)

    def _trusted(self, sequences: Sequence[Ids]) -> bool:
        if self._trusts_forest is None:
            self._trusts_forest = self._probe(sequences)
        return self._trusts_forest

    def _within_reach(self, sequences: Sequence[Ids]) -> NDArray[np.bool_]:
        """Which sequences are short enough for a forest, as far as the model's kind goes."""
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        if self._reach is None:
            return np.ones(len(lengths), dtype=np.bool_)
        longest, reason = self._reach
        within: NDArray[np.bool_] = lengths <= longest
        if not within.all() and fallback_reason(self.model) is None:
            self._remark(
                f"prefix sharing off for texts of more than {longest} tokens: {reason}; using "
                "length-sorted batches"
            )
        return within

    def _remark(self, said: str) -> None:
        if said not in self.remarks:
            self.remarks.append(said)

    def score(
        self,
        dialogues: Sequence[Dialogue],
        progress: Progress | None = None,
        *,
        head_scale: float = 1.0,
    ) -> NDArray[np.float64]:
        """Rewards in input order, (n,) or (n, outputs), with the head's weights times `head_scale`.

        Raises
        ------
        SourceError
            For a reward that is NaN or infinite, naming the dialogue's key.
        """
        scores = np.empty(len(dialogues), dtype=np.float64)
        with closing(self.stream(dialogues, progress, head_scale=head_scale)) as pieces:
            for members, values in pieces:
                if values.ndim > scores.ndim:
                    scores = np.empty((len(dialogues), values.shape[1]), dtype=np.float64)
                scores[members] = values
        return scores

    def stream(
        self,
        dialogues: Sequence[Dialogue],
        progress: Progress | None = None,
        *,
        head_scale: float = 1.0,
    ) -> Generator[Scored]:
        """The same as `score`, piece by piece: (indices, rewards), as the model gives them."""
        if not dialogues:
            return
        progress = progress or NoProgress()
        progress.start(f"scoring {counted(len(dialogues), 'dialogue')}", len(dialogues), DIALOGUES)
        try:
            sequences = self.tokens.encode(dialogues)
            refuse_unknown(sequences, dialogues, self.model, self.name)
            with closing(self._by_input(sequences, head_scale)) as pieces:
                for members, values in pieces:
                    there = [dialogues[member] for member in members]
                    yield members, checked_outputs(values, there, self.name)
                    progress.advance(len(members))
        finally:
            progress.finish()

    def _by_input(self, sequences: list[Ids], head_scale: float) -> Generator[Scored]:
        """Scores of unique sequences, handed to every input that has them."""
        unique, places = distinct(sequences)
        by_place = np.argsort(places, kind="stable")
        bounds = np.searchsorted(places[by_place], np.arange(len(unique) + 1))
        for members, values in self._unique_scores(unique, head_scale):
            counts = bounds[members + 1] - bounds[members]
            inputs = np.concatenate([by_place[bounds[m] : bounds[m + 1]] for m in members])
            yield inputs, np.repeat(values, counts, axis=0)

    def _unique_scores(self, unique: list[Ids], head_scale: float) -> Iterator[Scored]:
        """Every sequence once; those that the model cannot be given in a forest come last."""
        within = self._within_reach(unique)
        for near in (True, False):
            left = within == near
            here = _picked(unique, np.flatnonzero(left))
            shares = near and bool(here) and self._trusted(here)
            while left.any():
                try:
                    for call, values in self._computed(
                        unique, np.flatnonzero(left), shares, head_scale
                    ):
                        self.unique_tokens += call.tokens
                        left[call.members] = False
                        yield call.members, values
                except (torch.OutOfMemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error) or not self._shrink():
                        raise

    def _computed(
        self, unique: list[Ids], members: Ids, shares: bool, head_scale: float
    ) -> Iterator[Computed]:
        """Calls and their rewards, by workers where there is more than one call and one core."""

        def planned(some: Ids, part: int = 1) -> list[Call]:
            return list(self._planned(unique, some, shares, max(1, self._call // part)))

        calls = planned(members)
        count = worker_count(self.device) if len(calls) > 1 else 1
        portable = all(call.portable for call in calls)
        readers = replicas(self._reader, count, head_scale) if count > 1 and portable else []
        if not readers:
            for call in calls:
                yield call, self._forward(partial(call.read, self._reader), head_scale)
            return
        for done in computed(ending_together(calls, count, planned), readers, head_scale):
            self.calls += 1
            yield done

    def _planned(
        self, unique: list[Ids], members: Ids, shares: bool, budget: int
    ) -> Iterator[Call]:
        """The calls that score `members`, indices into `unique` in rising order."""
        if shares:
            # Trees do not pay for a longer row, and share more in one.
            trees = self._reader.by_tree
            forest = plant(_picked(unique, members), budget if trees else min(self.row, budget))
            blocks = self._blocks.suit(forest, self.row, self._forward)
            if self._blocks.remark:
                self._remark(self._blocks.remark)
            for rows in calls(forest.rows, budget, padded=not trees):
                places = members[np.concatenate([row.members for row in rows])]
                tokens = sum(len(row) for row in rows)
                if blocks:
                    read = partial(self._read_blocks, rows)
                    yield Call(read, places, tokens, portable=False)
                else:
                    yield Call(partial(Reader.rows, rows=rows), places, tokens)
            return
        alike = not self._padding_is_neutral(_picked(unique, members))
        given = {"left": self._left, "alike": alike}
        for batch in batches(unique, members.tolist(), budget, self.pad, **given):
            read = partial(Reader.batch, batch=batch)
            yield Call(read, batch.members, int(batch.mask.sum()))

    def _read_blocks(self, rows: Sequence[Row], _: Reader) -> torch.Tensor:
        return self._blocks.read(rows, self.row)

    def _forward(
        self, read: Callable[[], torch.Tensor], head_scale: float = 1.0
    ) -> NDArray[np.float64]:
        self.calls += 1
        return self._reader.compute(read, head_scale)

    def _padding_is_neutral(self, sequences: Sequence[Ids]) -> bool:
        """Whether a text gets the same reward with padding; tried once, on unlike lengths.

        Convolutions, Fourier transforms and landmarks (ConvBERT, FNet, Nyströmformer) see padding
        in spite of a mask.
        """
        # Longer ones have a batch of their own.
        lengths = {len(ids): ids for ids in sequences if len(ids) <= self._call}
        if self._neutral is None and len(lengths) > 1:
            by_length = [lengths[length] for length in sorted(lengths)]
            places = np.linspace(0, len(by_length) - 1, PROBED).round().astype(int)
            probes = [by_length[place] for place in dict.fromkeys(places.tolist())]
            left = self._left

            def read(members: Sequence[int]) -> NDArray[np.float64]:
                batch = padded(probes, members, self.pad, left=left)
                return self._forward(partial(self._reader.batch, batch))

            each = range(len(probes))
            alone = np.concatenate([read([place]) for place in each])
            far = np.abs(read(each) - alone) / np.maximum(1.0, np.abs(alone))
            self._neutral = not np.isfinite(alone).all() or bool(
                (far <= TOLERANCE[self.dtype]).all()
            )
            if not self._neutral:
                self._remark(
                    f"padding changes its scores (by {far.max():.1e}); only texts of one length "
                    "share a batch"
                )
        return self._neutral is not False

    def _probe(self, unique: Sequence[Ids]) -> bool:
        """Whether the forest gives what the model's own forward gives, one text at a time.

        On a CPU it is tried without padding first, see `rmcheck.scoring.trees`.
        """
        reason = fallback_reason(self.model)
        if reason is None:
            probes = probe_sequences(unique)
            alone = np.concatenate(
                [
                    self._forward(partial(self._reader.batch, padded(probes, [index], self.pad)))
                    for index in range(len(probes))
                ]
            )
            with by_tree(self.model) as able:
                self._reader.by_tree = able and self.device.type == "cpu"
            reason = self._difference(probes, alone)
            if reason and self._reader.by_tree:
                self._reader.by_tree = False
                reason = self._difference(probes, alone)
        if reason:
            if self._head is not None:  # an encoder has nothing to share
                self._remark(f"prefix sharing off: {reason}; using length-sorted batches")
            return False
        return True

    def _difference(self, probes: list[Ids], alone: NDArray[np.float64]) -> str | None:
        forest = plant(probes, sum(len(probe) for probe in probes))
        try:
            shared = np.empty((forest.n_unique, *alone.shape[1:]))
            for row in forest.rows:
                shared[row.members] = self._forward(partial(self._reader.rows, [row]))
        except Exception as error:  # a model may refuse a custom mask in any way it likes
            if is_out_of_memory(error):
                return f"not enough memory to test it on {forest.n_tokens:,} tokens"
            return f"the model does not accept a custom mask ({type(error).__name__})"
        shared = shared[forest.places]
        if not np.isfinite(alone).all():
            return None  # scoring reports these, with the dialogue
        far = np.abs(shared - alone) / np.maximum(1.0, np.abs(alone))
        if (far <= TOLERANCE[self.dtype]).all():
            return None
        return f"its scores differ from one-by-one scoring by {far.max():.1e}"

    def _shrink(self) -> bool:
        """Halve the tokens per call; False if it cannot be halved any more."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self._call <= 1:
            return False
        self._call //= 2
        self.row = min(self.row, self._call)
        self.remarks.append(f"out of memory: reduced to {self._call:,} tokens per call")
        return True


def _picked(sequences: Sequence[Ids], members: Ids) -> list[Ids]:
    return [sequences[member] for member in members]
