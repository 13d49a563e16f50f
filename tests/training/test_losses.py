"""Losses against their formulas by hand."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch

from rmcheck.training.losses import LOSSES, bradley_terry, hinge


def test_bradley_terry_is_the_log_likelihood() -> None:
    # -log sigmoid(d) = log(1 + e^-d): d = 0 gives log 2, d = 2 gives log(1 + e^-2).
    losses = bradley_terry(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 1.0]), torch.zeros(2))
    assert losses.tolist() == pytest.approx([math.log(2), math.log(1 + math.exp(-2))])


def test_a_margin_is_taken_off_the_difference() -> None:
    with_margin = bradley_terry(torch.tensor([3.0]), torch.tensor([1.0]), torch.tensor([2.0]))
    assert with_margin.item() == pytest.approx(math.log(2))


def test_hinge_stops_pulling() -> None:
    # 1 + margin - d: 1 - 0.4 = 0.6; beyond 1 it is 0; with a margin of 1 it is 2 - 1.5 = 0.5.
    losses = hinge(torch.tensor([0.4, 5.0, 1.5]), torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]))
    assert losses.tolist() == pytest.approx([0.6, 0.0, 0.5])


@pytest.mark.parametrize("name", LOSSES.names())
def test_every_loss_falls_as_the_chosen_response_wins_by_more(name: str) -> None:
    gaps = torch.linspace(-3, 3, 13)
    loss = LOSSES.find(name)
    assert loss is not None
    losses = loss(gaps, torch.zeros(13), torch.zeros(13))
    assert losses.shape == (13,)
    assert (losses.diff() <= 0).all()
    assert losses[0] > losses[-1]


def test_losses_can_be_listed_without_torch() -> None:
    program = (
        "import sys; from rmcheck.training.losses import LOSSES; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"
