"""Training in bf16: no farther from float32 than TRL's trainer is, which reads padded texts."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rmcheck.progress import NoProgress
from rmcheck.scoring.scorer import Scorer
from rmcheck.training.recipe import Recipe
from rmcheck.training.trainer import train
from training import project
from training.test_native import changed

SEEDS = range(3)


def curve(recipe: Recipe, folder: Path) -> NDArray[np.float64]:
    """The loss at each point, on training and held-out pairs."""
    _, record = train(recipe, project.pairs_in(folder), "cpu", NoProgress())
    return np.array([[point.loss, point.held_out_loss] for point in record.curve])


@pytest.mark.ci
def test_bf16_is_no_farther_from_float32_than_in_trls_trainer(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart: dict[str, list[NDArray[np.float64]]] = {"native": [], "trl": []}
    for seed in SEEDS:
        whole = changed(shared, seed=seed, epochs=4)
        half = changed(shared, seed=seed, epochs=4, precision="bf16")
        exact = curve(whole, shared)
        apart["native"].append(curve(half, shared) - exact)
        with monkeypatch.context() as padded:
            padded.setattr(Scorer, "uses_forest", lambda self, sequences: False)
            by_trl = dataclasses.replace(half, trainer="trl")
            apart["trl"].append(curve(by_trl, shared) - exact)
            theirs = curve(dataclasses.replace(whole, trainer="trl"), shared)
            assert theirs == pytest.approx(exact, abs=1e-5)
    size = {name: np.sqrt(np.mean(np.square(each))) for name, each in apart.items()}
    assert 0 < size["native"] <= 1.5 * size["trl"]
