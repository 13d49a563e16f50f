"""Jobs that stand for trainings; without torch, so that their processes start at once."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from rmcheck.errors import Problem, ProblemsFound, TrainingError
from rmcheck.progress import Progress


@dataclass(frozen=True)
class Job:
    """Counts `steps` and leaves a file that says in which process, with how many threads."""

    key: str
    folder: Path
    steps: int = 3
    work: float = 1e20
    memory: float = 1.0

    @property
    def spec(self) -> str:
        return f"recipe:{self.key}"

    def __call__(self, progress: Progress) -> bool:
        print("what a library prints")
        progress.start("training", self.steps, "steps")
        for step in range(self.steps):
            progress.advance(1, f"loss {step}")
        progress.finish()
        said = f"{os.getpid()} {os.environ['OMP_NUM_THREADS']}"
        (self.folder / self.key).write_text(said, encoding="utf-8")
        return True


class Found(Job):
    """Another process has trained it meanwhile."""

    def __call__(self, progress: Progress) -> bool:
        return False


class Fails(Job):
    """Cannot be trained."""

    def __call__(self, progress: Progress) -> bool:
        raise TrainingError("expected at least 2 training pairs, got 1")


class Malformed(Job):
    """Its data have two mistakes."""

    def __call__(self, progress: Progress) -> bool:
        raise ProblemsFound([Problem("a.jsonl", 2, 1, "no id"), Problem("a.jsonl", 5, 1, "no id")])


class Broken(Job):
    """A mistake of ours."""

    def __call__(self, progress: Progress) -> bool:
        return bool(1 / 0)


class Killed(Job):
    """Killed as the system kills for want of memory; the second time it is not, if it may."""

    def __call__(self, progress: Progress) -> bool:
        seen = self.folder / f"{self.key}.killed"
        if not seen.exists() or self.key == "always":
            seen.write_text("", encoding="utf-8")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(progress)


class Endless(Job):
    """Goes on until it is stopped, then removes its unfinished folder."""

    def __call__(self, progress: Progress) -> bool:
        half = self.folder / f".{self.key}.tmp"
        half.mkdir()
        (self.folder / f"{self.key}.pid").write_text(str(os.getpid()), encoding="utf-8")
        try:
            progress.start("training", 10**6, "steps")
            while True:
                progress.advance(1, "loss 1")
                time.sleep(0.02)
        finally:
            half.rmdir()
