"""A training stops when the held-out loss no longer falls, and keeps the best weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from rmcheck.cli.train import _show
from rmcheck.data import pair_dialogues
from rmcheck.errors import TrainingError
from rmcheck.progress import NoProgress
from rmcheck.record.run import CurvePoint, TrainingRecord
from rmcheck.scoring.loading import load_tokenizer
from rmcheck.scoring.scorer import Scorer
from rmcheck.training.preparation import split
from rmcheck.training.recipe import Recipe
from rmcheck.training.settings import EarlyStopping, LabelNoise
from rmcheck.training.trainer import train
from rmcheck.training.trl_trainer import arguments
from training import project


def overfitting(folder: Path, patience: int) -> Recipe:
    """Half of the labels are wrong: all that it learns after the first steps is noise."""
    recipe = project.recipe_of(folder)
    how = dataclasses.replace(recipe.optimisation, epochs=10, learning_rate=3e-2)
    return dataclasses.replace(
        recipe, optimisation=how, label_noise=LabelNoise(0.5, 0),
        early_stopping=EarlyStopping(patience=patience, measurements=20),
    )  # fmt: skip


def test_it_stops_and_keeps_the_weights_of_the_least_held_out_loss(shared: Path) -> None:
    recipe, pairs = overfitting(shared, 3), project.pairs_in(shared)
    model, record = train(recipe, pairs, "cpu", NoProgress())
    losses = [point.held_out_loss for point in record.curve]
    assert None not in losses
    best = min(range(len(losses)), key=lambda place: losses[place] or 0.0)
    assert record.best_step == record.curve[best].step
    assert record.kept == record.curve[best]
    # 40 steps are planned; it stops three measurements after the best one.
    assert best == len(losses) - 4
    assert record.steps == record.curve[-1].step < 40
    held_out = split(pairs, recipe).held_out
    tokenizer = load_tokenizer(recipe.base_files())
    scorer = Scorer(model.get_base_model(), tokenizer, max_length=recipe.max_length)
    rewards = torch.from_numpy(scorer.score(pair_dialogues(held_out)))
    found = -torch.nn.functional.logsigmoid(rewards[0::2] - rewards[1::2]).mean()
    assert found.item() == pytest.approx(losses[best], abs=1e-5)


@pytest.mark.ci
def test_with_patience_to_spare_every_step_is_made(shared: Path) -> None:
    recipe = overfitting(shared, 20)
    _, record = train(recipe, project.pairs_in(shared), "cpu", NoProgress())
    assert (record.steps, len(record.curve)) == (40, 20)
    assert record.best_step is not None


def test_it_needs_held_out_pairs(shared: Path) -> None:
    few = dataclasses.replace(overfitting(shared, 1), held_out=0.001)
    with pytest.raises(TrainingError, match="early_stopping needs held-out pairs, but held_out: "):
        train(few, project.pairs_in(shared), "cpu", NoProgress())


def test_the_norm_of_the_gradient_is_the_recipes(shared: Path, tmp_path: Path) -> None:
    recipe = project.recipe_of(shared)
    assert arguments(recipe, "cpu", 10, tmp_path).max_grad_norm == 1.0
    how = dataclasses.replace(recipe.optimisation, max_gradient_norm=0.1)
    clipped = dataclasses.replace(recipe, optimisation=how)
    assert arguments(clipped, "cpu", 10, tmp_path).max_grad_norm == 0.1


def test_the_point_that_is_kept_is_the_last_one_without_early_stopping() -> None:
    points = [CurvePoint(step=step, loss=1.0) for step in (1, 2)]
    record = TrainingRecord(
        recipe="r", fingerprint="", pairs=2, truncated=0, steps=2, seconds=1.0, curve=points
    )
    assert record.kept == points[1]
    assert record.model_copy(update={"best_step": 1}).kept == points[0]
    assert record.model_copy(update={"curve": []}).kept is None


def test_the_command_says_whose_weights_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [CurvePoint(step=step, loss=1.0) for step in (1, 2)]
    record = TrainingRecord(
        recipe="r", fingerprint="", pairs=2, truncated=0, steps=2, seconds=1.0, curve=points
    )
    _show(tmp_path, record, "recipe:r")
    _show(tmp_path, record.model_copy(update={"best_step": 1}), "recipe:r")
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("recipe:r")]
    assert told == [
        "recipe:r: 2 pairs, 2 steps, 1 s",
        "recipe:r: 2 pairs, 2 steps, 1 s, early stopping kept the weights of step 1",
    ]
