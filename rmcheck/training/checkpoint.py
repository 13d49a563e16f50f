"""Checkpoints of a running training, from which a killed one goes on to the same weights."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from rmcheck.errors import SourceError
from rmcheck.training import adapter
from rmcheck.training.curve import Curve, points_of
from rmcheck.training.recipe import Recipe

EVERY = 30.0
"""Seconds between two checkpoints, at least; they are made where the curve is measured."""

CURVE = "curve.json"
STATE = "trainer_state.json"


class Checkpoints:
    """Writes what a training needs to go on: weights, optimiser, random numbers, curve.

    One checkpoint is kept. Its sidecar, written last, has the hashes of its files and a seal, as an
    adapter's has, so one that is cut short or was changed is not used.

    Parameters
    ----------
    folder
        Of this recipe's checkpoints only.
    name
        The recipe's fingerprint.
    """

    def __init__(self, folder: Path, name: str, recipe: Recipe, curve: Curve) -> None:
        self.folder = folder
        self.name = name
        self.recipe = recipe
        self.curve = curve
        self._last = time.monotonic()

    def latest(self) -> Path | None:
        """The checkpoint to go on from; None without a sound one."""
        for path in sorted(self.folder.glob("checkpoint-*"), key=_step, reverse=True):
            try:
                sidecar = adapter.read_sidecar(path)
                if sidecar is None or sidecar.fingerprint != self.name or adapter.doubt(path):
                    continue
                adapter.verify(path)
            except (SourceError, OSError):
                continue
            return path
        return None

    def resume(self, path: Path) -> int:
        """Give the curve back what it had; returns the step."""
        self.curve.load(json.loads((path / CURVE).read_text(encoding="utf-8")), path)
        return step_of(path)

    def due(self, step: int, steps: int) -> bool:
        """Whether to write a checkpoint after this step; asked after the curve has measured."""
        late = time.monotonic() - self._last >= EVERY
        return late and step < steps and step in points_of(self.recipe, steps)

    def path(self, step: int) -> Path:
        """The folder of the checkpoint of this step."""
        return self.folder / f"checkpoint-{step}"

    def complete(self, step: int) -> None:
        """Add the curve and the sidecar to a checkpoint, then remove the one before."""
        path = self.path(step)
        if not (path / STATE).is_file():
            return  # the disk is full, say
        try:
            (path / CURVE).write_text(json.dumps(self.curve.state(path)), encoding="utf-8")
            sidecar = adapter.sealed(path, adapter.Sidecar(fingerprint=self.name))
            (path / adapter.SIDECAR).write_text(sidecar.model_dump_json(), encoding="utf-8")
        except OSError:
            return
        for other in self.folder.glob("checkpoint-*"):
            if other != path:
                shutil.rmtree(other, ignore_errors=True)
        self._last = time.monotonic()


def folder_of(adapter_folder: Path) -> Path:
    """The folder of the checkpoints of an adapter's training."""
    return adapter_folder.with_name(f".{adapter_folder.name}.resume")


def step_of(path: Path) -> int:
    """The step of a checkpoint."""
    return int(json.loads((path / STATE).read_text(encoding="utf-8"))["global_step"])


def _step(path: Path) -> int:
    number = path.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1
