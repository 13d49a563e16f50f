"""The settings in which the recipes of candidate and baseline differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rmcheck.report.facts import cell
from rmcheck.report.input import ReportInput
from rmcheck.report.numbers import MISSING
from rmcheck.report.text import one_line


@dataclass(frozen=True)
class Change:
    """A setting of a recipe (`label_noise.rate`) and its values in both."""

    key: str
    baseline: str
    candidate: str

    def __str__(self) -> str:
        return f"{self.key} {self.candidate} (was {self.baseline})"


@dataclass(frozen=True)
class RecipeDiff:
    """What differs between two recipes; `remark` says so in words if there is nothing to list."""

    changes: tuple[Change, ...]
    remark: str = ""


def recipe_diff(report: ReportInput) -> RecipeDiff | None:
    """The difference between the recipes of both runs; None if no recipe trained one of them."""
    mine = report.record.source
    theirs = report.baseline[0].source if report.baseline else None
    if theirs is None or (mine.kind, theirs.kind) != ("recipe", "recipe"):
        return None
    if not mine.recipe or not theirs.recipe:
        which = "this run" if not mine.recipe else "the baseline"
        return RecipeDiff((), f"The record of {which} does not include the recipe's settings.")
    keys = dict.fromkeys((*theirs.recipe, *mine.recipe))
    changes = tuple(
        _change(key, theirs.recipe.get(key), mine.recipe.get(key))
        for key in keys
        if theirs.recipe.get(key) != mine.recipe.get(key)
    )
    return RecipeDiff(changes, "" if changes else "Both recipes have the same settings.")


def _change(key: str, before: Any, now: Any) -> Change:
    """Of two lists only the entries that differ."""
    if isinstance(before, Sequence) and isinstance(now, Sequence) and not isinstance(now, str):
        before, now = (
            [each for each in before if each not in now],
            [each for each in now if each not in before],
        )
    return Change(one_line(key, 80), cell(before) or MISSING, cell(now) or MISSING)
