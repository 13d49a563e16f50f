"""One training by several processes: they are started, watched and stopped together."""

from __future__ import annotations

import contextlib
import pickle
import queue
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.errors import RmcheckError, TrainingError
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.run import TrainingRecord
from rmcheck.scoring.threads import cores
from rmcheck.training import adapter
from rmcheck.training.lessons import Taught
from rmcheck.training.process import Ended, Process, stop
from rmcheck.training.recipe import Recipe
from rmcheck.training.side_by_side import threads_of

RECORD = "training.json"
"""The training record, which the first process leaves beside the weights."""

LATER = 2.0
"""Seconds in which the others may say what ended them, after one has ended."""

News = queue.Queue[tuple[int, list[Any] | None]]


def processes_of(asked: int | Literal["auto"], recipe: Recipe, device: str) -> int:
    """How many processes train a recipe on a device.

    Parameters
    ----------
    asked
        Their number; `auto`: one for each GPU of `cuda`, and one elsewhere.

    Raises
    ------
    TrainingError
        For several processes where there is only one device, or more than there are GPUs or cores.
    """
    if asked == "auto":
        if device != "cuda":
            return 1
        import torch

        return max(1, torch.cuda.device_count())
    if asked == 1:
        return 1
    said = f"{recipe.path}: training.processes: expected 1"
    if device == "cuda":
        import torch

        there = torch.cuda.device_count()
        if asked > there:
            raise TrainingError(
                f"{recipe.path}: training.processes: expected at most {there}, as many as this "
                f"machine's GPUs, got {asked}; use auto"
            )
    elif device != "cpu":
        raise TrainingError(
            f"{said} on the device {device}, got {asked}; several processes train on 'cuda' (each "
            "on a GPU of its own) or on 'cpu'"
        )
    elif asked > cores():
        raise TrainingError(
            f"{recipe.path}: training.processes: expected at most {cores()}, as many as this "
            f"process has cores, got {asked}; more would wait for each other"
        )
    return asked


@dataclass(frozen=True, kw_only=True)
class Together:
    """A training by several processes.

    Attributes
    ----------
    spec
        The source's name in messages.
    device
        `cpu`, or `cuda` for a GPU each.
    resumable, start
        As for `rmcheck.training.trainer.train`.
    folder
        The weights and the training record are written into it.
    """

    spec: str
    recipe: Recipe
    device: str
    count: int
    resumable: Path | None
    start: Path | None
    folder: Path


@dataclass(frozen=True)
class RankTraining:
    """What one of the processes does.

    Attributes
    ----------
    given
        A file with the pickled data.
    """

    whole: Together
    rank: int
    given: Path

    @property
    def spec(self) -> str:
        """The source's name in messages."""
        return self.whole.spec

    def __call__(self, progress: Progress) -> bool:
        """Train with the others; the first one writes the weights."""
        from rmcheck.scoring.threads import wait_asleep

        wait_asleep()
        from rmcheck.training.ranks import Ranks
        from rmcheck.training.trainer import train

        whole, first = self.whole, self.rank == 0
        ranks = Ranks(self.rank, whole.count, self.given.with_name("meeting"), whole.device)
        given = pickle.loads(self.given.read_bytes())
        model, record = train(
            whole.recipe,
            given,
            ranks.device,
            progress if first else NoProgress(),
            resumable=whole.resumable,
            start=whole.start,
            ranks=ranks,
        )
        if first:
            adapter.write(model, whole.folder)
            (whole.folder / RECORD).write_text(record.model_dump_json(), encoding="utf-8")
        ranks.leave()
        return True


def train_together(
    whole: Together,
    given: Sequence[PreferencePair | ResponseSet] | Taught,
    progress: Progress,
) -> TrainingRecord:
    """Train, and write the weights into the folder of `whole`.

    If one process ends, all are stopped: none waits for it. Ctrl-C stops them too. Checkpoints are
    kept, as they are of a training in one process.

    Raises
    ------
    TrainingError
        If it cannot be trained, or a process was killed.
    ProblemsFound
        All mistakes of the data.
    """
    news: News = queue.Queue()
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "given"
        data.write_bytes(pickle.dumps(given))
        processes: list[Process[RankTraining]] = []
        try:
            for rank in range(whole.count):
                job = RankTraining(whole, rank, data)
                processes.append(Process(rank, job, threads_of(whole.count), news))
            ended = _watched(processes, news, progress)
        finally:
            stop(processes)
    wrong = {rank: each for rank, each in ended.items() if each is None or not each.trained}
    if wrong:
        raise _cause(wrong, whole)
    path = whole.folder / RECORD
    record = TrainingRecord.model_validate_json(path.read_text(encoding="utf-8"))
    path.unlink()
    return record


def _watched(
    processes: Sequence[Process[RankTraining]], news: News, progress: Progress
) -> dict[int, Ended | None]:
    """How the processes ended, None for one that was killed; until all have, or soon after one."""
    ended: dict[int, Ended | None] = {}
    until = float("inf")
    open_bar = False
    try:
        while len(ended) < len(processes) and time.monotonic() < until:
            try:
                rank, said = news.get(timeout=0.2)  # without a limit Windows would miss a Ctrl-C
            except queue.Empty:
                continue
            if said is None:
                ended[rank] = found = processes[rank].ended()
                if found is None or not found.trained:
                    until = min(until, time.monotonic() + LATER)
            elif said[0] == "start":
                progress.start(*said[1:])
                open_bar = True
            elif said[0] == "advance":
                progress.advance(*said[1:])
            elif said[0] == "finish":
                progress.finish()
                open_bar = False
            else:
                processes[rank].last = said
                processes[rank].end_input()
    finally:
        if open_bar:
            progress.finish()
    return ended


def _cause(wrong: dict[int, Ended | None], whole: Together) -> Exception:
    """Why a training failed: what one of its processes says, but that it lost the others."""
    from rmcheck.training.ranks import LOST

    said = [each.error for each in wrong.values() if each is not None and each.error is not None]
    own = [error for error in said if LOST not in str(error)]
    for error in sorted(own, key=lambda each: not isinstance(each, RmcheckError)):
        return error
    killed = [rank for rank, each in wrong.items() if each is None]
    if killed:
        return TrainingError(
            f"{whole.spec}: process {killed[0] + 1} of the {whole.count} that trained it was "
            "killed (out of memory?), and the others were stopped; free some memory, or use a "
            "smaller batch_size or fewer processes. The same command goes on from its last "
            "checkpoint, if it was trained for longer than half a minute"
        )
    with contextlib.suppress(IndexError):
        return said[0]
    return TrainingError(f"{whole.spec}: a process of its training ended")
