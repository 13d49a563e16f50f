"""A source file of kind `recipe`: a recipe with objectives and their weights in the reward."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, MinLen
from pydantic import BaseModel, ConfigDict

from rmcheck.documents import located
from rmcheck.documents.finding import is_yaml
from rmcheck.documents.located import Located
from rmcheck.errors import Problem, ProblemsFound, RmcheckError, did_you_mean
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import recipe
from rmcheck.training.recipe import Recipe


class RecipeSourceFile(BaseModel):
    """A source file of a recipe.

    Parameters
    ----------
    source
        The format's version, 1.
    description
        One line.
    kind
        `recipe`.
    recipe
        Its path relative to this file, or the name of a shipped recipe.
    seed
        Replaces the recipe's seed.
    weights
        The weight of each objective in the reward, in place of the recipe's; one that is not named
        has the weight 0.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    source: Literal[1]
    description: str = ""
    kind: Literal["recipe"]
    recipe: Annotated[str, MinLen(1)]
    seed: Annotated[int, Ge(0)] | None = None
    weights: Annotated[dict[str, float], MinLen(1)] | None = None


def create(document: Located, path: Path, spec: str, options: SourceOptions) -> recipe.RecipeSource:
    """The recipe of a source file, weighted as the file says.

    Raises ProblemsFound if it has errors.
    """
    given = located.validate(RecipeSourceFile, document, label="source file")
    beside, name = path.parent / given.recipe, given.recipe
    if is_yaml(beside):
        name = Path(os.path.relpath(os.path.normpath(beside), options.root)).as_posix()
    if given.seed is not None:
        options = replace(options, seed=given.seed)
    try:
        found = recipe.create(name, options).recipe
    except ProblemsFound:  # mistakes in the recipe's own file, at their places
        raise
    except RmcheckError as error:
        raise ProblemsFound([document.problem(("recipe",), f"recipe: {error}")]) from None
    problems = _misweighted(given, found, document)
    if problems:
        raise ProblemsFound(problems)
    if given.weights is None:
        return recipe.source_of(spec, found, options)
    return recipe.ManyHeadedRecipe(spec, found, options, given.weights)


def _misweighted(given: RecipeSourceFile, found: Recipe, document: Located) -> list[Problem]:
    """What is wrong with the weights."""
    if given.weights is None:
        return []
    if not found.objectives:
        said = (
            f"weights: {given.recipe} has no key 'objectives', so it has one reward; remove the "
            "weights"
        )
        return [document.problem(("weights",), said, key=True)]
    problems = [
        document.problem(
            ("weights", name), f"weights: {did_you_mean(name, found.objectives)}", key=True
        )
        for name in given.weights
        if name not in found.objectives
    ]
    if not problems and not any(given.weights.values()):
        said = "weights: all are 0, so all scores would be 0; give one a weight"
        problems = [document.problem(("weights",), said)]
    return problems
