"""Which files are suites: those that the globs of the project find and that look like suites.

The one place for pytest and for every command. Imported with the plugin, that is, in every pytest
run, so that it imports nothing heavy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

INI_FILES = "rmcheck_files"
"""The key of pytest's ini file that holds the globs."""

YAML = (".yaml", ".yml")
"""The suffixes of YAML files: suites and recipes."""

DEFAULT_FILES = (*(f"suites/**/*{suffix}" for suffix in YAML), "**/*.rmcheck.yaml")


def is_yaml(path: Path) -> bool:
    """Whether the name of a file is that of a YAML file."""
    return path.suffix in YAML


def suites_below(folder: Path, globs: Sequence[str]) -> list[Path]:
    """The suites below a folder, as a gate of that folder finds them, sorted."""
    from rmcheck.documents.recognise import looks_like_suite

    found = (path for path in folder.rglob("*") if is_yaml(path) and matches(path, globs))
    return sorted(path for path in found if looks_like_suite(path))


def suite_files(paths: Iterable[Path], globs: Sequence[str]) -> set[Path]:
    """The files that stand with the suite files `paths`, themselves included.

    Those below the outermost folder named `suites` that a file lies in; without one, those of its
    own folder. Each folder is searched once.
    """
    outer: set[tuple[Path, str]] = set()
    for path in paths:
        named = [folder for folder in path.parents if folder.name == "suites"]
        outer.add((named[-1], "**/*") if named else (path.parent, "*"))
    found = {file for folder, pattern in outer for file in folder.glob(pattern)}
    return {file.resolve() for file in found if is_yaml(file) and matches(file, globs)}


def matches(path: Path, globs: Sequence[str]) -> bool:
    """Whether the path, from the root folder or from anywhere above it, fits one of the globs.

    `globs` is the value of `rmcheck_files`: where no glob of it finds files, the default ones do.
    """
    shown = _rooted(path)
    finding = [glob for glob in globs if not glob.startswith("!")] or DEFAULT_FILES
    return any(_glob(glob).search(shown) for glob in finding) and not left_out(path, globs)


def left_out(path: Path, globs: Sequence[str]) -> bool:
    """Whether a glob with an exclamation mark leaves the path out."""
    shown = _rooted(path)
    return any(_glob(glob).search(shown) for glob in globs if glob.startswith("!"))


def _rooted(path: Path) -> str:
    return f"/{path.as_posix().lstrip('/')}"


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression; `*` stays within a folder, `**` is any depth.

    As in a `.gitignore`, what begins with `!` also means all that lies below a folder.
    """
    steps = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    plain = pattern.removeprefix("!").removeprefix("./").strip("/")
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^/\]]+\])", plain)
    found = "".join(
        steps.get(part) or (_class(part) if part.startswith("[") else re.escape(part))
        for part in parts
    )
    return re.compile(f"/{found}{'(?:/.*)?' if pattern.startswith('!') else ''}$")


def _class(part: str) -> str:
    """A glob's `[abc]` or `[!abc]` as a regular expression's; a bracket left open is itself."""
    if not part.endswith("]"):
        return re.escape(part)
    inner = part[1:-1]
    negated = inner.startswith("!")
    return f"[{'^' if negated else ''}{re.escape(inner[negated:]).replace(chr(92) + '-', '-')}]"
