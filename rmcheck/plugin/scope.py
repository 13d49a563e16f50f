"""How much of a project a pytest run asked for: whole folders, or a selection of files and checks.

What the command line selects, its user asked for. What the configuration leaves out (`addopts`,
`PYTEST_ADDOPTS`, `testpaths`) of what the command line asks for is not looked at without anybody
having asked for that. Imported in every run, so it imports nothing heavy.
"""

from __future__ import annotations

import fnmatch
import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

_TYPED: pytest.StashKey[dict[str, object]] = pytest.StashKey()
"""The values of the options below as the command line alone gives them."""

_SELECTING = {
    "keyword": "-k",
    "markexpr": "-m",
    "deselect": "--deselect",
    "lf": "--lf",
    "stepwise": "--stepwise",
}
_IGNORING = {"ignore": "--ignore", "ignore_glob": "--ignore-glob"}
_SETTING_UP = {"setuponly": "--setup-only", "setupplan": "--setup-plan"}
LISTING = {
    "collectonly": "--collect-only",
    "showfixtures": "--fixtures",
    "show_fixtures_per_test": "--fixtures-per-test",
    "cacheshow": "--cache-show",
    "markers": "--markers",
    "help": "--help",
    "version": "--version",
}
"""Options with which pytest lists something and runs no test."""
_NARROWING = {**_SELECTING, **_IGNORING, **_SETTING_UP, **LISTING}


def note_typed(config: pytest.Config, parser: pytest.Parser) -> None:
    """Note what the command line itself says, before `addopts` is forgotten."""
    words = [str(word) for word in config.invocation_params.args]
    for word in [*words]:  # `-o addopts=…` is typed, too
        name, _, value = word.removeprefix("-o").removeprefix("--override-ini=").partition("=")
        if name.strip() == "addopts":
            words = [*shlex.split(value), *words]
    found = parser.parse_known_args(words)
    config.stash[_TYPED] = {name: getattr(found, name, None) for name in _NARROWING}


def selected(config: pytest.Config) -> bool:
    """Whether the command line asks for a part: by `-k`, a file, a node id."""
    typed = config.stash.get(_TYPED, None)
    if typed is None:  # the plugin was loaded late; what is typed is not known
        typed = {name: config.getoption(name, None) for name in _NARROWING}
    return any(typed.values()) or (not _from_testpaths(config) and not _all_folders(config))


def configured(config: pytest.Config) -> list[str]:
    """The narrowing options that the command line does not have, and `testpaths` with files."""
    typed = config.stash.get(_TYPED, None)
    if typed is None:
        return _unread_help(config)
    found = []
    for name, option in _NARROWING.items():
        value, given = config.getoption(name, None), typed[name]
        if name in LISTING:
            found += [option] if value and not given else []
        elif isinstance(value, list):
            others = given if isinstance(given, list) else []
            found += [f"{option} {each}" for each in value if each not in others]
        elif value and value != given:
            found.append(option if value is True else f"{option} {shlex.quote(str(value))}")
    if _from_testpaths(config) and not _all_folders(config):
        found.append(f"testpaths = {shlex.join(config.args)}")
    return found


def _unread_help(config: pytest.Config) -> list[str]:
    """`--help`, with which pytest does not call the hook that notes what is typed."""
    typed = {"-h", "--help"}.intersection(map(str, config.invocation_params.args))
    return ["--help"] if config.getoption("help", False) and not typed else []


def lists_only(config: pytest.Config) -> bool:
    """Whether pytest was asked for a list, and for no run."""
    return any(config.getoption(name, None) for name in LISTING)


def folders(config: pytest.Config) -> list[Path] | None:
    """The folders that were asked for; None for a selection (`-k`, a file, a node id)."""
    if selected(config):
        return None
    paths = [path if path.is_dir() else path.parent for path in _paths(config)]
    return paths or None


def ignored(paths: Iterable[Path], config: pytest.Config) -> list[Path]:
    """The paths that `--ignore` or `--ignore-glob` leaves out."""
    here = config.invocation_params.dir
    tops = [Path(os.path.abspath(here / each)) for each in config.getoption("ignore", None) or ()]
    globs = [str(here / each) for each in config.getoption("ignore_glob", None) or ()]
    return [
        path
        for path in paths
        if any(path.is_relative_to(top) for top in tops)
        or any(fnmatch.fnmatch(str(each), glob) for glob in globs for each in (path, *path.parents))
    ]


def below(paths: Iterable[Path], asked: Sequence[Path]) -> list[Path]:
    """The paths below one of the folders that were asked for."""
    tops = [folder.resolve() for folder in asked]
    return [path for path in paths if any(path.resolve().is_relative_to(top) for top in tops)]


def has_baseline(config: pytest.Config) -> bool:
    """Whether the project may have a baseline; looks for folders only."""
    kept = Path(config.rootpath, config.getini("rm_baselines") or "fixtures/baselines")
    return kept.is_dir() and any(kept.glob("*/results.json"))


def _paths(config: pytest.Config) -> list[Path]:
    here = config.rootpath if _from_testpaths(config) else config.invocation_params.dir
    return [Path(os.path.abspath(here / word.partition("::")[0])) for word in config.args]


def _all_folders(config: pytest.Config) -> bool:
    return bool(config.args) and all(
        "::" not in word and path.is_dir()
        for word, path in zip(config.args, _paths(config), strict=True)
    )


def _from_testpaths(config: pytest.Config) -> bool:
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS
