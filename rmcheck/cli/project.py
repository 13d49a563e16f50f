"""What a project's pytest configuration and its git say, as far as commands must know."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rmcheck.scaffold import project


def ini(name: str, default: str, folder: Path | None = None) -> str:
    """The value of a `rm_*` key in the configuration of the project at `folder`, or `default`.

    The files are those that pytest reads, in its order; one that cannot be read counts as empty,
    for pytest itself says what is wrong with it.
    """
    _, settings = _settings(folder or Path.cwd())
    found = settings.get(name)
    return found if isinstance(found, str) and found else default


def tell_ignored(root: Path, paths: Iterable[str]) -> None:
    """A line when git ignores some of `paths` below `root`, which are to be committed."""
    unseen = project.unseen(root, paths)
    if unseen:
        print(f"git ignores {', '.join(unseen)}; take them out of .gitignore, or CI misses them")


def settings_file(folder: Path) -> str | None:
    """The name of the file that configures pytest for the project at `folder`; None without one."""
    found, _ = _settings(folder)
    return found


def _settings(folder: Path) -> tuple[str | None, Mapping[str, Any]]:
    for name, section in (
        ("pytest.ini", "pytest"),
        (".pytest.ini", "pytest"),
        ("pyproject.toml", ""),
        ("tox.ini", "pytest"),
        ("setup.cfg", "tool:pytest"),
    ):
        try:
            text = (folder / name).read_text(encoding="utf-8")
            found = _of_ini(text, section) if section else _of_toml(text)
        except (OSError, ValueError, configparser.Error):
            continue
        if found is not None:
            return name, found
    return None, {}


def _of_toml(text: str) -> Mapping[str, Any] | None:
    tool = tomllib.loads(text).get("tool", {}).get("pytest", {})
    found = tool.get("ini_options", tool)
    return found if isinstance(found, dict) and found else None


def _of_ini(text: str, section: str) -> Mapping[str, Any] | None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    return dict(parser[section]) if parser.has_section(section) else None
