"""`rmcheck train RECIPE --from ADAPTER --data NEW`: a recipe that goes on from an adapter."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rmcheck.cli.options import SUITES
from rmcheck.cli.output import refuse_to_overwrite, tell
from rmcheck.cli.project import rooted, shown
from rmcheck.data.rows import shown_path
from rmcheck.documents import located
from rmcheck.documents.finding import is_yaml
from rmcheck.engine import Settings
from rmcheck.errors import UsageError
from rmcheck.training.adapter import CONFIG
from rmcheck.training.data_spec import nothing_matches
from rmcheck.training.recipe import Recipe
from rmcheck.training.recipe_file import OWN, load_recipe
from rmcheck.training.relocation import moved, moved_data, relocated

HEAD = "# Written by rmcheck train --from"
"""How the first line of such a recipe begins: a later one may overwrite it."""


def add_options(train: argparse.ArgumentParser) -> None:
    """The options of `rmcheck train` that make it go on from an adapter."""
    more = train.add_argument_group(
        "go on from an adapter",
        "Trains the recipe on new data from the weights of an adapter, writes a recipe file that "
        "says so, and compares the result with what it began from on the project's suites.",
    )
    more.add_argument(
        "--from",
        dest="start",
        metavar="ADAPTER",
        help="folder of an adapter (`rmcheck train` prints it), its name in the cache, or a recipe",
    )
    more.add_argument("--data", nargs="+", metavar="NEW", help="new training data: files or globs")
    more.add_argument(
        "--replay",
        type=share,
        metavar="SHARE",
        help="this share of all training pairs is drawn from the recipe's data (say 0.2)",
    )
    more.add_argument(
        "-o", "--output", metavar="FILE",
        help=f"recipe file to write (default: {OWN}/RECIPE-continued.yaml)",
    )  # fmt: skip
    more.add_argument(
        "--no-compare", action="store_true", help="do not compare with the start afterwards"
    )


def share(given: str) -> float:
    """A number above 0 and below 1, for `type=` of an option."""
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{given!r}: expected a number above 0 and below 1")
    return value


def refuse_alone(options: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together."""
    if options.start is None:
        given = {
            "--data": options.data,
            "--replay": options.replay,
            "-o": options.output,
            "--no-compare": options.no_compare or None,
        }
        for name, value in given.items():
            if value is not None:
                raise UsageError(f"{name} is for --from ADAPTER, which is missing")
        return
    if not options.data:
        raise UsageError("--from needs --data NEW: the data to go on with")
    if len(options.recipes) > 1:
        raise UsageError(f"--from takes one recipe, got {len(options.recipes)}")
    for name in ("seeds", "ensemble"):
        if getattr(options, name) is not None:
            raise UsageError(
                f"--{name} does not go with --from; train the recipe that it writes with --{name}"
            )


@dataclass(frozen=True)
class Continued:
    """A recipe that goes on from an adapter.

    Attributes
    ----------
    spec
        Its path below the root, as `recipe:` takes it.
    before
        The source that it began from.
    """

    spec: str
    before: str


def written(options: argparse.Namespace, chosen: Settings) -> Continued:
    """Write the recipe file.

    Raises
    ------
    UsageError
        For an unknown adapter or recipe, data that match no file, and a file of others.
    ProblemsFound
        For malformed or empty data, at their lines.
    """
    from rmcheck.sources.recipe_data import data_of

    given = rooted(f"recipe:{options.recipes[0].removeprefix('recipe:')}", chosen.root)
    recipe = load_recipe(given.removeprefix("recipe:"), chosen.root)
    target = _target(options.output, recipe, chosen.root)
    there = target.absolute().parent
    start, before = _start(options.start, chosen, there)
    _refuse_absent(options.data)
    values = _values(recipe, chosen.root)
    old, layout = values.pop("data"), values.pop("layout", None)
    for key in ("name", "description", "from", "replay"):
        values.pop(key, None)
    new: list[str] = [moved(str(each), Path.cwd(), there) for each in options.data]
    values = {
        "recipe": values.pop("recipe"),
        "description": f"{recipe.name}, gone on from {Path(options.start).name} with new data",
        **relocated({**values, "data": old}, recipe.path.parent, there),
        "from": start,
        "data": new[0] if len(new) == 1 else new,
    }
    if options.replay is not None:
        values["replay"] = {
            "data": moved_data(old, recipe.path.parent, there),
            "share": options.replay,
            **({"layout": layout} if layout else {}),
        }
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    there.mkdir(parents=True, exist_ok=True)
    earlier = target.read_bytes() if target.is_file() else None
    target.write_text(f"{HEAD}.\n{text}", encoding="utf-8", newline="\n")
    try:
        data_of(load_recipe(str(target.absolute()), chosen.root))
    except BaseException:
        target.unlink() if earlier is None else target.write_bytes(earlier)
        raise
    tell(f"wrote {shown(target.absolute(), chosen.root)}")
    return Continued(_spec(target.absolute(), chosen.root), before)


