"""The recipe of a sweep's winner, written as a file that can be read, trained and gated."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rmcheck.report import numbers
from rmcheck.shipped import PREFIX, shipped
from rmcheck.study.sweep import CHOOSE, CONFIRM, SweepResult
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
    here, there = sweep.recipe.path.parent, target.absolute().parent
    values["base"] = _moved(str(values["base"]), here, there, model=True)
    for holder in (values, values.get("distil") or {}):
        data = holder.get("data")
        if isinstance(data, str):
            holder["data"] = _moved(data, here, there)
        elif isinstance(data, list):
            holder["data"] = [_moved(str(each), here, there) for each in data]
    head = [
        f"{HEAD}: run {winner.number} of {len(found.runs)}.",
        f"# Chosen on fold {CHOOSE}: win rate {_said(found.chosen)}. "
        f"Confirmed on fold {CONFIRM}: {_said(found.confirmed)}.",
        "# Without the key 'folds' it is trained on all the data; the confirmed win rate is that "
        "of",
        "# the model trained with it.",
    ]
    text = yaml.safe_dump(_plain(values), sort_keys=False, allow_unicode=True, width=100)
    return "\n".join(head) + "\n" + text


def _said(estimate: Estimate) -> str:
    return f"{numbers.rate(estimate.value)} {numbers.interval(estimate)}"


def _moved(name: str, here: Path, there: Path, *, model: bool = False) -> str:
    """A path or glob relative to the folder `here`, as it is relative to `there`.

    What rmcheck ships is named with its prefix; a model that is not a folder is of the hub.
    """
    if name.startswith(PREFIX) or Path(name).expanduser().is_absolute():
        return name
    path = Path(os.path.normpath(here / name))
    if model and not path.is_dir():
        return name
    if path.is_relative_to(shipped()):
        return f"{PREFIX}{path.relative_to(shipped()).as_posix()}"
    return Path(os.path.relpath(path, there.resolve())).as_posix()


def _plain(value: Any) -> Any:
    """The value in types that YAML has."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
