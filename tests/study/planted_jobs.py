"""Trainings with planted win rates, for tests; without torch, so that processes start at once."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rmcheck.errors import TrainingError
from rmcheck.progress import Progress
from rmcheck.training.watch import Watch


@dataclass(frozen=True)
class Planted:
    """A training of 100 steps, which notes the steps that it makes.

    Attributes
    ----------
    rates
        The win rate at each rung.
    pause
        Seconds of ten steps.
    fails
        `killed` at step 50 (once), `always` killed, or `error`; nothing else.
    """

    key: str
    folder: Path
    rates: tuple[float, ...]
    pause: float = 0.0
    fails: str = ""
    work: float = 1e20
    memory: float = 1.0

    @property
    def spec(self) -> str:
        return f"recipe:{self.key}"

    def __call__(self, progress: Progress, watch: Watch | None = None) -> bool:
        assert watch is not None
        rungs = watch.steps(100)
        progress.start("training", 100, "steps")
        with (self.folder / f"{self.key}.steps").open("a", encoding="utf-8") as steps:
            for step in range(1, 101):
                steps.write(f"{step}\n")
                steps.flush()
                if step == 50:
                    self._fail()
                if step in rungs:
                    won = np.arange(1000) < round(self.rates[rungs[step][0]] * 1000)
                    rewards = np.stack([np.where(won, 1.0, -1.0), np.zeros(1000)], axis=1)
                    watch.saw(step, 100, rewards.reshape(-1))
                if step % 10 == 0:
                    progress.advance(10)
                    time.sleep(self.pause)
        progress.finish()
        (self.folder / f"{self.key}.trained").touch()
        return True

    def _fail(self) -> None:
        seen = self.folder / f"{self.key}.killed"
        if self.fails == "error":
            raise TrainingError("the loss is nan")
        if self.fails == "always" or (self.fails == "killed" and not seen.exists()):
            seen.touch()
            os.kill(os.getpid(), signal.SIGKILL)
