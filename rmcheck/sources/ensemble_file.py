"""A source file of kind `ensemble`: several models as one, as `sources/NAME.yaml` lists them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, MinLen
from pydantic import BaseModel, ConfigDict

from rmcheck.documents import located
from rmcheck.documents.finding import is_yaml
from rmcheck.documents.located import Located
from rmcheck.errors import Problem, ProblemsFound, RmcheckError, UsageError
from rmcheck.reward_source import Source, SourceOptions
from rmcheck.sources import recipe
from rmcheck.sources.ensemble import Ensemble, combination_of, joined, member_of

_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)
_Name = Annotated[str, MinLen(1)]


@dataclass(frozen=True, kw_only=True)
class RecipeMember:
    """A member that a recipe describes.

    Parameters
    ----------
    recipe
        Its path relative to this file, or the name of a shipped recipe.
    seed
        Replaces the recipe's seed.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG

    recipe: _Name
    seed: Annotated[int, Ge(0)] | None = None


class EnsembleFile(BaseModel):
    """A source file of an ensemble.

    Parameters
    ----------
    source
        The format's version, 1.
    description
        One line.
    kind
        `ensemble`.
    members
        Two or more: `{recipe: PATH, seed: N}`, or any reward source as `--rm` takes it.
    combine
        What makes one reward of theirs: `mean`, `median`, `min`, or `mean-Kstd` (less K standard
        deviations).
    weights
        One for each member, for the means.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    source: Literal[1]
    description: str = ""
    kind: Literal["ensemble"]
    members: Annotated[list[_Name | RecipeMember], MinLen(2)]
    combine: _Name = "mean"
    weights: list[Annotated[float, Gt(0)]] | None = None


def create(
    document: Located,
    path: Path,
    spec: str,
    options: SourceOptions,
    kind_of: Callable[[str], object],
) -> Ensemble:
    """The ensemble of a source file; `kind_of` says what kind another source file is.

    Raises ProblemsFound if it has errors.
    """
    given = located.validate(EnsembleFile, document, label="source file")
    problems: list[Problem] = []
    members: list[Source] = []
    for place, member in enumerate(given.members):
        try:
            if member in given.members[:place]:
                raise UsageError("this member is given twice; give it once, with a weight")
            if isinstance(member, str):
                name = member.removeprefix("source:")
                # Found out without opening it: two files may name each other.
                if name != member and kind_of(name) == "ensemble":
                    raise UsageError(f"{member} is an ensemble itself; list its members instead")
                members.append(member_of(member, options))
            else:
                members.append(_trained(member, path, options))
        except ProblemsFound as found:  # mistakes in the member's own file, at their places
            problems += found.problems
        except RmcheckError as error:
            problems.append(document.problem(("members", place), f"members: {error}"))
    settings = {"combine": given.combine}
    if given.weights is not None:
        settings["weights"] = ":".join(f"{weight!r}" for weight in given.weights)
    try:
        combination = combination_of(settings, len(given.members), spec)
    except UsageError as error:
        key = "weights" if "weights" in str(error) else "combine"
        said = str(error).removeprefix(f"{spec}: ")
        problems.append(document.problem((key,), said))
    if problems:
        raise ProblemsFound(problems)
    return joined(spec, members, combination)


def _trained(member: RecipeMember, path: Path, options: SourceOptions) -> Source:
    """The model of a recipe; its path is shown relative to the project."""
    name = member.recipe
    beside = path.parent / name
    if is_yaml(beside):
        name = Path(os.path.relpath(os.path.normpath(beside), options.root)).as_posix()
    if member.seed is None:
        return recipe.create(name, options)
    source = recipe.create(name, replace(options, seed=member.seed))
    return recipe.source_of(f"{source.spec} (seed {member.seed})", source.recipe, options)
