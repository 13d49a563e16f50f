"""Log-probabilities of responses under a causal language model, in a prefix forest or batches."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.errors import SourceError
from rmcheck.scoring.batches import batches, padded
from rmcheck.scoring.budget import budgets, calls, probe_sequences
from rmcheck.scoring.forest import Row, plant
from rmcheck.scoring.padding import pad_token
from rmcheck.scoring.precision import DTYPES, TOLERANCE, full_precision, is_out_of_memory
from rmcheck.scoring.reading import Reading, forest_states, layers_reason, reach
from rmcheck.scoring.trees import Trees, by_tree, tree_states
from rmcheck.scoring.workers import ending_together, replicated, side_by_side, worker_count

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

LOGITS = 2**25
"""Logits at once (128 MB of them): predictions are made a few positions at a time."""
PROBED = 2**27
"""Logits of the longest text on which the ways of computing are compared."""


@dataclass(frozen=True)
class _Part:
    """One call of a model: how its values are read, a list of them, and of which sequences."""

    read: Callable[[Likelihood], list[Floats]]
    members: Ids


class Likelihood:
    """log p of each token of a text given those before it.

    Parameters
    ----------
    model
        A causal language model of `transformers`.
    tokenizer
        Its tokenizer.
    name
        The model's name in messages.

    Attributes
    ----------
    remarks
        Notes that the user should see, such as why the forest was not used.

    Raises
    ------
    SourceError
        For a model whose tokens see those after them.
    """

    def __init__(
        self, model: Any, tokenizer: Any, name: str, device: str = "cpu", dtype: str = "float32"
    ) -> None:
        self.model = model.to(device=device, dtype=DTYPES[dtype]).eval()
        self.device = torch.device(device)
        self.name = name
        self.dtype = dtype
        self.remarks: list[str] = []
        self.pad = pad_token(model, tokenizer)
        self.row, self._call = budgets(self.device)
        self._head = model.get_output_embeddings()
        self._width = int(self._head.weight.shape[0])
        self._at_once = LOGITS
        self._reach = reach(model)
        self._trusts_forest: bool | None = None
        self.by_tree = False
        self._composed = True
        with torch.inference_mode():
            self._refuse_looking_ahead()

    @property
    def vocabulary(self) -> int:
        """How many tokens it predicts."""
        return self._width

    def of(self, sequences: Sequence[Ids], starts: Ids) -> list[Floats]:
        """log p of the tokens of each sequence from its start on.

        Parameters
        ----------
        sequences
            Token ids, all different, in lexicographic order.
        starts
            Shape (n,), at least 1: the first token of a text is given, not predicted.
        """
        found: list[Floats] = [np.empty(0)] * len(sequences)
        longest = self._reach[0] if self._reach else None
        within = np.array([longest is None or len(ids) <= longest for ids in sequences])
        for near in (True, False):
            left = within == near
            some = [sequences[place] for place in np.flatnonzero(left).tolist()]
            shares = near and bool(some) and self._trusted(some)
            if not near and some and self._reach and layers_reason(self.model) is None:
                self._remark(
                    f"prefix sharing off for texts of more than {longest} tokens: {self._reach[1]}"
                )
            while left.any():
                try:
                    members = np.flatnonzero(left)
                    for part, values in self._computed(sequences, starts, members, shares):
                        for place, value in zip(part.members.tolist(), values, strict=True):
                            found[place] = value
                        left[part.members] = False
                except (torch.OutOfMemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error) or not self._shrink():
                        raise
        return found

    def _computed(
        self, sequences: Sequence[Ids], starts: Ids, members: Ids, shares: bool
    ) -> Iterator[tuple[_Part, list[Floats]]]:
        """Parts and what they give, by workers where there are several parts and cores."""

        def planned(some: Ids, part: int = 1) -> list[_Part]:
            budget = max(1, self._call // part)
            return list(self._planned(sequences, starts, some, shares, budget))

        parts = planned(members)
        count = worker_count(self.device) if len(parts) > 1 else 1
        readers = self._copies(count) if count > 1 else []
        if not readers:
            for part in parts:
                yield part, part.read(self)
            return
        parts = ending_together(parts, count, planned)
        with closing(side_by_side([part.read for part in parts], readers)) as found:
            yield from zip(parts, found, strict=True)

    def _copies(self, count: int) -> list[Likelihood]:
        """The same with replicas of the model, which together have as many logits at once."""
        copies = []
        for model in replicated(self.model, count):
            other = copy.copy(self)
            other.model = model
            other._head = model.get_output_embeddings()
            other._at_once = self._at_once // count
            copies.append(other)
        return copies

    def _planned(
        self, sequences: Sequence[Ids], starts: Ids, members: Ids, shares: bool, budget: int
    ) -> Iterator[_Part]:
        """What reads the `members` of the sequences, indices in rising order."""
        if not shares:
            # Without the model's head apart, all logits of a call are in memory at once.
            budget = budget if self._composed else min(budget, LOGITS // self._width)
            for batch in batches(sequences, members.tolist(), budget, self.pad):
                places = batch.members
                mine = [sequences[place] for place in places.tolist()]
                yield _Part(methodcaller("_padded", mine, starts[places]), places)
            return
        forest = plant([sequences[member] for member in members], min(self.row, budget))
        for rows in calls(forest.rows, budget, padded=not self.by_tree):
            places = members[np.concatenate([row.members for row in rows])]
            yield _Part(methodcaller("_shared", rows, starts[places]), places)

    def _shared(self, rows: Sequence[Row], starts: Ids) -> list[Floats]:
        """Values of the rows' sequences, whose nodes are predicted once each."""
        with torch.inference_mode(), full_precision(self.dtype):
            states, offsets = self._states(rows)
            parents, tokens, slices = [], [], []
            remaining = iter(starts.tolist())
            count = 0
            for row, offset in zip(rows, offsets, strict=True):
                paths, first = _paths(row), {}
                for path in paths:
                    start = next(remaining)
                    for depth in range(start, len(path)):
                        node = int(path[depth])
                        if node not in first:
                            first[node] = count
                            count += 1
                            parents.append(offset + int(path[depth - 1]))
                            tokens.append(int(row.tokens[node]))
                    slices.append([first[int(node)] for node in path[start:]])
            values = self._predicted(states, parents, tokens)
        return [values[places] for places in slices]

    def _states(self, rows: Sequence[Row]) -> tuple[torch.Tensor, list[int]]:
        """Last hidden states of all nodes, shape (n, d), and where each row begins."""
        if self.by_tree:
            with by_tree(self.model):
                states = tree_states(self.model, Trees.of(rows))
            lengths = [len(row) for row in rows]
            return states, [sum(lengths[:place]) for place in range(len(rows))]
        states = forest_states(self.model, Reading.of(rows, self.device))
        width = states.shape[1]
        return states.flatten(0, 1), [place * width for place in range(len(rows))]

    def _padded(self, sequences: Sequence[Ids], starts: Sequence[int] | Ids) -> list[Floats]:
        """Values of sequences that are padded to one length."""
        batch = padded(sequences, range(len(sequences)), self.pad)
        tokens = torch.from_numpy(batch.tokens).to(self.device)
        mask = torch.from_numpy(batch.mask).to(self.device)
        width = tokens.shape[1]
        spans = [(row, int(start), len(ids)) for row, (start, ids) in
                 enumerate(zip(starts, sequences, strict=True))]  # fmt: skip
        parents = [row * width + at - 1 for row, start, end in spans for at in range(start, end)]
        wanted = [int(sequences[row][at]) for row, start, end in spans for at in range(start, end)]
        options = {"input_ids": tokens, "attention_mask": mask, "use_cache": False}
        with torch.inference_mode(), full_precision(self.dtype):
            if self._composed:
                backbone = getattr(self.model, self.model.base_model_prefix)
                values = self._predicted(backbone(**options)[0].flatten(0, 1), parents, wanted)
            else:
                logits = self.model(**options).logits.flatten(0, 1)
                values = _log_probabilities(logits[parents].float(), wanted)
        ends = np.cumsum([max(0, end - start) for _, start, end in spans])
        return np.split(values, ends[:-1])

    def _predicted(
        self, states: torch.Tensor, parents: Sequence[int], tokens: Sequence[int]
    ) -> Floats:
        """log p of `tokens`, each after the node `parents` of `states`; a few at a time."""
        size = max(1, self._at_once // self._width)
        parts = [
            _log_probabilities(
                self._logits(states[parents[at : at + size]]), tokens[at : at + size]
            )
            for at in range(0, len(parents), size)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def _logits(self, states: torch.Tensor) -> torch.Tensor:
        """What the model makes of hidden states, with the scaling that some put after the head."""
        config = self.model.config.get_text_config()
        logits: torch.Tensor = self._head(states).float()
        divisor = getattr(config, "logits_scaling", None)  # Granite
        if divisor:
            logits = logits / divisor
        factor = getattr(config, "logit_scale", None)  # Cohere; others have a name there
        if isinstance(factor, (int, float)):
            logits = logits * factor
        cap = getattr(config, "final_logit_softcapping", None)  # Gemma 2
        return torch.tanh(logits / cap) * cap if cap else logits

    def _trusted(self, sequences: Sequence[Ids]) -> bool:
        """Whether prefixes are shared; tried once, on the first sequences that come."""
        if self._trusts_forest is None:
            reason = self._probe(sequences)
            if reason:
                self._remark(f"prefix sharing off: {reason}; using length-sorted batches")
            self._trusts_forest = reason is None
        return self._trusts_forest

    def _probe(self, sequences: Sequence[Ids]) -> str | None:
        """Why the forest does not give what the model's own forward gives, one text at a time."""
        most = max(192, PROBED // self._width)
        unique = {ids[:most].tobytes(): ids[:most] for ids in probe_sequences(sequences)}
        probes = [ids for ids in unique.values() if len(ids) > 1]
        if not probes:
            return None
        self._composed = False
        own = [self._padded([ids], [1])[0] for ids in probes]
        self._composed = True
        alone = [self._padded([ids], [1])[0] for ids in probes]
        if self._difference(own, alone) is not None:
            self._composed = False
            return "its predictions are not its head's on the last hidden state"
        reason = layers_reason(self.model)
        if reason is not None:
            return reason
        with by_tree(self.model) as able:
            self.by_tree = able and self.device.type == "cpu"
        reason = self._tried(probes, own)
        if reason and self.by_tree:
            self.by_tree = False
            reason = self._tried(probes, own)
        return reason

    def _tried(self, probes: list[Ids], own: list[Floats]) -> str | None:
        forest = plant(probes, sum(len(probe) for probe in probes))
        shared: dict[int, Floats] = {}
        try:
            for row in forest.rows:
                ones = np.ones(len(row.members), dtype=np.int64)
                shared |= dict(zip(row.members.tolist(), self._shared([row], ones), strict=True))
        except Exception as error:  # a model may refuse a custom mask in any way it likes
            if is_out_of_memory(error):
                return f"not enough memory to test it on {forest.n_tokens:,} tokens"
            return f"the model does not accept a custom mask ({type(error).__name__})"
        return self._difference(own, [shared[int(place)] for place in forest.places])

    def _difference(self, expected: list[Floats], found: list[Floats]) -> str | None:
        before, now = np.concatenate(expected), np.concatenate(found)
        if not np.isfinite(before).all():
            return None  # scoring reports these, with the dialogue
        far = np.abs(now - before) / np.maximum(1.0, np.abs(before))
        if (far <= TOLERANCE[self.dtype]).all():
            return None
        return f"its log-probabilities differ from one-by-one scoring by {far.max():.1e}"

    def _refuse_looking_ahead(self) -> None:
        """Raise SourceError where a later token changes what is predicted before it."""
        texts = torch.tensor([[3, 4, 5, 6], [3, 4, 5, 7]], device=self.device) % self._width
        first, second = self.model(input_ids=texts).logits.float()
        moved = (first - second).abs().amax(dim=1)
        if moved[:3].max() <= 0.01 * moved[3]:
            return
        raise SourceError(
            f"{self.name}: expected a causal language model, got {type(self.model).__name__}, "
            "whose tokens see those after them"
        )

    def _remark(self, said: str) -> None:
        if said not in self.remarks:
            self.remarks.append(said)

    def _shrink(self) -> bool:
        """Halve the tokens per call; False if it cannot be halved any more."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self._call <= 1:
            return False
        self._call //= 2
        self.row = min(self.row, self._call)
        self._remark(f"out of memory: reduced to {self._call:,} tokens per call")
        return True


def _paths(row: Row) -> list[Ids]:
    """The nodes of each sequence of a row, from its first token to its last."""
    return [np.flatnonzero(row.ends[: last + 1] > last) for last in row.last.tolist()]


def _log_probabilities(logits: torch.Tensor, tokens: Sequence[int]) -> Floats:
    """log p of one token a row of `logits`, shape (n, vocabulary)."""
    wanted = torch.tensor(tokens, device=logits.device, dtype=torch.int64)
    picked = logits.gather(1, wanted[:, None])[:, 0] - logits.logsumexp(dim=1)
    values: Floats = picked.double().cpu().numpy()
    return values
