"""The source file that `rmcheck train` keeps: several trained recipes as one ensemble."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from rmcheck.cli.output import begins_with, tell
from rmcheck.cli.project import shown
from rmcheck.documents.finding import is_yaml
from rmcheck.errors import UsageError
from rmcheck.sources.source_file import OWN

HEAD = "# Written by rmcheck train"
"""How the first line of such a file begins: another training may overwrite it."""

_NAME = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Member:
    """A recipe as a spec names it, relative to the project, and the seed that replaces its own."""

    recipe: str
    seed: int | None = None


@dataclass(frozen=True)
class KeptEnsemble:
    """A source file to write: `name` is what `--rm source:NAME` calls it."""

    name: str
    target: Path
    text: str

    def write(self, root: Path) -> None:
        """Write it, and say so."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.target.write_text(self.text, encoding="utf-8", newline="\n")
        tell(f"wrote {shown(self.target, root)}: use it with --rm source:{self.name}")


def kept_ensemble(
    name: str | None, recipes: Sequence[str], members: Sequence[Member], root: Path
) -> KeptEnsemble | None:
    """The source file of these members; None if neither a name nor seeds ask for one.

    Parameters
    ----------
    name
        Its name; by default made of the one recipe and the number of seeds.
    recipes
        The recipes as they were given.
    members
        What they become: the recipes, each with its seeds.
    root
        The project.

    Raises
    ------
    UsageError
        For a name that is not a file name, a file that another tool or person wrote, and where
        there is nothing to combine.
    """
    seeded = any(member.seed is not None for member in members)
    if name is None and not seeded:
        return None
    if name is None:
        if len(recipes) > 1:
            raise UsageError("--seeds with several recipes: name the ensemble with --ensemble NAME")
        name = f"{Path(recipes[0]).stem}-{len(members)}-seeds"
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise UsageError(
            f"--ensemble {name!r}: expected a name of letters, digits, '-', '_' and '.'; the file "
            f"is {OWN}/NAME.yaml"
        )
    if len(members) < 2:
        raise UsageError(
            f"--ensemble {name}: expected two or more models, got one; give --seeds 2 or more, or "
            "several recipes"
        )
    twice = [member for member in dict.fromkeys(members) if members.count(member) > 1]
    if twice:
        raise UsageError(
            f"--ensemble {name}: {twice[0].recipe} is given more than once; the same model twice "
            "adds nothing: leave it out, or train it with several seeds (--seeds 2)"
        )
    target = root / OWN / f"{name}.yaml"
    text = _text(recipes, members, root)
    if target.exists() and not begins_with(target, HEAD):
        raise UsageError(
            f"{shown(target, root)}: already exists and was not written by rmcheck train; choose "
            "another name with --ensemble NAME"
        )
    return KeptEnsemble(name, target, text)


def _text(recipes: Sequence[str], members: Sequence[Member], root: Path) -> str:
    listed = []
    for member in members:
        path = root / member.recipe
        # Below the project a path is relative to the source file; a name is a shipped recipe.
        name = os.path.relpath(path, root / OWN) if is_yaml(path) else member.recipe
        entry: dict[str, str | int] = {"recipe": Path(name).as_posix()}
        if member.seed is not None:
            entry["seed"] = member.seed
        listed.append(entry)
    names = " and ".join(Path(recipe).stem for recipe in recipes)
    seeds = len(members) // len(recipes)
    about = f"{names}, {seeds} seeds each" if seeds > 1 else names
    values = {"source": 1, "description": about, "kind": "ensemble", "members": listed}
    dumped = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000,
                            default_flow_style=None)  # fmt: skip
    return f"{HEAD}; it may be overwritten by it.\n{dumped}"
