"""The process of trainings: it is given one job after another, and ends with its parent.

It reads jobs from standard input, each as a length of eight bytes and a pickle, and writes lines of
JSON to standard output: one for each step, and one that says how a job ended. What comes while it
trains is the answer to what it asked. If standard input ends while it trains, the training stops:
its parent was interrupted, or is gone.
"""

from __future__ import annotations

import _thread
import gc
import json
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import astuple
from typing import BinaryIO

from rmcheck.errors import ProblemsFound, RmcheckError
from rmcheck.progress import Progress

LENGTH = 8
"""Bytes of the length in front of the job."""

GRACE = 10.0
"""Seconds that a training has to stop and clean up."""

_ANSWERS: queue.Queue[str] = queue.Queue()


class Told:
    """A `Progress` that tells the parent."""

    def __init__(self, channel: BinaryIO) -> None:
        self._channel = channel

    def say(self, *what: object) -> None:
        """Write one line; a parent that is gone is noticed by `Jobs`."""
        try:
            self._channel.write(json.dumps(what).encode() + b"\n")
            self._channel.flush()
        except OSError:
            pass

    def ask(self, *what: object) -> str:
        """Write one line, and wait for the parent's answer to it."""
        self.say(*what)
        while True:
            try:
                return _ANSWERS.get(timeout=0.2)  # without a limit it could not be interrupted
            except queue.Empty:
                continue

    def start(self, title: str, total: int, unit: str) -> None:
        """A job of `total` units begins."""
        self.say("start", title, total, unit)

    def advance(self, amount: int = 1, note: str = "") -> None:
        """`amount` more units are done."""
        self.say("advance", amount, note)

    def finish(self) -> None:
        """The job is over; the line after it says how it ended."""


class Jobs:
    """The jobs that standard input brings; a thread reads them, and stops this process at the end.

    While a job is done, what comes is an answer for it, and an end of the input is its parent's
    wish to stop.
    """

    def __init__(self, given: BinaryIO) -> None:
        self._given = given
        self._busy = False
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def __iter__(self) -> Iterator[bytes]:
        """Pickled jobs; ask for the next one only after `done`."""
        while (job := self._waiting.get()) is not None:
            yield job

    def done(self) -> None:
        """The job is over: from now on the input may end."""
        self._busy = False

    def _read(self) -> None:
        while True:
            length = int.from_bytes(self._given.read(LENGTH), "big")
            text = self._given.read(length)
            if not text or len(text) < length:
                break
            if self._busy:
                _ANSWERS.put(text.decode())
                continue
            self._busy = True
            self._waiting.put(text)
        self._waiting.put(None)
        if self._busy:
            _thread.interrupt_main(signal.SIGTERM)
            time.sleep(GRACE)
            os._exit(1)


def main() -> None:
    """Train as standard input says, and tell how each job ended."""
    # Ctrl-C reaches every process of a terminal; the parent stops this one in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    # What libraries print must not get between the lines for the parent.
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    told, jobs = Told(channel), Jobs(sys.stdin.buffer)
    for job in jobs:
        ended = _ended(job, told)
        gc.collect()  # its model is in cycles of references, and the next job brings its own
        jobs.done()
        told.say(*ended)


def _ended(given: bytes, progress: Progress) -> tuple[object, ...]:
    """Do a job; the line that says how it ended."""
    try:
        job = pickle.loads(given)
        assert callable(job)
        return "trained", bool(job(progress))
    except ProblemsFound as error:
        return "problems", [astuple(problem) for problem in error.problems]
    except RmcheckError as error:
        return "error", str(error)
    except Exception:
        return "bug", traceback.format_exc()


def _stop(*_: object) -> None:
    raise SystemExit(1)  # lets the training remove its unfinished files
