"""Every loss trains, on pairs and on response sets, by forest and padded; what it lacks is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.errors import TrainingError
from rmcheck.progress import NoProgress
from rmcheck.training.losses import LOSSES
from rmcheck.training.losses.asked import losses_with
from rmcheck.training.objective import PairObjective, SetObjective, objective_of
from rmcheck.training.ranked import order_of, ranked
from rmcheck.training.recipe import Recipe
from rmcheck.training.settings import LabelNoise, Lora
from rmcheck.training.trainer import train
from training import project

QUICK = ("plackett_luce", "regression")


def short(folder: Path, **changes: Any) -> Recipe:
    """Two steps."""
    recipe = project.recipe_of(folder)
    how = dataclasses.replace(recipe.optimisation, epochs=1)
    return dataclasses.replace(recipe, optimisation=how, limit=16, **changes)


def rated(folder: Path) -> list[PreferencePair]:
    pairs = project.pairs_in(folder)
    return [dataclasses.replace(pair, ratings=(1.0, 0.0), confidence=0.9) for pair in pairs]


def sets(folder: Path) -> list[ResponseSet]:
    """Sets of three: the last is the worst."""
    pairs = project.pairs_in(folder)
    return [
        ResponseSet(
            f"s{place}", pair.prompt, (pair.rejected, pair.chosen, "roof"), (1,), pair.group,
            ratings=(2.0, 3.0, 1.0) if place % 2 else None,
        )
        for place, pair in enumerate(pairs)
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.ci) for n in LOSSES.names()],
)
def test_every_loss_trains(shared: Path, name: str) -> None:
    centring = 0.0 if name in ("regression", "contrastive") else 0.01
    recipe = short(shared, loss=name, centring=centring)
    given = [*rated(shared)[:20], *sets(shared)[20:]]
    model, record = train(recipe, given, "cpu", NoProgress())
    assert record.steps == 2 if name in losses_with(sets=True) else record.steps >= 1
    assert all(np.isfinite(point.loss) for point in record.curve)
    assert record.curve[-1].held_out_loss is not None
    moved = [p for n, p in model.named_parameters() if "lora_B" in n]
    assert all(bool(p.abs().sum() > 0) for p in moved)


@pytest.mark.ci
@pytest.mark.parametrize("loss", ["plackett_luce", "pairwise_ranking"])
def test_training_on_sets_learns_their_order(shared: Path, loss: str) -> None:
    recipe = project.recipe_of(shared)
    how = dataclasses.replace(recipe.optimisation, epochs=10)
    longer = dataclasses.replace(recipe, loss=loss, optimisation=how)
    _, record = train(longer, sets(shared), "cpu", NoProgress())
    first, last = record.curve[0], record.curve[-1]
    assert last.loss < 0.7 * first.loss
    assert last.held_out_win_rate is not None
    assert last.held_out_win_rate > 0.75
    noisy = dataclasses.replace(longer, label_noise=LabelNoise(1.0, 0))
    _, turned = train(noisy, sets(shared), "cpu", NoProgress())
    assert turned.curve[-1].held_out_win_rate is not None
    assert turned.curve[-1].held_out_win_rate < 0.25


@pytest.mark.ci
@pytest.mark.parametrize("loss", ["plackett_luce", "rating_margin"])
def test_a_model_that_cannot_read_a_forest_trains_too(
    shared: Path, tmp_path: Path, loss: str
) -> None:
    from scoring.models import save

    save(tmp_path / "base", "bert")
    recipe = short(
        shared, loss=loss, base=str(tmp_path / "base"), lora=Lora(4, 8, ("query", "value"))
    )
    given = sets(shared) if loss == "plackett_luce" else rated(shared)
    _, record = train(recipe, given, "cpu", NoProgress())
    assert np.isfinite(record.curve[-1].loss)


def test_a_set_of_two_has_the_loss_of_the_pair(shared: Path) -> None:
    pairs = project.pairs_in(shared)[:5]
    scores = torch.randn(10, dtype=torch.float64)  # chosen and rejected of each in turn
    recipe = short(shared, centring=0.1)
    batch = {"margin": torch.zeros(5, dtype=torch.float64)}
    whole = torch.cat([scores[0::2], scores[1::2]])
    of_pairs, gaps = objective_of(recipe)(whole, batch)
    ranks = [ranked(pair) for pair in pairs]
    order = order_of(ranks, np.zeros(5, dtype=np.bool_))
    for name in losses_with(sets=True):
        objective = objective_of(dataclasses.replace(recipe, loss=name))
        of_sets, others = objective(scores, order)
        torch.testing.assert_close(of_sets, of_pairs)
        torch.testing.assert_close(others, gaps)
    # By hand: the first pair is c, r: log(1 + e^(r - c)) + 0.1 (c + r)^2.
    c, r = scores[0], scores[1]
    torch.testing.assert_close(of_pairs[0], torch.log1p((r - c).exp()) + 0.1 * (c + r) ** 2)
    assert isinstance(objective_of(recipe), PairObjective)
    assert isinstance(objective, SetObjective)


def test_the_order_of_a_set_is_that_of_its_ratings_or_its_best() -> None:
    rated_set = ResponseSet("a", "q", ("x", "y", "z"), (1,), "g", ratings=(2.0, 3.0, 2.0))
    assert ranked(rated_set).below.tolist() == [
        [False, False, False], [True, False, True], [False, False, False],
    ]  # fmt: skip
    best = ResponseSet("b", "q", ("x", "y"), (0,), "g")
    flipped = np.array([True, False])
    order = order_of([ranked(best), ranked(rated_set)], flipped)
    assert order["slots"].tolist() == [[0, 1, 0], [2, 3, 4]]
    # Turned around: the second is above the first.
    assert order["below"][0].nonzero().tolist() == [[1, 0]]
    assert order["below"][1].nonzero().tolist() == [[1, 0], [1, 2]]


def test_what_a_loss_needs_and_the_data_lack_is_told_with_a_remedy(shared: Path) -> None:
    pairs = project.pairs_in(shared)
    some = [dataclasses.replace(pair, ratings=(2.0, 1.0)) for pair in pairs[:30]] + pairs[30:]
    recipe = dataclasses.replace(project.recipe_of(shared), loss="rating_margin", held_out=0.0)
    with pytest.raises(TrainingError) as caught:
        train(recipe, some, "cpu", NoProgress())
    assert str(caught.value) == (
        f"{recipe.path}: loss 'rating_margin' needs ratings of each pair, but 10 of 40 pairs have "
        'none (the first: \'t30\'); add "ratings": {"chosen": 5, "rejected": 2} to their rows, '
        "or use another loss: bradley_terry, hinge, triplet and 4 more"
    )
    recipe = dataclasses.replace(recipe, loss="soft_labels")
    with pytest.raises(TrainingError, match=r'needs confidence .*add "confidence": 0.9 to'):
        train(recipe, some, "cpu", NoProgress())
    recipe = dataclasses.replace(recipe, loss="hinge")
    with pytest.raises(
        TrainingError,
        match="loss 'hinge' trains on pairs, but the data have 40 response sets and 0 pairs; "
        "use loss: plackett_luce or pairwise_ranking",
    ):
        train(recipe, sets(shared), "cpu", NoProgress())
