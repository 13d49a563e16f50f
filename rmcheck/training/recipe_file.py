"""The file of a recipe: its keys and types, and how a recipe is found by name or path."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, Field, WithJsonSchema, create_model

from rmcheck.data.rows import shown_path
from rmcheck.documents import located
from rmcheck.documents.finding import is_yaml
from rmcheck.documents.located import Located
from rmcheck.errors import Problem, ProblemsFound, UsageError, did_you_mean, first_of, nearest
from rmcheck.scoring.files import looked_for
from rmcheck.shipped import shipped
from rmcheck.training import adapter
from rmcheck.training.data_spec import Dataset, Patterns, ReplayFile, data_spec
from rmcheck.training.loss_key import misfits, separated
from rmcheck.training.recipe import FILE_KEYS, Recipe, Start
from rmcheck.training.settings import CONFIG, Lora

OWN = "recipes"
"""The folder of a project's own recipes; recipes elsewhere are given by path."""


LOSS_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    ]
}


def _file_model() -> type[BaseModel]:
    """The model of a recipe file: the fields of `Recipe`, with the keys and types of the file."""
    hints = get_type_hints(Recipe, include_extras=True)
    columns: dict[str, Any] = {"recipe": (Literal[1], ...)}
    for each in dataclasses.fields(Recipe):
        if each.name in FILE_KEYS:
            made = each.default_factory
            default = ... if each.default is dataclasses.MISSING else each.default
            given = default if made is dataclasses.MISSING else Field(default_factory=made)
            columns[FILE_KEYS[each.name]] = (hints[each.name], given)
    columns["name"] = (str | None, None)
    columns["data"] = (str | Patterns | Dataset, ...)
    columns["from"] = (str | None, None)
    columns["replay"] = (ReplayFile | None, None)
    of_loss, default_loss = columns["loss"]
    columns["loss"] = (Annotated[of_loss, WithJsonSchema(LOSS_SCHEMA)], default_loss)
    return create_model("RecipeFile", __config__=CONFIG, **columns)


RecipeFile = _file_model()


def load_recipe(name: str, root: Path, before: Sequence[Path] = ()) -> Recipe:
    """The recipe with this name (`tiny`) or path of a YAML file (relative to `root`).

    A file of the project comes before a shipped recipe of the same name.

    Parameters
    ----------
    before
        The files of the recipes that go on from this one.

    Raises
    ------
    UsageError
        If it does not exist; lists the known recipes and the nearest name.
    ProblemsFound
        All mistakes of the file, each at its place.
    """
    path = Path(name) if Path(name).is_absolute() else root / name
    known, own = shipped_recipes(), project_recipes(root)
    if is_yaml(path):
        if path.is_file():
            return _read(path, root, before)
        remedy = f", {did_you_mean(name, own)}" if own else ""
        raise UsageError(f"recipe:{name}: file not found: {path}{remedy}")
    if name in known:
        return _read(known[name], root)
    # A recipe of the project is given by its path; a typo may be in its name.
    paths = {Path(spec).stem: spec for spec in own}
    near = nearest(name, [*known, *paths])
    remedy = did_you_mean(paths.get(near or "", name), [*known, *own])
    raise UsageError(f"recipe:{name}: unknown recipe, {remedy}, or the path of a YAML file")


def shipped_recipes() -> dict[str, Path]:
    """Every shipped recipe by its name."""
    return {path.stem: path for path in sorted(shipped("recipes").glob("*.yaml"))}


def project_recipes(root: Path) -> dict[str, Path]:
    """The recipes in the folder `recipes` of the project at `root`, by their paths below it."""
    found = sorted(path for path in (root / OWN).glob("*") if is_yaml(path))
    return {path.relative_to(root).as_posix(): path for path in found}


