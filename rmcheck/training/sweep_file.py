"""A sweep file: a recipe, the keys of it that are varied, and how many settings are tried."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel, ConfigDict

from rmcheck.data.rows import shown_path
from rmcheck.documents import located
from rmcheck.documents.finding import is_yaml
from rmcheck.documents.located import Located
from rmcheck.errors import Problem, ProblemsFound, UsageError, did_you_mean
from rmcheck.training.distil_key import Distil
from rmcheck.training.loss_key import separated
from rmcheck.training.recipe import FILE_KEYS, Recipe
from rmcheck.training.recipe_file import RecipeFile, load_recipe, recipe_of
from rmcheck.training.settings import LabelNoise, Lora, Optimisation

_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)

_NESTED = {"lora": Lora, "training": Optimisation, "label_noise": LabelNoise, "distil": Distil}
_FIXED = (
    *("name", "description", "data", "layout", "augment", "folds", "trainer", "from", "replay"),
    *("training.processes", *_NESTED),
)
"""Keys of a recipe that a sweep does not vary: what is named, the data, whole mappings, and what
does not change a model."""
_MOST_TOGETHER = 1000
"""Settings of two keys, at most, that are tried out before anything is trained."""


@dataclass(frozen=True, kw_only=True)
class SearchRange:
    """Numbers from `low` to `high`.

    Parameters
    ----------
    low
        The smallest number.
    high
        The largest number. If both are written without a decimal point, whole numbers are tried.
    log
        Draws evenly on a logarithmic scale.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG

    low: int | float
    high: int | float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are tried."""
        return isinstance(self.low, int) and isinstance(self.high, int)


@dataclass(frozen=True, kw_only=True)
class Prune:
    """Stops trainings that fall behind (ASHA).

    Parameters
    ----------
    kind
        `asha`: at each rung the best 1/`reduction` go on.
    reduction
        How much is left over at a rung, and how far the next rung is.
    first
        The share of a training at which the first rung is; each rung is `reduction` times the one
        before.
    by
        What is compared, on the prompts that choose: the `win_rate`, or the `log_loss` of the
        labels under Bradley-Terry.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG

    kind: Literal["asha"]
    reduction: Annotated[int, Ge(2), Le(10)] = 3
    first: Annotated[float, Gt(0), Lt(1)] = 0.1
    by: Literal["win_rate", "log_loss"] = "win_rate"


Choices = list[Any]
Space = Mapping[str, Choices | SearchRange]
"""What each key may be, by its name in a recipe (`training.learning_rate`)."""


class SweepFile(BaseModel):
    """A sweep file: which settings of a recipe are tried, and how the best is found.

    Parameters
    ----------
    sweep
        The format's version, 1.
    description
        One line.
    recipe
        The recipe to vary: its path relative to this file, or the name of a shipped one.
    search
        `grid` tries all combinations of lists, `random` draws settings, `tpe` draws them where
        earlier ones were good (Optuna; needs `rmcheck[sweep]`).
    runs
        Settings to try with `random` and `tpe`, besides the recipe as it is.
    seed
        Seed of the division into folds and of the search.
    folds
        The prompts are divided into so many folds. Fold 1 chooses the settings, fold 2 confirms
        them; every run is trained on the others.
    prune
        Stops trainings that fall behind: `{kind: asha, reduction: 3, first: 0.1}`. The recipe as it
        is and the run that is chosen are trained whole.
    keys
        Keys of the recipe, nested ones with a dot (`training.learning_rate`): a list of values,
        or a range of numbers.
    """

    model_config = _CONFIG

    sweep: Literal[1]
    description: str = ""
    recipe: Annotated[str, MinLen(1)]
    search: Literal["grid", "random", "tpe"] = "random"
    runs: Annotated[int, Ge(1), Le(10_000)] | None = None
    seed: Annotated[int, Ge(0)] = 0
    folds: Annotated[int, Ge(3), Le(1000)] = 5
    prune: Prune | None = None
    keys: Annotated[dict[str, Choices | SearchRange], MinLen(1)]


