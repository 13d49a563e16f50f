"""Which files belong to a pytest run: those that its globs match or its command line names.

Imported with the plugin and asked of every file that pytest meets, so it imports nothing heavy.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from rmcheck.documents import finding
from rmcheck.documents.finding import INI_FILES as INI_FILES
from rmcheck.plugin.keys import SUITES

_KNOWN: pytest.StashKey[dict[Path, bool]] = pytest.StashKey()
"""Whether the suite folders that were searched have a suite."""


def is_suite(path: Path, config: pytest.Config) -> bool:
    """Whether a file that the globs match or the command line names is meant to be a suite."""
    if not finding.is_yaml(path):
        return False
    if not _matches(path, config) and not named(path, config):
        return False
    from rmcheck.documents.recognise import looks_like_suite

    return looks_like_suite(path)


def named(path: Path, config: pytest.Config) -> bool:
    """Whether the command line names this file or one of its checks."""
    here = config.invocation_params.dir
    return any(
        path == Path(os.path.abspath(here / word.partition("::")[0])) for word in config.args
    )


def ought_to_be_suite(path: Path, config: pytest.Config) -> bool:
    """Whether a file that is not a suite and that no plugin collects is an error.

    It is if the command line names it, if it is empty and matches the globs, or if it matches them
    in a project that has a suite. Other files have another purpose.
    """
    if finding.is_yaml(path):
        if named(path, config):
            return True
        if not _matches(path, config):
            return False
        from rmcheck.documents.recognise import is_blank

        return (path.is_file() and is_blank(path)) or _beside_a_suite(path, config)
    return finding.is_misnamed(path, config.getini(INI_FILES))


def _beside_a_suite(path: Path, config: pytest.Config) -> bool:
    """Whether the project has a suite: among those collected, or in the folder of this file."""
    if SUITES in config.stash:
        return True
    known = config.stash.setdefault(_KNOWN, {})
    globs = config.getini(INI_FILES)
    usual = (Path(config.rootpath) / "suites", True)
    for top, deep in dict.fromkeys([*finding.tops([path]), usual]):
        if top not in known:
            entries = finding.entries_below(top) if deep else top.glob("*")
            known[top] = finding.has_suite(entries, globs)
        if known[top]:
            return True
    return False


def unvisited(
    folder: Path, visited: Iterable[Path], config: pytest.Config
) -> Iterator[tuple[Path, bool]]:
    """Entries of a folder that pytest does not look at and that are suites, or ought to be.

    pytest leaves out broken links, loops of links, and the folders that `norecursedirs` names or
    that hold a virtual environment. What the user excludes with `--ignore` stays out.

    Yields
    ------
    The path, and whether it is (meant to be) a suite.
    """
    globs = config.getini(INI_FILES)
    default = all(glob.startswith("!") for glob in globs)
    if default and "suites" not in folder.parts:
        return
    seen = set(visited)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return  # pytest reports it
    for entry in entries:
        path = Path(entry.path)
        if _is(entry.is_file):
            continue
        if not _is(entry.is_dir):
            found: Iterable[Path] = [path]
        elif path not in seen and _skipped(path, config):
            found = finding.entries_below(path)
        else:
            found = [path] if finding.is_yaml(path) else []
        for each in finding.candidates(found, globs):
            suite = is_suite(each, config)
            if suite or ought_to_be_suite(each, config):
                yield each, suite


def _is(asked: Callable[[], bool]) -> bool:
    try:
        return asked()
    except OSError:  # a loop of links
        return False


def _skipped(folder: Path, config: pytest.Config) -> bool:
    """Whether pytest leaves a folder out by its name, or as a virtual environment."""
    patterns = [*config.getini("norecursedirs"), "__pycache__"]
    return any(
        fnmatch.fnmatch(str(folder) if os.sep in pattern else folder.name, pattern)
        for pattern in patterns
    ) or any((folder / mark).is_file() for mark in ("pyvenv.cfg", "conda-meta/history"))


def suite_files(paths: Iterable[Path], config: pytest.Config) -> set[Path]:
    """The files in the same suite folders as the files `paths`, including `paths`."""
    return finding.suite_files(paths, config.getini(INI_FILES))


def left_out(path: Path, config: pytest.Config) -> bool:
    """Whether a glob with an exclamation mark excludes the path."""
    return finding.left_out(path, config.getini(INI_FILES))


def _matches(path: Path, config: pytest.Config) -> bool:
    return finding.matches(path, config.getini(INI_FILES))
