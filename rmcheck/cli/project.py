"""The project that a command works in: found as pytest finds its root folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from rmcheck.cli.output import tell
from rmcheck.documents.finding import is_yaml
from rmcheck.documents.ini import IniFile
from rmcheck.scaffold import project
from rmcheck.sources.layout import without_options
from rmcheck.spec import Spec


def configured(start: Path | None = None) -> IniFile:
    """The configuration of the project that contains `start`, or else the current folder.

    Raises
    ------
    UsageError
        When it cannot be read, or has a misspelt key.
    """
    found = IniFile.above((start or Path.cwd()).absolute())
    found.refuse_misspelt()
    return found


def shown(path: Path, root: Path) -> str:
    """A path of the project as a user in the current folder would write it."""
    return os.path.relpath(path) if path.is_relative_to(root) else str(path)


def rooted(spec: str, root: Path) -> str:
    """A source given on the command line, its path made relative to the root.

    A spec that is not a path here (a shipped recipe, say) stays as it is.
    """
    here, named = Path.cwd(), Spec.parse(spec)
    given, options = without_options(named.rest, lambda path: (here / path).exists())
    if named.kind == "py" and ".py:" in given:
        module, _, name = given.rpartition(":")
        if here != root and (here / module).is_file():
            rest = f"{os.path.relpath(here / module, root)}:{name}"
            return str(Spec("py", f"{rest},{options}" if options else rest))
    if named.kind == "ensemble":
        return str(Spec("ensemble", ";".join(rooted(m, root) for m in named.rest.split(";"))))
    path = here / given
    is_name = named.kind == "recipe" and not is_yaml(path)
    if here == root or is_name or not given or not path.exists():
        return spec
    rest = os.path.relpath(path, root)
    return str(Spec(named.kind, f"{rest},{options}" if options else rest))


def tell_ignored(root: Path, paths: Iterable[str]) -> None:
    """Print a warning if git ignores some of `paths` below `root`, which must be committed."""
    unseen = project.unseen(root, paths)
    if unseen:
        tell(
            f"warning: git ignores {', '.join(unseen)}; change .gitignore, or CI will not have them"
        )
