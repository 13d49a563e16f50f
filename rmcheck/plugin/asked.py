"""Which files a pytest run means: what its globs find, what its command line names.

Imported with the plugin and asked of every file that pytest meets, so it imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from rmcheck.documents import finding
from rmcheck.documents.finding import INI_FILES as INI_FILES


def is_suite(path: Path, config: pytest.Config) -> bool:
    """Whether a file is a YAML file that means to be a suite, and is found by a glob or named."""
    if not finding.is_yaml(path):
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
    if not finding.is_yaml(path):
        return False
    if named(path, config):
        return True
    from rmcheck.documents.recognise import is_blank

    return _matches(path, config) and is_blank(path)


def suite_files(paths: Iterable[Path], config: pytest.Config) -> set[Path]:
    """The files that stand with the suite files `paths`, themselves included."""
    return finding.suite_files(paths, config.getini(INI_FILES))


def left_out(path: Path, config: pytest.Config) -> bool:
    """Whether a glob with an exclamation mark leaves the path out."""
    return finding.left_out(path, config.getini(INI_FILES))


def _matches(path: Path, config: pytest.Config) -> bool:
    return finding.matches(path, config.getini(INI_FILES))
