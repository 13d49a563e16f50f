"""A training that is killed goes on from its last checkpoint, to the same weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from scoring.test_scorer import Bar

from rmcheck.progress import NoProgress
from rmcheck.record.run import TrainingRecord
from rmcheck.training import adapter, checkpoint
from rmcheck.training.checkpoint import folder_of
from rmcheck.training.recipe import Recipe
from rmcheck.training.settings import EarlyStopping
from rmcheck.training.trainer import train
from training import project


class Killed(Bar):
    """Ends the training at a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def advance(self, amount: int = 1, note: str = "") -> None:
        super().advance(amount, note)
        if self.done == self.step:
            raise KeyboardInterrupt


class First(Bar):
    """Notes the first advance: the steps that were done already."""

    first = 0

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.first = self.first or amount
        super().advance(amount, note)


def weights(model: Any) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}


def resumed(
    folder: Path, recipe: Recipe, at: int, cache: Path
) -> tuple[dict[str, torch.Tensor], TrainingRecord, int]:
    """The weights of a training that was killed at step `at`; and the step it went on from."""
    pairs, target = project.pairs_in(folder), cache / "f"
    with pytest.raises(KeyboardInterrupt):
        train(recipe, pairs, "cpu", Killed(at), None, target)
    (kept,) = folder_of(target).glob("checkpoint-*")
    assert adapter.doubt(kept) == ""
    bar = First()
    model, record = train(recipe, pairs, "cpu", bar, None, target)
    return weights(model), record, bar.first


# Eight steps in two epochs; each is a point of the curve, after which a checkpoint may be written.
@pytest.mark.parametrize(
    "at", [6, pytest.param(5, marks=pytest.mark.ci), pytest.param(2, marks=pytest.mark.ci)]
)
def test_a_killed_training_goes_on_to_the_same_weights(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    recipe = project.recipe_of(shared)
    model, whole = train(recipe, project.pairs_in(shared), "cpu", NoProgress())
    expected = weights(model)
    found, record, first = resumed(shared, recipe, at, tmp_path)
    # Step `at` had no time for its checkpoint: the one before counts.
    assert first == at - 1
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert (record.curve, record.steps) == (whole.curve, whole.steps)


@pytest.mark.ci
@pytest.mark.parametrize(
    "change",
    [
        {"early_stopping": EarlyStopping(patience=1, measurements=8)},
        {"loss": "plackett_luce"},
        {"batch_size": 4, "gradient_accumulation": 2, "schedule": "cosine"},
    ],
    ids=["early stopping", "sets", "accumulation"],
)
def test_so_does_one_with_another_loss_or_schedule(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    recipe = project.recipe_of(shared)
    if "batch_size" in change:
        change = {"optimisation": dataclasses.replace(recipe.optimisation, **change)}
    recipe = dataclasses.replace(recipe, **change)
    model, whole = train(recipe, project.pairs_in(shared), "cpu", NoProgress())
    expected = weights(model)
    found, record, first = resumed(shared, recipe, 4, tmp_path)
    assert first == 3
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert (record.curve, record.best_step) == (whole.curve, whole.best_step)


def test_a_checkpoint_that_is_damaged_or_anothers_is_not_used(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    recipe, pairs, target = project.recipe_of(shared), project.pairs_in(shared), tmp_path / "f"
    with pytest.raises(KeyboardInterrupt):
        train(recipe, pairs, "cpu", Killed(4), None, target)
    (kept,) = folder_of(target).glob("checkpoint-*")

    def latest(name: str = "f") -> Path | None:
        curve: Any = None
        return checkpoint.Checkpoints(folder_of(target), name, recipe, curve).latest()

    assert latest() == kept
    assert latest("another") is None
    file = kept / "optimizer.pt"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert latest() is None
    file.write_bytes(whole)
    assert latest() == kept
    (kept / adapter.SIDECAR).unlink()
    assert latest() is None


def test_a_finished_training_leaves_no_checkpoint(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    folder = project.source_of(shared, cache=str(tmp_path / "cache")).train()
    left = [path.name for path in folder.parent.iterdir()]
    assert sorted(left) == [folder.name, f"{folder.name}.lock"]
