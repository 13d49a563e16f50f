"""The curve of a training: its loss and win rates, on the way and on held-out examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from rmcheck.data import Dialogue
from rmcheck.errors import TrainingError
from rmcheck.progress import Progress
from rmcheck.record.run import CurvePoint
from rmcheck.scoring.scorer import Scorer
from rmcheck.training.material import Material
from rmcheck.training.objective import objective_of
from rmcheck.training.ranks import ALONE, Alone, Seen
from rmcheck.training.recipe import Recipe
from rmcheck.training.watch import Watch

BEST = "best.safetensors"
"""The weights that an early stopping keeps, in a checkpoint."""

POINTS = 10
"""Points on the curve."""


class Curve:
    """Advances the progress bar and measures the curve at `POINTS` steps.

    With `early_stopping` it measures as often as that says, keeps the weights of the least
    held-out loss, and stops the training when it no longer falls.

    Attributes
    ----------
    best_step
        The step of the weights that are kept; None without `early_stopping`.
    """

    def __init__(
        self,
        recipe: Recipe,
        scorer: Scorer,
        material: Material,
        progress: Progress,
        watch: Watch | None = None,
        ranks: Alone = ALONE,
    ) -> None:
        self.recipe = recipe
        self.scorer = scorer
        self.material = material
        self.progress = progress
        self.watch = watch
        self.ranks = ranks
        self.points: list[CurvePoint] = []
        self._objective = objective_of(recipe)
        self._losses: list[float] = []
        self._won, self._compared = 0.0, 0
        self.best_step: int | None = None
        self._least = float("inf")
        self._best: dict[str, torch.Tensor] = {}
        self._idle = 0

    def saw(self, seen: Seen) -> None:
        """Record the loss of a batch and how many of its pairs were right."""
        self._losses.append(seen.loss)
        self._won += seen.won
        self._compared += seen.compared

    def step_ended(self, step: int, steps: int, model: Any) -> bool:
        """Advance the bar, and measure if this step is a point of the curve.

        Returns
        -------
        Whether the training is over: after all its steps, or by early stopping.
        """
        over = step >= steps
        if step in points_of(self.recipe, steps):
            self._measure(step)
            if self.recipe.early_stopping is not None:
                over = self._judge(self.recipe.early_stopping.patience, model) or over
        self.progress.advance(1, self._note())
        if self.watch is not None and step in self.watch.steps(steps):
            self.watch.saw(step, steps, self._rewards(self.watch.dialogues))
        return over

    def _judge(self, patience: int, model: Any) -> bool:
        """Keep the weights if they are the best so far; whether to stop, if not for too long."""
        last = self.points[-1]
        assert last.held_out_loss is not None
        if last.held_out_loss < self._least:
            self._least, self.best_step, self._idle = last.held_out_loss, last.step, 0
            self._best = {name: each.detach().clone() for name, each in trained(model)}
            return False
        self._idle += 1
        return self._idle >= patience

    def restore(self, model: Any) -> None:
        """Give the model the weights that are kept, if any are."""
        with torch.no_grad():
            for name, parameter in trained(model):
                if name in self._best:
                    parameter.copy_(self._best[name])

    def state(self, folder: Path) -> dict[str, Any]:
        """What a training that goes on must know; the weights that are kept go into `folder`."""
        if self._best:
            save_file({name: each.cpu() for name, each in self._best.items()}, folder / BEST)
        return {
            "points": [point.model_dump() for point in self.points],
            "best_step": self.best_step,
            "least": self._least if self._best else None,
            "idle": self._idle,
        }

    def load(self, state: Mapping[str, Any], folder: Path) -> None:
        """Go on from what `state` returned."""
        self.points = [CurvePoint.model_validate(point) for point in state["points"]]
        self.best_step, self._idle = state["best_step"], state["idle"]
        if state["least"] is not None:
            self._least, self._best = state["least"], load_file(folder / BEST)

    def _note(self) -> str:
        if not self._losses:  # just measured
            last = self.points[-1]
            loss, won = last.loss, last.train_win_rate
        else:
            loss, won = self._losses[-1], self._win_rate()
        return f"loss {loss:.3f}" + ("" if won is None else f", win rate {won:.2f}")

    def _measure(self, step: int) -> None:
        loss = float(np.mean(self._losses))
        if not np.isfinite(loss):
            raise TrainingError(
                f"{self.recipe.path}: the loss is {loss} at step {step}; use a lower learning_rate"
            )
        held_out: tuple[float, float] | tuple[None, None] = (None, None)
        if self.material.watched:
            rewards = self._rewards(self.material.watched)
            losses, gaps = self._objective(*self.material.judged(rewards))
            held_out = float(losses.mean()), float(wins(gaps.numpy()).mean())
        self.points.append(
            CurvePoint(
                step=step,
                loss=loss,
                train_win_rate=self._win_rate(),
                held_out_loss=held_out[0],
                held_out_win_rate=held_out[1],
            )
        )
        self._losses.clear()
        self._won, self._compared = 0.0, 0

    def _win_rate(self) -> float | None:
        return self._won / self._compared if self._compared else None

    def _rewards(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        self.scorer.model.eval()
        rewards = self.ranks.rewards(self.scorer, dialogues)
        self.scorer.model.train()
        return rewards


def points_of(recipe: Recipe, steps: int) -> set[int]:
    """The steps at which the curve is measured, evenly spaced; the last one is among them."""
    count = min(recipe.early_stopping.measurements if recipe.early_stopping else POINTS, steps)
    return {round(steps * (place + 1) / count) for place in range(count)}


def trained(model: Any) -> Iterator[tuple[str, Any]]:
    """The parameters that a training changes, by name."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            yield name, parameter


def wins(gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where the chosen response has the higher reward, 0.5 for a tie. Shape (n,)."""
    won: NDArray[np.float64] = (gap > 0) + 0.5 * (gap == 0)
    return won