DEFAULT_RUNS = 20


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A sweep file that was read; `shown` is its path in messages.

    `values` are those of the recipe, as its file has them.
    """

    shown: str
    recipe: Recipe
    values: Mapping[str, Any]
    search: str
    runs: int
    seed: int
    folds: int
    space: Space
    prune: Prune | None = None

    def varied(self, settings: Mapping[str, Any]) -> Recipe:
        """The recipe with some keys changed.

        Raises
        ------
        UsageError
            If the values do not go together.
        """
        changed = with_keys(self.values, settings)
        try:
            return recipe_of(Located(str(self.recipe.path), changed, {}, {}), self.recipe.path)
        except ProblemsFound as error:
            said = error.problems[0].message.removeprefix("recipe: ")
            raise UsageError(f"{self.shown}: keys: {shown_settings(settings)}: {said}") from None

    def each_value(self) -> Iterator[Mapping[str, Any]]:
        """The recipe as it is, then each value of the lists by itself."""
        yield {}
        for key, space in self.space.items():
            if isinstance(space, list):
                yield from ({key: value} for value in space)


def shown_settings(given: Mapping[str, Any]) -> str:
    """Settings on one line.

    >>> shown_settings({"lora.r": 8, "loss": "hinge"})
    'lora.r: 8, loss: hinge'
    """
    return ", ".join(f"{key}: {value}" for key, value in given.items())


def varied_keys() -> list[str]:
    """The keys of a recipe that a sweep can vary."""
    plain = [key for key in FILE_KEYS.values() if key not in _FIXED]
    nested = [f"{key}.{each.name}" for key, kind in _NESTED.items() for each in fields(kind)]
    return [*plain, *(key for key in nested if key not in _FIXED)]


def with_keys(values: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping of a recipe file with some keys changed, nested ones by dotted names."""
    changed = copy.deepcopy(dict(values))
    for key, value in settings.items():
        *above, last = key.split(".")
        inner = changed
        for step in above:
            inner = inner.setdefault(step, {})
        inner[last] = value
    return changed


def load_sweep(path: Path, root: Path) -> Sweep:
    """The sweep that a YAML file describes.

    Raises
    ------
    UsageError
        If its recipe does not exist.
    ProblemsFound
        All mistakes of the file, each at its place; or those of the recipe.
    """
    shown = shown_path(path, root)
    document = located.read(path, shown)
    if not isinstance(document.value, dict):
        said = "expected a mapping of keys to values; a sweep file starts with 'sweep: 1'"
        raise ProblemsFound([Problem(shown, 1, 1, said)])
    if "base" in document.value and "sweep" not in document.value:
        said = f"expected a sweep file, got a recipe; train it with `rmcheck train {shown}`"
        raise ProblemsFound([Problem(shown, 1, 1, said)])
    given = located.validate(SweepFile, document, label="sweep")
    recipe = _recipe(given.recipe, path, root)
    values = located.read(recipe.path).value
    problems = [*_wrong_search(given, document), *_wrong_keys(given, document, values)]
    if recipe.folds is not None:
        said = "recipe: it has the key 'folds', which the sweep sets; remove it from the recipe"
        problems.append(document.problem(("recipe",), said))
    if problems:
        raise ProblemsFound(problems)
    sweep = Sweep(
        shown=shown,
        recipe=recipe,
        values=values,
        search=given.search,
        runs=given.runs or DEFAULT_RUNS,
        seed=given.seed,
        folds=given.folds,
        space=given.keys,
        prune=given.prune,
    )
    _refuse_contradictions(sweep, document)
    return sweep


def _refuse_contradictions(sweep: Sweep, document: Located) -> None:
    """Raise ProblemsFound at the first values, of one key or two, that do not go together."""
    for settings in itertools.islice(_together(sweep.space), _MOST_TOGETHER):
        try:
            sweep.varied(settings)
        except UsageError as error:
            said = str(error).removeprefix(f"{sweep.shown}: ")
            where = ("keys", list(settings)[-1])
            raise ProblemsFound([document.problem(where, said, key=True)]) from None