def _read(path: Path, root: Path, before: Sequence[Path] = ()) -> Recipe:
    shown = shown_path(path, root)
    document = located.read(path, shown)
    if not isinstance(document.value, dict):
        said = "expected a mapping of keys to values; a recipe starts with 'recipe: 1'"
        raise ProblemsFound([Problem(shown, 1, 1, said)])
    if "recipe" not in document.value and {"rmcheck", "checks"} & set(document.value):
        said = f"expected a recipe, got a suite; run it with `pytest {shown}`"
        raise ProblemsFound([Problem(shown, 1, 1, said)])
    if "sweep" in document.value:
        said = f"expected a recipe, got a sweep file; run it with `rmcheck sweep {shown}`"
        raise ProblemsFound([Problem(shown, 1, 1, said)])
    return recipe_of(document, path, before)


def recipe_of(document: Located, path: Path, before: Sequence[Path] = ()) -> Recipe:
    """The recipe that a file at `path` says, whose YAML is `document`.

    Raises
    ------
    ProblemsFound
        All mistakes at once, with their places.
    """
    plain, loss_settings, problems = separated(document)
    try:
        given = located.validate(RecipeFile, plain, label="recipe")
    except ProblemsFound as error:
        raise ProblemsFound(first_of(sorted([*error.problems, *problems]))) from None
    values = {name: getattr(given, key) for name, key in FILE_KEYS.items()}
    problems += misfits(values, document)
    if values["replay"] is not None and values["start"] is None:
        said = (
            "recipe: replay is for a training that goes on from another; name that one with the "
            "key 'from', or list all files under data"
        )
        problems.append(document.problem(("replay",), said))
    if values["replay"] is not None and values["distil"] is not None:
        said = (
            "recipe: replay does not go with distil, whose teacher labels the pairs; name the old "
            "data under distil.data"
        )
        problems.append(document.problem(("replay",), said))
    start = None
    if values["start"] is not None:
        try:
            start = _start(values["start"], path, before)
        except ValueError as error:
            problems.append(document.problem(("from",), f"recipe: from: {error}"))
    if problems:
        raise ProblemsFound(problems)
    lora: Lora = values["lora"]
    values |= {
        "name": values["name"] or path.stem,
        "path": path.resolve(),
        "loss_settings": loss_settings,
        "data": data_spec(values["data"]),
        "start": start,
        "replay": values["replay"].kept() if values["replay"] else None,
        "lora": dataclasses.replace(lora, targets=lora.targets or None),
    }
    return Recipe(**values)


def _start(name: str, recipe: Path, before: Sequence[Path]) -> Start:
    """What the key `from` of the recipe file `recipe` names; raises ValueError.

    Of recipes that go on from one another in a circle, the last one has the mistake.
    """
    here, chain = recipe.parent, [*before, recipe.resolve()]
    path = (here / Path(name).expanduser()).resolve()
    if path in chain:
        names = [each.name for each in [*chain, path]]
        raise ValueError(f"goes in a circle: {' from '.join(names)}")
    if path.is_dir():
        if not (path / adapter.CONFIG).is_file():
            raise ValueError(
                f"{name}: not an adapter: it has no {adapter.CONFIG}; `rmcheck train` prints "
                "where adapters are"
            )
        return Start(name=name, folder=path)
    if is_yaml(path) and path.is_file():
        found = load_recipe(str(path), here, chain)
        if found.distil is not None:
            raise ValueError(
                f"{name}: is trained with a teacher; train it, and name the folder of its adapter"
            )
        return Start(name=name, recipe=found)
    known = shipped_recipes()
    if name in known:
        return Start(name=name, recipe=_read(known[name], here))
    remedy = looked_for(path) if "/" in name else did_you_mean(name, [*known, *_beside(recipe)])
    raise ValueError(f"{name!r}: neither the folder of an adapter nor a recipe, {remedy}")


def _beside(recipe: Path) -> list[str]:
    """The other recipes in the folder of a recipe."""
    return [path.name for path in sorted(recipe.parent.glob("*.y*ml")) if path != recipe]
