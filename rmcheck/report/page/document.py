"""A page as one file: a template with its style and its script, and the policy for them."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rmcheck.report.page.compiled import CompiledTemplates
from rmcheck.report.text import clean


def templates(folder: Path) -> Environment:
    """The templates of a folder: everything escaped, an unknown name is an error."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    decide_code = environment.autoescape, environment.trim_blocks, environment.lstrip_blocks
    environment.bytecode_cache = CompiledTemplates(folder, str(decide_code))
    return environment


def _printable(value: Any) -> Any:
    """What a template prints: text from outside without control characters."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return clean(value)


@cache
def asset(path: Path) -> str:
    """A style or script of the package."""
    return path.read_text(encoding="utf-8")


def filled(environment: Environment, template: str, style: str, script: str, **values: Any) -> str:
    """A page whose template puts style and script into it."""
    page = environment.get_template(template)
    return page.render(values, style=Markup(style), script=Markup(script))


def policy(style: str, script: str, *more: str) -> str:
    """A content security policy with which only this very style and script are used.

    Markup that slipped through would still be inert. `more` are further directives.
    """
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            *more,
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _digest(text: str) -> str:
    """A style or script as a policy names it."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"
