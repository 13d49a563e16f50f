"""The training data of a recipe: files of its own, or a data set of the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rmcheck.data.preferences import PreferenceData, load
from rmcheck.errors import SourceError
from rmcheck.training.continuation import with_replay
from rmcheck.training.data_spec import DataSpec
from rmcheck.training.lessons import read_teacher_data
from rmcheck.training.recipe import Recipe
from rmcheck.training.selection import selected


def data_of(recipe: Recipe) -> PreferenceData:
    """Read the recipe's data, and keep what satisfies its `where`.

    Raises
    ------
    ProblemsFound
        For malformed rows, at their lines.
    TrainingError
        If nothing satisfies it.
    """
    return mixed_data_of(recipe)[0]


def mixed_data_of(recipe: Recipe) -> tuple[PreferenceData, int | None]:
    """The recipe's data, and how many examples of it are replayed; None without `replay`.

    `where` holds for the new and for the old data.
    """
    files = recipe.data_files()
    if files and recipe.distil is not None:
        return selected(read_teacher_data(recipe).labelled, recipe), None
    new = selected(_read(recipe, recipe.data, files, recipe.layout), recipe)
    if recipe.replay is None:
        return new, None
    replay = recipe.replay
    old = selected(_read(recipe, replay.data, recipe.replay_files(), replay.layout), recipe)
    both = with_replay(new, old, recipe)
    return both, len(both.pairs) + len(both.sets) - len(new.pairs) - len(new.sets)


def _read(
    recipe: Recipe, given: DataSpec, files: Sequence[Path], layout: str | None
) -> PreferenceData:
    if files:
        return load(files, layout=layout)
    from rmcheck.data.hub import load_data

    try:
        return load_data(**dict(given), layout=layout)  # type: ignore[arg-type]
    except ValueError as error:
        raise SourceError(f"{recipe.path}: {error}") from None
