"""Losses against their formulas by hand, and their gradients against finite differences."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from rmcheck.training.losses import LOSSES, bradley_terry, hinge, pairs, sets
from rmcheck.training.losses.asked import asked_by, losses_with

NONE = torch.zeros(1)
OF_PAIRS = losses_with(sets=False)


def one(value: float) -> torch.Tensor:
    return torch.tensor([value], dtype=torch.float64)


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def test_bradley_terry_is_the_log_likelihood() -> None:
    # -log sigmoid(d) = log(1 + e^-d): d = 0 gives log 2, d = 2 gives log(1 + e^-2).
    losses = bradley_terry(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]), torch.zeros(2))
    assert losses.tolist() == pytest.approx([math.log(2), math.log(1 + math.exp(-2))])


def test_a_margin_is_taken_off_the_difference() -> None:
    with_margin = bradley_terry(torch.tensor([3.0]), torch.tensor([1.0]), torch.tensor([2.0]))
    assert with_margin.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize(("loss", "setting"), [(hinge, "width"), (pairs.triplet, "distance")])
def test_hinge_and_triplet_stop_pulling(loss: object, setting: str) -> None:
    # 1 + margin - d: 1 - 0.4 = 0.6; beyond 1 it is 0; with a margin of 1 it is 2 - 1.5 = 0.5.
    assert callable(loss)
    gaps, margins = torch.tensor([0.4, 5.0, 1.5]), torch.tensor([0.0, 0.0, 1.0])
    assert loss(gaps, torch.zeros(3), margins).tolist() == pytest.approx([0.6, 0.0, 0.5])
    # With 3 in place of 1: 2.6, 0, 2.5.
    wide = loss(gaps, torch.zeros(3), margins, **{setting: 3.0})
    assert wide.tolist() == pytest.approx([2.6, 0.0, 2.5])


def test_contrastive_draws_the_rejected_to_zero_and_the_chosen_away_from_it() -> None:
    # y = 1: max(0, 2 - 0.5)^2 = 2.25; y = 0: 0.3^2 = 0.09. A chosen reward of 3 is far enough.
    losses = pairs.contrastive(torch.tensor([0.5, 3.0]), torch.tensor([0.3, -1.0]), NONE)
    assert losses.tolist() == pytest.approx([2.25 + 0.09, 1.0])
    assert pairs.contrastive(one(0.5), one(0.0), NONE, distance=1.0).item() == pytest.approx(0.25)


def test_the_margin_grows_with_the_distance_of_the_ratings() -> None:
    # d = 2, ratings 5 and 2, scale 0.5: -log sigmoid(2 - 1.5).
    ratings = torch.tensor([[5.0, 2.0]])
    found = pairs.rating_margin(one(3.0), one(1.0), NONE, ratings=ratings, scale=0.5)
    assert found.item() == pytest.approx(-math.log(sigmoid(0.5)))


def test_a_pair_counts_as_much_as_its_label_is_trusted() -> None:
    found = pairs.confidence_weighted(one(2.0), one(1.0), one(0.0), confidence=one(0.8))
    assert found.item() == pytest.approx(-0.8 * math.log(sigmoid(1.0)))
    # The cross-entropy is least, and then the entropy of 0.8, where sigmoid(d) = 0.8: d = log 4.
    least = pairs.soft_labels(one(math.log(4)), one(0.0), one(0.0), confidence=one(0.8))
    assert least.item() == pytest.approx(-0.8 * math.log(0.8) - 0.2 * math.log(0.2))
    for away in (-0.1, 0.1):
        other = pairs.soft_labels(one(math.log(4) + away), one(0.0), one(0.0), confidence=one(0.8))
        assert other > least


def test_smoothing_is_the_loss_of_both_labels() -> None:
    # d = 2, rate 0.1: 0.9 * -log sigmoid(2) + 0.1 * -log sigmoid(-2).
    expected = -0.9 * math.log(sigmoid(2.0)) - 0.1 * math.log(sigmoid(-2.0))
    assert pairs.label_smoothing(one(2.0), one(0.0), one(0.0)).item() == pytest.approx(expected)
    plain = pairs.label_smoothing(one(2.0), one(0.0), one(0.0), rate=0.0)
    assert plain.item() == pytest.approx(-math.log(sigmoid(2.0)))


@pytest.mark.parametrize("gap", [-3.0, 0.0, 0.7, 5.0])
def test_the_robust_loss_of_flipped_labels_is_on_the_mean_that_of_true_ones(gap: float) -> None:
    # E[robust] over a label that is flipped with probability 0.3 = Bradley-Terry of the true one.
    right = pairs.robust(one(gap), one(0.0), one(0.0), rate=0.3)
    turned = pairs.robust(one(0.0), one(gap), one(0.0), rate=0.3)
    mean = 0.7 * right + 0.3 * turned
    assert mean.item() == pytest.approx(-math.log(sigmoid(gap)))


def test_the_square_draws_the_difference_to_its_target() -> None:
    # (d - margin - target)^2: (2 - 0 - 1)^2 = 1; IPO with tau = 0.25 has the target 2: 0.
    assert pairs.square(one(2.0), one(0.0), one(0.0)).item() == pytest.approx(1.0)
    assert pairs.square(one(2.0), one(0.0), one(0.0), target=1 / (2 * 0.25)).item() == 0.0


def test_regression_is_the_mean_square_error_of_both_ratings() -> None:
    # ((3 - 4)^2 + (1 - 0.5)^2) / 2 = (1 + 0.25) / 2.
    found = pairs.regression(one(3.0), one(1.0), NONE, ratings=torch.tensor([[4.0, 0.5]]))
    assert found.item() == pytest.approx(0.625)


def order(*heights: float) -> torch.Tensor:
    values = torch.tensor(heights)
    return (values[:, None] > values[None, :])[None]


def test_plackett_luce_is_the_likelihood_of_the_ranking() -> None:
    # Ranking a > b > c with rewards 2, 1, 0: e^2 / (e^2 + e + 1) * e / (e + 1).
    first = math.exp(2) / (math.exp(2) + math.e + 1)
    second = math.e / (math.e + 1)
    found = sets.plackett_luce(torch.tensor([[2.0, 1.0, 0.0]]), order(3, 2, 1))
    assert found.item() == pytest.approx(-math.log(first * second))
    # The order of the columns does not matter.
    turned = sets.plackett_luce(torch.tensor([[0.0, 2.0, 1.0]]), order(1, 3, 2))
    assert turned.item() == pytest.approx(found.item())
    # One best: the softmax over all. Two equally good ones do not compete with each other.
    best = sets.plackett_luce(torch.tensor([[2.0, 1.0, 0.0]]), order(1, 0, 0))
    assert best.item() == pytest.approx(-math.log(first))
    both = sets.plackett_luce(torch.tensor([[2.0, 1.0, 0.0]]), order(1, 1, 0))
    expected = -math.log(math.exp(2) / (math.exp(2) + 1)) - math.log(second)
    assert both.item() == pytest.approx(expected)


def test_the_likelihoods_of_all_rankings_are_one() -> None:
    from itertools import permutations

    rewards = torch.tensor([[0.3, -1.2, 2.0, 0.5]], dtype=torch.float64)
    chances = [
        math.exp(-sets.plackett_luce(rewards, order(*heights)).item())
        for heights in permutations((1.0, 2.0, 3.0, 4.0))
    ]
    assert sum(chances) == pytest.approx(1.0)


def test_a_set_of_two_is_a_pair() -> None:
    rewards = torch.tensor([[1.5, 0.2]])
    expected = bradley_terry(rewards[:, 0], rewards[:, 1], torch.zeros(1)).item()
    for loss in (sets.plackett_luce, sets.pairwise_ranking):
        assert loss(rewards, order(1, 0)).item() == pytest.approx(expected)


def test_pairwise_ranking_is_the_mean_over_the_pairs_of_a_ranking() -> None:
    # a > b > c, rewards 2, 1, 0: differences 1, 2, 1.
    found = sets.pairwise_ranking(torch.tensor([[2.0, 1.0, 0.0]]), order(3, 2, 1))
    expected = -(2 * math.log(sigmoid(1)) + math.log(sigmoid(2))) / 3
    assert found.item() == pytest.approx(expected)


def test_what_a_shorter_set_is_padded_with_does_not_count() -> None:
    small, large = torch.tensor([[2.0, 1.0]]), torch.tensor([[2.0, 1.0, 77.0]])
    below = torch.zeros(1, 3, 3, dtype=torch.bool)
    below[:, :2, :2] = order(1, 0)
    for loss in (sets.plackett_luce, sets.pairwise_ranking):
        assert loss(large, below).item() == pytest.approx(loss(small, order(1, 0)).item())


@pytest.mark.parametrize("name", LOSSES.names())
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    loss = LOSSES.find(name)
    assert loss is not None
    asked = asked_by(loss)
    rng = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    if asked.sets:
        below = torch.cat([order(3, 1, 2, 0), order(1, 0, 0, 1)])
        assert torch.autograd.gradcheck(
            lambda rewards: loss(rewards, below), drawn(2, 4).requires_grad_()
        )
        return
    given = {"ratings": drawn(5, 2), "confidence": drawn(5).sigmoid()}
    columns = {key: given[key] for key in asked.columns}
    chosen, rejected = drawn(5).requires_grad_(), drawn(5).requires_grad_()
    margin = drawn(5).abs()
    assert torch.autograd.gradcheck(lambda a, b: loss(a, b, margin, **columns), (chosen, rejected))


MONOTONE = [name for name in OF_PAIRS if name not in ("soft_labels", "label_smoothing", "square")]
"""The others draw the difference to a target, from both sides."""


@pytest.mark.parametrize("name", MONOTONE)
def test_the_loss_falls_as_the_chosen_response_wins_by_more(name: str) -> None:
    gaps = torch.linspace(-3, 3, 13)
    loss = LOSSES.find(name)
    assert loss is not None
    given = {"ratings": torch.tensor([[3.0, 0.0]] * 13), "confidence": torch.full((13,), 0.9)}
    columns = {key: given[key] for key in asked_by(loss).columns}
    losses = loss(gaps, torch.zeros(13), torch.zeros(13), **columns)
    assert losses.shape == (13,)
    assert (losses.diff() <= 0).all()
    assert losses[0] > losses[-1]


def test_what_a_loss_asks_for_is_read_from_its_signature() -> None:
    def own(chosen: object, rejected: object, margin: object) -> None: ...

    assert (asked_by(own).sets, asked_by(own).margin, asked_by(own).columns) == (False, True, ())
    assert asked_by(own).settings == {}
    ratings = asked_by(pairs.rating_margin)
    assert (ratings.margin, ratings.columns, list(ratings.settings)) == (
        False, ("ratings",), ["scale"],
    )  # fmt: skip
    assert asked_by(hinge).settings["width"][1] == 1.0
    assert losses_with(sets=True) == ["plackett_luce", "pairwise_ranking"]
    assert losses_with(columns=("confidence",)) == ["confidence_weighted", "soft_labels"]


def test_losses_can_be_listed_without_torch() -> None:
    program = (
        "import sys; from rmcheck.training.losses import LOSSES; LOSSES.sound(); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"
