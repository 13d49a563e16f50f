"""Losses, one function each; a recipe names them by the function's name.

Other packages add theirs by the entry point group `rmcheck.losses`.

A loss of pairs takes the rewards of the chosen and the rejected responses and a margin, each of
shape (n,), and returns the n losses. A loss of sets, whose first parameter is called `rewards`,
takes the rewards (n, k) of n sets of at most k responses and which response is ranked below which,
(n, k, k). What follows after `*` is what a loss asks for besides: a parameter with a default is a
setting that a recipe may give (`loss: {name: hinge, width: 2}`), one without is a column of the
data: `ratings` (n, 2) or `confidence` (n,). torch is imported when a loss is called, so that a
recipe can be checked without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rmcheck.registry import Registry, function
from rmcheck.training.losses.pairs import bradley_terry, hinge

__all__ = ["LOSSES", "Loss", "bradley_terry", "hinge"]

Loss = Callable[..., Any]

_OF_PAIRS = (
    "bradley_terry",
    "hinge",
    "triplet",
    "contrastive",
    "rating_margin",
    "confidence_weighted",
    "soft_labels",
    "label_smoothing",
    "robust",
    "square",
    "regression",
)
_OF_SETS = ("plackett_luce", "pairwise_ranking")

LOSSES: Registry[Loss] = Registry(
    {name: f"rmcheck.training.losses.pairs:{name}" for name in _OF_PAIRS}
    | {name: f"rmcheck.training.losses.sets:{name}" for name in _OF_SETS},
    function("(chosen, rejected, margin) -> losses"),
    "rmcheck.losses",
)
"""The losses that a recipe can name, ours and those of other packages."""
