"""The curve of a training: its loss and win rates, on the way and on held-out examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import TrainerCallback

from rmcheck.errors import TrainingError
from rmcheck.progress import Progress
from rmcheck.record.run import CurvePoint
from rmcheck.scoring.scorer import Scorer
from rmcheck.training.material import Material
from rmcheck.training.objective import objective_of
from rmcheck.training.recipe import Recipe

POINTS = 10
"""Points on the curve."""


class Curve(TrainerCallback):  # type: ignore[misc]
    """Advances the progress bar and measures the curve at `POINTS` steps."""

    def __init__(
        self, recipe: Recipe, scorer: Scorer, material: Material, progress: Progress
    ) -> None:
        self.recipe = recipe
        self.scorer = scorer
        self.material = material
        self.progress = progress
        self.points: list[CurvePoint] = []
        self._objective = objective_of(recipe)
        self._losses: list[float] = []
        self._wins: list[float] = []

    def saw(self, loss: float, gaps: torch.Tensor) -> None:
        """Record the loss of a batch and the reward differences of its pairs."""
        self._losses.append(loss)
        self._wins += wins(gaps.double().cpu().numpy()).tolist()

    def on_step_end(self, args: Any, state: Any, control: Any, **options: Any) -> None:
        """Advance the bar, and measure if this step is a point of the curve."""
        step, steps = state.global_step, state.max_steps
        count = min(POINTS, steps)
        if step in {round(steps * (place + 1) / count) for place in range(count)}:
            self._measure(step)
        self.progress.advance(1, self._note())

    def _note(self) -> str:
        if not self._losses:  # just measured
            last = self.points[-1]
            loss, won = last.loss, last.train_win_rate
        else:
            loss, won = self._losses[-1], float(np.mean(self._wins)) if self._wins else None
        return f"loss {loss:.3f}" + ("" if won is None else f", win rate {won:.2f}")

    def _measure(self, step: int) -> None:
        loss = float(np.mean(self._losses))
        if not np.isfinite(loss):
            raise TrainingError(
                f"{self.recipe.path}: the loss is {loss} at step {step}; use a lower learning_rate"
            )
        held_out: tuple[float, float] | tuple[None, None] = (None, None)
        if self.material.watched:
            self.scorer.model.eval()
            rewards = self.scorer.score(self.material.watched)
            losses, gaps = self._objective(*self.material.judged(rewards))
            held_out = float(losses.mean()), float(wins(gaps.numpy()).mean())
            self.scorer.model.train()
        self.points.append(
            CurvePoint(
                step=step,
                loss=loss,
                train_win_rate=float(np.mean(self._wins)),
                held_out_loss=held_out[0],
                held_out_win_rate=held_out[1],
            )
        )
        self._losses.clear()
        self._wins.clear()


def wins(gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where the chosen response has the higher reward, 0.5 for a tie. Shape (n,)."""
    won: NDArray[np.float64] = (gap > 0) + 0.5 * (gap == 0)
    return won
