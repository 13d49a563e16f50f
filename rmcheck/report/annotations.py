"""Annotations of a pull request at the lines of its suite files: GitHub's workflow commands.

GitHub keeps ten errors and ten warnings a step and drops the rest without a word, so the gravest
come first and the tenth counts what follows. The form of a command and what must be escaped in
it: https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from rmcheck.record import RunRecord
from rmcheck.report.sentence import Group, Placed, grouped
from rmcheck.report.text import one_line
from rmcheck.wording import listed

MOST = 10
_LONG = 1000

_TITLE: dict[Group, str] = {
    "regression": "regressed",
    "failure": "failed",
    "error": "could not be run",
    "weak": "too close to call",
    "advisory": "falls short (advisory)",
}


def lines(record: RunRecord, *, folder: str = "") -> list[str]:
    """A workflow command for each check that failed, could not be run, or is weak.

    Parameters
    ----------
    folder
        The project's folder within the repository; GitHub counts paths from the repository.
    """
    groups = grouped(record)
    failed = [*groups.regressions, *groups.failures, *groups.errors]
    required = [each for each in failed if each.check.gate == "required"]
    advisory = [*groups.advisory, *(each for each in failed if each.check.gate == "advisory")]
    return [
        *_commands("error", required, folder),
        *_commands("warning", [*groups.weak, *advisory], folder),
    ]


def _commands(word: str, placed: Sequence[Placed], folder: str) -> list[str]:
    if len(placed) <= MOST:
        return [_command(word, each, folder) for each in placed]
    shown = [_command(word, each, folder) for each in placed[: MOST - 1]]
    rest = placed[MOST - 1 :]
    names = listed([one_line(each.check.id, 80) for each in rest], limit=10)
    shown.append(f"::{word} title=rmcheck::{_escaped(f'{len(rest)} more checks: {names}')}")
    return shown


def _command(word: str, placed: Placed, folder: str) -> str:
    path = str(PurePosixPath(folder, placed.suite.path))
    title = f"{one_line(placed.check.id, 120)} {_TITLE[placed.group]}"
    place = {"file": one_line(path), "line": str(placed.check.line), "title": title}
    told = ",".join(
        f"{key}={_escaped(value).replace(':', '%3A').replace(',', '%2C')}"
        for key, value in place.items()
        if value != "0"
    )
    return f"::{word} {told}::{_escaped(one_line(placed.check.message, _LONG))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
