"""Which YAML files are suites: by globs, by what the command line names, by what they hold.

Imported with the plugin and asked of every file that pytest meets, so it imports nothing heavy.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import pytest

INI_FILES = "rmcheck_files"
DEFAULT_FILES = ("suites/**/*.yaml", "suites/**/*.yml", "**/*.rmcheck.yaml")


def is_suite(path: Path, config: pytest.Config) -> bool:
    """Whether a file is a YAML file that means to be a suite, and is found by a glob or named."""
    if path.suffix not in (".yaml", ".yml"):
        return False
    if not _matches(path, config) and not named(path, config):
        return False
    from rmcheck.documents.recognise import looks_like_suite

    return looks_like_suite(path)


def named(path: Path, config: pytest.Config) -> bool:
    """Whether the command line names this very file, or a check of it."""
    here = config.invocation_params.dir
    return any(
        path == Path(os.path.abspath(here / word.partition("::")[0])) for word in config.args
    )


def ought_to_be_suite(path: Path, config: pytest.Config) -> bool:
    """Whether a YAML file that no plugin collects is a mistake and not somebody else's file.

    One that the command line names is, and an empty one among the suites: a suite must not vanish.
    """
    if path.suffix not in (".yaml", ".yml"):
        return False
    if named(path, config):
        return True
    from rmcheck.documents.recognise import is_blank

    return _matches(path, config) and is_blank(path)


def suite_files(paths: Iterable[Path], config: pytest.Config) -> set[Path]:
    """The files that stand with the suite files `paths`, themselves included.

    Those below the outermost folder named `suites` that a file lies in; without one, those of its
    own folder. Each folder is searched once.
    """
    outer: set[tuple[Path, str]] = set()
    for path in paths:
        named = [folder for folder in path.parents if folder.name == "suites"]
        outer.add((named[-1], "**/*") if named else (path.parent, "*"))
    found = {file for folder, pattern in outer for file in folder.glob(pattern)}
    yaml = (file for file in found if file.suffix in (".yaml", ".yml"))
    return {file.resolve() for file in yaml if _matches(file, config)}


def _matches(path: Path, config: pytest.Config) -> bool:
    """Whether the path, from the root folder or from anywhere above it, fits one of the globs."""
    shown = _rooted(path)
    found = any(_glob(glob).search(shown) for glob in _globs(config))
    return found and not left_out(path, config)


def left_out(path: Path, config: pytest.Config) -> bool:
    """Whether a glob with an exclamation mark leaves the path out."""
    shown = _rooted(path)
    globs = (glob for glob in config.getini(INI_FILES) if glob.startswith("!"))
    return any(_glob(glob).search(shown) for glob in globs)


def _globs(config: pytest.Config) -> Sequence[str]:
    """The globs that find suites: the default ones where the ini file names none."""
    return [glob for glob in config.getini(INI_FILES) if not glob.startswith("!")] or DEFAULT_FILES


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
