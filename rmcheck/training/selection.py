"""The key `where` of a recipe: which of its data it trains on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace

from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import TrainingError, did_you_mean
from rmcheck.training.recipe import Recipe
from rmcheck.wording import counted, listed

OF_TAGS = ("tags", "without_tags", "all_tags")
"""The keys of `where` that hold or do not hold of response sets, too."""


def selected(data: PreferenceData, recipe: Recipe) -> PreferenceData:
    """The data that satisfy the recipe's `where`; all of them without it.

    Raises
    ------
    TrainingError
        For a tag that nothing in the data has, for conditions on both sides of a pair if the data
        are response sets, and if nothing satisfies them.
    """
    where = recipe.where
    if where is None:
        return data
    tags = [pair.tags for pair in data.pairs] + [each.tags for each in data.sets]
    known = {tag for each in tags for tag in each}
    problems = list(_unknown(recipe, known))
    if problems:
        raise TrainingError(f"{recipe.path}: {'; '.join(problems)}")
    others = [
        each.name
        for each in fields(where)
        if each.name not in OF_TAGS and getattr(where, each.name) is not None
    ]
    if data.sets and others:
        raise TrainingError(
            f"{recipe.path}: where: {listed(others)}: a condition on pairs, but the data have "
            f"{counted(len(data.sets), 'response set')}; use {listed(OF_TAGS)} only"
        )
    pairs = tuple(pair for pair in data.pairs if where.holds(pair))
    sets = tuple(each for each in data.sets if where.admits(each.tags))
    if not pairs and not sets:
        everything = counted(len(data.pairs) + len(data.sets), "example")
        raise TrainingError(f"{recipe.path}: where: 0 of {everything} of the data satisfy it")
    return replace(data, pairs=pairs, sets=sets)


def _unknown(recipe: Recipe, known: Iterable[str]) -> Iterable[str]:
    """A message for each tag that must be there and is nowhere in the data."""
    for key in ("tags", "all_tags"):
        for tag in getattr(recipe.where, key) or ():
            if tag not in known:
                near = did_you_mean(tag, known)
                yield f"where.{key}: nothing in the data has the tag '{tag}', {near}"