def _together(space: Space) -> Iterator[dict[str, Any]]:
    """Each value by itself, then with each value of another key; of ranges, the ends."""
    values = {
        key: each if isinstance(each, list) else [each.low, each.high]
        for key, each in space.items()
    }
    for count in (1, 2):
        for keys in itertools.combinations(values, count):
            for chosen in itertools.product(*(values[key] for key in keys)):
                yield dict(zip(keys, chosen, strict=True))


def _recipe(name: str, sweep: Path, root: Path) -> Recipe:
    """The recipe: a path is relative to the sweep file, a name is that of a shipped recipe."""
    beside = sweep.parent / name
    return load_recipe(str(beside.resolve()) if is_yaml(beside) else name, root)


def _wrong_search(given: SweepFile, document: Located) -> Iterator[Problem]:
    """What does not fit together: a grid and ranges, a range and its ends."""
    if given.search == "grid" and given.runs is not None:
        count = math.prod(len(each) for each in given.keys.values() if isinstance(each, list))
        said = f"runs: a grid tries all {count} combinations; remove this key"
        yield document.problem(("runs",), said, key=True)
    for key, space in given.keys.items():
        place = ("keys", key)
        if isinstance(space, list):
            if not space:
                said = f"keys.{key}: the list is empty; give one value or more"
                yield document.problem(place, said)
            for at, value in enumerate(space):
                if any(value == other and type(value) is type(other) for other in space[:at]):
                    said = f"keys.{key}: {value!r} is given twice; remove one"
                    yield document.problem((*place, at), said)
            continue
        if given.search == "grid":
            said = f"keys.{key}: a grid needs a list of values, got a range; list them, or use "
            yield document.problem(place, f"{said}search: random")
        if space.low >= space.high:
            said = f"keys.{key}: expected low < high, got {space.low} and {space.high}"
            yield document.problem(place, said)
        elif space.log and space.low <= 0:
            said = f"keys.{key}: log needs low > 0, got {space.low}"
            yield document.problem((*place, "low"), said)


def _wrong_keys(
    given: SweepFile, document: Located, values: Mapping[str, Any]
) -> Iterator[Problem]:
    """Keys that a recipe does not have, and values that it does not allow."""
    known = varied_keys()
    for key, space in given.keys.items():
        if key not in known:
            said = f"keys: unknown key '{key}' of a recipe, {did_you_mean(key, known)}"
            yield document.problem(("keys", key), said, key=True)
            continue
        steps: list[int | str] = (
            list(range(len(space))) if isinstance(space, list) else ["low", "high"]
        )
        wrong: list[Problem] = []
        for step in steps:
            value = space[int(step)] if isinstance(space, list) else getattr(space, str(step))
            wrong += _wrong_value(key, value, document, ("keys", key, step), values)
        yield from wrong
        if wrong or isinstance(space, list) or space.whole:
            continue
        inside = math.floor(space.low) + 0.5  # no whole number
        if any(_wrong_value(key, inside, document, ("keys", key), values)):
            said = (
                f"keys.{key}: takes whole numbers, and {space.low} to {space.high} has others; "
                "write both ends without a decimal point"
            )
            yield document.problem(("keys", key), said)


def _wrong_value(
    key: str,
    value: Any,
    document: Located,
    where: tuple[str | int, ...],
    values: Mapping[str, Any],
) -> Iterator[Problem]:
    """What is wrong with a recipe that has this value, told at the value's place."""
    place = document.place(where)
    changed = with_keys(values, {key: value})
    steps = tuple(key.split("."))
    places = {steps[:length]: place for length in range(len(steps) + 1)}
    inside = {
        (*steps, *path[len(where) :]): found
        for path, found in document.places.items()
        if path[: len(where)] == where
    }
    plain, _, wrong = separated(Located(document.path, changed, places | inside, {}))
    yield from wrong
    try:
        located.validate(RecipeFile, plain, (), "keys")
    except ProblemsFound as found:
        yield from found.problems
