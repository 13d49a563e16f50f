"""The formats of a report: built in, and from other packages (entry points `rmcheck.reports`)."""

from __future__ import annotations

from pathlib import PurePath
from typing import Protocol, cast

from rmcheck.record.run import RESULTS, SCORES
from rmcheck.registry import Registry
from rmcheck.report.input import ReportInput


class Format(Protocol):
    """One file of a report: a module, an object, or a class without arguments.

    `file_name` is the file's name in the run's folder, `render` gives its text.
    """

    file_name: str

    def render(self, report: ReportInput, /) -> str:
        """The text of the file."""


_OURS = {"html": "rmcheck.report.page.html", "markdown": "rmcheck.report.markdown"}
_TAKEN = ("index.html", "summary.md", RESULTS, SCORES)


def _accepted(name: str, found: object) -> Format:
    if isinstance(found, type):
        found = found()
    file_name = getattr(found, "file_name", None)
    if not isinstance(file_name, str) or not callable(getattr(found, "render", None)):
        raise ValueError(
            "expected a module or an object with file_name (text) and render(ReportInput) -> str, "
            f"got {type(found).__name__} {found!r:.80}"
        )
    if PurePath(file_name).name != file_name or "\\" in file_name or file_name.startswith("."):
        raise ValueError(f"file_name must be a plain file name, got {file_name!r:.80}")
    if name not in _OURS and file_name.lower() in _TAKEN:
        raise ValueError(f"file_name {file_name!r} is used by rmcheck; choose another")
    return cast(Format, found)


FORMATS: Registry[Format] = Registry(_OURS, _accepted, "rmcheck.reports")
"""The formats of a report."""
