"""Annotations of a pull request at the lines of its files: GitHub's workflow commands.

GitHub shows ten errors and ten warnings per step and silently drops the rest, so the most serious
come first and the tenth counts the others. Syntax and escaping of a command:
https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from rmcheck.errors import Problem
from rmcheck.record.run import RunRecord
from rmcheck.report.sentence import Group, Placed, grouped
from rmcheck.report.text import one_line
from rmcheck.wording import counted, listed

MOST = 10
_LONG = 1000

_TITLE: dict[Group, str] = {
    "regression": "regressed",
    "failure": "failed",
    "error": "could not be run",
    "weak": "inconclusive",
    "advisory": "failed (advisory)",
}


def wanted() -> bool:
    """Whether this runs as a step of a GitHub workflow."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def folder_of(root: Path) -> str:
    """The project's folder relative to the root of the repository, as GitHub counts paths."""
    top = Path(os.environ.get("GITHUB_WORKSPACE") or root)
    return root.relative_to(top).as_posix() if root.is_relative_to(top) else ""


def lines(record: RunRecord, *, folder: str = "") -> list[str]:
    """A workflow command for each check that failed, could not be run, or is inconclusive.

    Parameters
    ----------
    folder
        The project's folder within the repository, from `folder_of`.
    """
    groups = grouped(record)
    failed = [*groups.regressions, *groups.failures, *groups.errors]
    required = [each for each in failed if each.check.gate == "required"]
    advisory = [*groups.advisory, *(each for each in failed if each.check.gate == "advisory")]
    return [
        *_commands("error", required, folder),
        *_commands("warning", [*groups.weak, *advisory], folder),
    ]


def of_mistakes(problems: Sequence[Problem], *, folder: str = "") -> list[str]:
    """A workflow command for each mistake in a suite, its data or a recipe."""
    told = [
        _command("error", folder, each.path, each.line, "rmcheck cannot read this", each.message)
        for each in problems
    ]
    if len(told) > MOST:
        rest = counted(len(told) - MOST + 1, "more mistake")
        told[MOST - 1 :] = [f"::error title=rmcheck::{_escaped(rest)}"]
    return told


def _commands(word: str, placed: Sequence[Placed], folder: str) -> list[str]:
    def command(each: Placed) -> str:
        title = f"{one_line(each.check.id, 120)} {_TITLE[each.group]}"
        place = each.suite.path, each.check.line
        return _command(word, folder, *place, title, each.check.message)

    if len(placed) <= MOST:
        return [command(each) for each in placed]
    shown = [command(each) for each in placed[: MOST - 1]]
    rest = placed[MOST - 1 :]
    names = listed([one_line(each.check.id, 80) for each in rest], limit=10)
    shown.append(f"::{word} title=rmcheck::{_escaped(f'{len(rest)} more checks: {names}')}")
    return shown


def _command(word: str, folder: str, path: str, line: int, title: str, message: str) -> str:
    shown = str(PurePosixPath(folder, path))
    place = {"file": one_line(shown), "line": str(line), "title": title}
    told = ",".join(
        f"{key}={_escaped(value).replace(':', '%3A').replace(',', '%2C')}"
        for key, value in place.items()
        if value != "0"
    )
    return f"::{word} {told}::{_escaped(one_line(message, _LONG))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
