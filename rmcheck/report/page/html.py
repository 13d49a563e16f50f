"""The report as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from rmcheck.report import anchor, numbers
from rmcheck.report.input import ReportInput
from rmcheck.report.page.document import asset, filled, policy, templates
from rmcheck.report.page.identity import moment
from rmcheck.report.page.view import view
from rmcheck.report.text import one_line
from rmcheck.wording import counted

_TEMPLATES = Path(__file__).parent / "templates"
_STYLES = ("report.css", "narrow.css", "findings.css", "print.css")
_SCRIPTS = ("page.js", "pairs.js", "diff.js", "browser.js")  # each needs those before it


file_name = "index.html"


def render(report: ReportInput) -> str:
    """The page of a run; the same input gives the same text."""
    return document("report.html.j2", _SCRIPTS, view=view(report, report.texts_of))


def document(template: str, scripts: Sequence[str], **values: Any) -> str:
    """A self-contained page: a template with the report's styles, and these of its scripts."""
    style, script = (
        "".join(asset(_TEMPLATES / name) for name in names) for names in (_STYLES, scripts)
    )
    return filled(_environment(), template, style, script, policy=policy(style, script), **values)


@cache
def _environment() -> Environment:
    environment = templates(_TEMPLATES)
    environment.globals.update(
        score=numbers.score,
        margin=numbers.margin,
        counted=counted,
        grouped=numbers.count,
        anchor=anchor,
        moment=moment,
        one_line=one_line,
    )
    return environment