def _target(output: str | None, recipe: Recipe, root: Path) -> Path:
    target = Path(output) if output else root / OWN / f"{recipe.path.stem}-continued.yaml"
    if not is_yaml(target):
        raise UsageError(f"-o {output}: expected a name that ends in .yaml or .yml")
    if target.exists() and target.resolve() == recipe.path.resolve():
        raise UsageError(f"-o {target}: is the recipe itself; choose another path")
    refuse_to_overwrite("-o", str(target), made=HEAD)
    return target


def _start(given: str, chosen: Settings, there: Path) -> tuple[str, str]:
    """What the key `from` says in a file of the folder `there`; and the start as a source."""
    name = given.removeprefix("hf:")
    kept = chosen.cache / "adapters" / name
    folder = kept if not Path(name).exists() and kept.is_dir() else Path(name)
    if folder.is_dir():
        if not (folder / CONFIG).is_file():
            raise UsageError(
                f"--from {given}: not an adapter: it has no {CONFIG}; `rmcheck train` prints "
                "where adapters are"
            )
        return _relative(folder.absolute(), there), f"hf:{folder}"
    spec = rooted(f"recipe:{given.removeprefix('recipe:')}", chosen.root)
    try:
        recipe = load_recipe(spec.removeprefix("recipe:"), chosen.root)
    except UsageError as error:
        raise UsageError(
            f"--from {given}: no folder of that name, no adapter in {chosen.cache / 'adapters'}, "
            f"and no recipe: {error}"
        ) from None
    name = spec.removeprefix("recipe:")
    return _relative(recipe.path, there) if is_yaml(Path(name)) else name, spec


def _relative(path: Path, there: Path) -> str:
    return Path(os.path.relpath(path.resolve(), there.resolve())).as_posix()


def _refuse_absent(data: Sequence[str]) -> None:
    from rmcheck.data.preferences import expand

    for pattern in data:
        if not expand(pattern, Path.cwd()):
            raise UsageError(f"--data: {nothing_matches(pattern, Path.cwd() / 'recipe.yaml')}")


def _values(recipe: Recipe, root: Path) -> dict[str, Any]:
    return dict(located.read(recipe.path, shown_path(recipe.path, root)).value)


def _spec(target: Path, root: Path) -> str:
    inside = target.is_relative_to(root)
    return target.relative_to(root).as_posix() if inside else str(target)


def compared(found: Continued, options: argparse.Namespace, chosen: Settings) -> int:
    """Compare with the start on the project's suites, after the command that does it; its code."""
    from rmcheck.cli import main

    command = ["compare", f"recipe:{found.spec}", found.before]
    for name in ("rm_device", "rm_dtype", "rm_cache"):
        if getattr(options, name, None) is not None:
            command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    if options.no_compare:
        tell(f"to compare with the start: rmcheck {' '.join(command)}")
        return 0
    suites = chosen.root / SUITES
    if not any(is_yaml(path) for path in suites.glob("**/*")):
        tell(
            f"not compared with {found.before}: no suites in {shown(suites, chosen.root)}; with "
            f"some: rmcheck {' '.join(command)}"
        )
        return 0
    tell(f"compared with the start: rmcheck {' '.join(command)}")
    return main(command)
