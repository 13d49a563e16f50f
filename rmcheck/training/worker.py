"""The process of one training: it is given a job, tells its progress, and ends with its parent.

It reads the job from standard input, as a length of eight bytes and a pickle, and writes a line of
JSON for each step to standard output. Lines that follow the job are answers to what it asks. If
standard input ends, the training stops: its parent was interrupted, or is gone.
"""

from __future__ import annotations

import _thread
import json
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
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
        """Write one line; a parent that is gone is noticed by `_watch`."""
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


def main() -> None:
    """Train as standard input says, and tell how it ended."""
    # Ctrl-C reaches every process of a terminal; the parent stops this one in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    # What libraries print must not get between the lines for the parent.
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    told, given = Told(channel), sys.stdin.buffer
    try:
        length = int.from_bytes(given.read(LENGTH), "big")
        job = pickle.loads(given.read(length))
        threading.Thread(target=_watch, args=(given,), daemon=True).start()
        told.say("trained", bool(_run(job, told)))
    except ProblemsFound as error:
        told.say("problems", [astuple(problem) for problem in error.problems])
    except RmcheckError as error:
        told.say("error", str(error))
    except Exception:
        told.say("bug", traceback.format_exc())


def _run(job: object, progress: Progress) -> object:
    assert callable(job)
    return job(progress)


def _stop(*_: object) -> None:
    raise SystemExit(1)  # lets the training remove its unfinished files


def _watch(given: BinaryIO) -> None:
    for line in given:
        _ANSWERS.put(line.decode().strip())
    _thread.interrupt_main(signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
