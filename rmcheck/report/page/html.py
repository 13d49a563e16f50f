"""The report as one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rmcheck.report import anchor, numbers
from rmcheck.report.input import ReportInput
from rmcheck.report.page.identity import moment
from rmcheck.report.page.view import view
from rmcheck.report.text import clean, one_line
from rmcheck.wording import counted

_TEMPLATES = Path(__file__).parent / "templates"
_STYLES = ("report.css", "findings.css", "print.css")
_SCRIPTS = ("page.js", "pairs.js", "diff.js", "browser.js")  # each needs those before it


file_name = "index.html"


def render(report: ReportInput) -> str:
    """The page of a run; the same input gives the same text."""
    return document("report.html.j2", _SCRIPTS, view=view(report, report.texts_of))


def document(template: str, scripts: Sequence[str], **values: Any) -> str:
    """A self-contained page: a template with the report's styles, and these of its scripts."""
    style, script = ("".join(map(_asset, names)) for names in (_STYLES, scripts))
    return (
        _environment()
        .get_template(template)
        .render(
            values,
            style=Markup(style),
            script=Markup(script),
            # Only this very script may run: markup that slipped through would still be inert.
            policy=f"default-src 'none'; style-src '{digest(style)}'; "
            f"script-src '{digest(script)}'; base-uri 'none'; form-action 'none'",
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
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


def _printable(value: Any) -> Any:
    """What a template prints: text from outside without control characters."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return clean(value)


@cache
def _asset(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    """A style or script as a content security policy names it."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
