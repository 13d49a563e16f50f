"""A process that trains, seen from its parent: what it is given, says, and how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from rmcheck.errors import Problem, ProblemsFound, TrainingError
from rmcheck.progress import Progress
from rmcheck.training.worker import GRACE, LENGTH

_START = "import sys; sys.path[:] = {path!r}; from rmcheck.training.worker import main; main()"


@dataclass(frozen=True)
class Ended:
    """How a training ended: `trained` here, or by another process; or with an error."""

    trained: bool = False
    error: Exception | None = None


class Job(Protocol):
    """What a process is given; it can be pickled."""

    @property
    def spec(self) -> str:
        """The source's name in messages."""

    def __call__(self, progress: Progress) -> bool:
        """Train; False if another process has done it meanwhile."""


Given = TypeVar("Given", bound=Job)


class Process(Generic[Given]):
    """A process that trains a job, and then further ones.

    To start one and import torch takes several seconds of a core.

    Attributes
    ----------
    place, job
        What it trains. A thread puts the lines that it writes into a queue, with that place.
    last
        The last line about the job that is not about a step: how it ended.
    """

    def __init__(
        self,
        place: int,
        job: Given,
        threads: int,
        news: queue.Queue[tuple[int, list[Any] | None]],
    ) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (`ended` closes it)
        self.child = subprocess.Popen(
            [sys.executable, "-c", _START.format(path=sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(threads),
        )
        assert self.child.stdout
        lines = self.child.stdout
        self.give(place, job)

        def listen() -> None:
            with lines:
                for line in lines:
                    news.put((self.place, json.loads(line)))
            news.put((self.place, None))

        threading.Thread(target=listen, daemon=True).start()

    def give(self, place: int, job: Given) -> None:
        """Have it train a job: its first, or one after the line that the last one is trained."""
        self.place, self.job = place, job
        self.last: list[Any] | None = None
        self._send(pickle.dumps(job))

    def ended(self) -> Ended | None:
        """How it ended, from its last line; None if it was killed."""
        code = self.child.wait()
        self.end_input()
        with self._errors:
            self._errors.seek(0)
            printed = self._errors.read().decode(errors="replace").strip()
        match self.last:
            case ["trained", now]:
                return Ended(trained=bool(now))
            case ["problems", problems]:
                return Ended(error=ProblemsFound(Problem(*problem) for problem in problems))
            case ["error", text]:
                known = text.startswith(self.job.spec)
                return Ended(error=TrainingError(text if known else f"{self.job.spec}: {text}"))
            case ["bug", text]:
                return Ended(error=RuntimeError(f"{self.job.spec}:\n{text}"))
        if code < 0:
            return None
        last = "".join(printed.splitlines()[-1:])
        said = f"the training process ended with exit code {code}: {last}"
        return Ended(error=TrainingError(f"{self.job.spec}: {said}"))

    def answer(self, text: str) -> None:
        """Answer what its job asked."""
        self._send(text.encode())

    def _send(self, given: bytes) -> None:
        assert self.child.stdin
        with contextlib.suppress(OSError):  # it may have ended at once; `ended` says why
            self.child.stdin.write(len(given).to_bytes(LENGTH, "big") + given)
            self.child.stdin.flush()

    def end_input(self) -> None:
        """End its standard input: no further job; an unfinished one stops and removes its files."""
        assert self.child.stdin
        with contextlib.suppress(OSError):  # what was not read before it ended
            self.child.stdin.close()


def _environment(threads: int) -> Mapping[str, str]:
    given = {"OMP_NUM_THREADS": str(threads), "RAYON_NUM_THREADS": str(threads)}
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, **given}


def stop(processes: Sequence[Process[Any]]) -> None:
    """Have all stop at once; kill those that do not."""
    for process in processes:
        process.end_input()
    until = time.monotonic() + GRACE
    try:
        for process in processes:
            process.child.wait(max(0.0, until - time.monotonic()))
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        pass
    finally:
        for process in processes:
            if process.child.poll() is None:
                process.child.kill()
                process.child.wait()
