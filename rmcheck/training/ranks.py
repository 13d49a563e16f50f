"""The processes that train one model together: each reads its share of every step's examples.

Data-parallel training by accelerate: every process (rank) has the whole model, its gradients are
summed over all of them, and each makes the same step. The sum is the gradient of the recipe's loss
over the whole batch, whoever read which example, so that the result is that of one process within
rounding.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.errors import TrainingError
from rmcheck.scoring.scorer import Scorer

Rows = list[dict[str, Any]]

LOST = "lost the other processes of this training"
"""What a process says that is left by another; the other one says why."""

PATIENCE = timedelta(days=7)
"""How long a process waits for the others; one that ends is noticed by the parent at once."""


@dataclass(frozen=True)
class Part:
    """Examples that this process reads of one batch.

    Attributes
    ----------
    batch
        The place of the batch in its step.
    divisor
        Their mean loss, divided by it, is their part of the step's loss: the mean over its batches
        of the mean over the examples of a batch.
    share
        Which share of the batch they are.
    """

    rows: Rows
    batch: int
    divisor: float
    share: float


@dataclass(frozen=True)
class Seen:
    """What a training saw of a batch: its loss, and how many of its pairs were right."""

    loss: float
    won: float
    compared: int


class Alone:
    """One process that trains a model by itself.

    Attributes
    ----------
    rank, count
        Its number, from 0, and how many processes there are.
    """

    rank = 0
    count = 1

    def parts(self, batches: Sequence[Rows]) -> list[Part]:
        """What this process reads of a step; neighbours stay together, as they share prompts."""
        total = sum(map(len, batches))
        low, high = total * self.rank // self.count, total * (self.rank + 1) // self.count
        found, start = [], 0
        for number, rows in enumerate(batches):
            mine = rows[max(0, low - start) : max(0, high - start)]
            if mine:
                share = len(mine) / len(rows)
                found.append(Part(mine, number, len(batches) / share, share))
            start += len(rows)
        return found

    def add_up(self, model: Any, seen: Sequence[tuple[Part, Seen]], batches: int) -> list[Seen]:
        """Sum the gradients over all processes; returns what they saw of each batch together."""
        return [each for _, each in seen]

    def agree(self, asked: bool) -> bool:
        """What the first process answers to a question that all are asked."""
        return asked

    def gathered(self, own: Any) -> list[Any]:
        """What each process has, by rank."""
        return [own]

    def rewards(self, scorer: Scorer, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards of `scorer`; each process scores its share of the texts."""
        return scorer.score(dialogues)

    def begin(self, model: Any, facts: tuple[Any, ...]) -> None:
        """Check that all processes begin alike, with the weights of the first one."""

    def leave(self) -> None:
        """Wait for the others, then part with them."""


class Ranks(Alone):
    """One of several processes that train a model together.

    Parameters
    ----------
    rank, count
        Its number, from 0, and how many processes there are.
    meeting
        A file that does not exist yet, by which they find one another.
    device
        `cpu` (gloo) or `cuda` (NCCL, one GPU for each process).
    """

    def __init__(self, rank: int, count: int, meeting: Path, device: str) -> None:
        self.rank, self.count = rank, count
        names = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
        os.environ.update({name: str(value) for name, value in names.items()})
        _stay_here(device)
        from accelerate import PartialState

        with _lost():
            self._state = PartialState(
                cpu=device == "cpu",
                init_method=meeting.as_uri(),
                rank=rank,
                world_size=count,
                timeout=PATIENCE,
            )
        self.device = device if device == "cpu" else f"{device}:{rank}"

    def add_up(self, model: Any, seen: Sequence[tuple[Part, Seen]], batches: int) -> list[Seen]:
        """Sum the gradients over all processes; returns what they saw of each batch together.

        A parameter without a gradient in every process is left without one, as in one process, so
        that its weights do not decay.
        """
        trained = [each for each in model.parameters() if each.requires_grad]
        there = [float(each.grad is not None) for each in trained]
        table = np.zeros((batches, 3), dtype=np.float32)
        for part, each in seen:
            table[part.batch] += (part.share * each.loss, each.won, each.compared)
        said = torch.tensor([*there, *table.ravel().tolist()], device=trained[0].device)
        gradients = [
            (torch.zeros_like(each) if each.grad is None else each.grad).float().reshape(-1)
            for each in trained
        ]
        total = self._sum(torch.cat([*gradients, said]))
        start = 0
        for place, each in enumerate(trained):
            piece = total[start : start + each.numel()]
            start += each.numel()
            each.grad = None
            if total[len(total) - len(said) + place] > 0:
                each.grad = piece.reshape(each.shape).to(each.dtype)
        rows = total[len(total) - 3 * batches :].reshape(batches, 3).tolist()
        return [Seen(loss, won, round(compared)) for loss, won, compared in rows]

    def _sum(self, given: torch.Tensor) -> torch.Tensor:
        from accelerate.utils import reduce

        with _lost():
            found: torch.Tensor = reduce(given, reduction="sum")
        return found

    def agree(self, asked: bool) -> bool:
        """What the first process answers to a question that all are asked."""
        return bool(self.gathered(asked)[0])

    def gathered(self, own: Any) -> list[Any]:
        """What each process has, by rank."""
        from accelerate.utils import gather_object

        with _lost():
            return list(gather_object([own]))

    def rewards(self, scorer: Scorer, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards of `scorer`; each process scores its share of the texts."""
        total = len(dialogues)
        low, high = total * self.rank // self.count, total * (self.rank + 1) // self.count
        own = scorer.score(dialogues[low:high]) if high > low else None
        return np.concatenate([each for each in self.gathered(own) if each is not None])

    def begin(self, model: Any, facts: tuple[Any, ...]) -> None:
        """Check that all processes begin alike, with the weights of the first one.

        Raises
        ------
        TrainingError
            If they do not have the same `facts`: the data or the checkpoint changed meanwhile.
        """
        from accelerate.utils import broadcast

        found = self.gathered(facts)
        if any(each != found[0] for each in found):
            raise TrainingError(
                f"the processes of this training do not begin alike ({found[0]} and "
                f"{next(each for each in found if each != found[0])}): its files changed while "
                "they were read; start it again"
            )
        with _lost(), torch.no_grad():
            for each in model.parameters():
                if each.requires_grad:
                    each.copy_(broadcast(each.detach(), from_process=0))

    def leave(self) -> None:
        """Wait for the others, then part with them."""
        self.gathered(None)
        with suppress(RuntimeError):
            self._state.destroy_process_group()


@contextmanager
def _lost() -> Iterator[None]:
    """Say of an error of the connection that the others are gone."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(f"{LOST} ({str(error).splitlines()[0][:200]})") from None


def _stay_here(device: str) -> None:
    """Have the libraries below connect within this machine only; what the user set is kept."""
    loopback = {"linux": "lo", "darwin": "lo0"}.get(sys.platform)
    if loopback is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", loopback)
    if device != "cpu":
        from accelerate.utils import check_cuda_p2p_ib_support

        if not check_cuda_p2p_ib_support():  # as `accelerate launch` does for such GPUs
            os.environ.setdefault("NCCL_P2P_DISABLE", "1")
            os.environ.setdefault("NCCL_IB_DISABLE", "1")


ALONE = Alone()
