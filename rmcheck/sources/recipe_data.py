"""The training data of a recipe: files of its own, or a data set of the hub."""

from __future__ import annotations

from rmcheck.data.preferences import PreferenceData, load
from rmcheck.errors import SourceError
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
    return selected(_whole(recipe), recipe)


def _whole(recipe: Recipe) -> PreferenceData:
    files = recipe.data_files()
    if files and recipe.distil is not None:
        return read_teacher_data(recipe).labelled
    if files:
        return load(files, layout=recipe.layout)
    from rmcheck.data.hub import load_data

    try:
        return load_data(**dict(recipe.data), layout=recipe.layout)  # type: ignore[arg-type]
    except ValueError as error:
        raise SourceError(f"{recipe.path}: {error}") from None
