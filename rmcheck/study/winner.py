"""The recipe of a sweep's winner, written as a file that can be read, trained and gated."""

from __future__ import annotations

from pathlib import Path

import yaml

from rmcheck.report import numbers
from rmcheck.study.sweep import CHOOSE, CONFIRM, SweepResult
from rmcheck.training.relocation import relocated
from rmcheck.training.sweep_file import with_keys
from rmcheck.verdict import Estimate

HEAD = "# Written by rmcheck sweep"
"""How the first line of such a file begins: a later sweep may overwrite it."""


def recipe_text(found: SweepResult, target: Path) -> str:
    """The YAML text of the winner's recipe, for a file at `target`.

    It leaves out the folds that chose and confirmed it, so the adapter is the one in the cache.
    """
    sweep, winner = found.sweep, found.winner
    values = with_keys(sweep.values, winner.settings)
    values.pop("name", None)
    values["folds"] = {"of": sweep.folds, "without": [CHOOSE, CONFIRM], "seed": sweep.seed}
    if "description" in values:
        values["description"] = f"{values['description']} (settings of a sweep)"
    values = relocated(values, sweep.recipe.path.parent, target.absolute().parent)
    head = [
        f"{HEAD}: run {winner.number} of {len(found.runs)}.",
        f"# Chosen on fold {CHOOSE}: win rate {_said(found.chosen)}. "
        f"Confirmed on fold {CONFIRM}: {_said(found.confirmed)}.",
        "# Without the key 'folds' it is trained on all the data; the confirmed win rate is that "
        "of",
        "# the model trained with it.",
    ]
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    return "\n".join(head) + "\n" + text


def _said(estimate: Estimate) -> str:
    return f"{numbers.rate(estimate.value)} {numbers.interval(estimate)}"
