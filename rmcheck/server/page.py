"""The page that compares responses, and the page of all requests: each one file without links out.

They have the report's colours. The second one is written from the OpenAPI description, since the
usual pages for it load scripts from other servers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from markupsafe import Markup

import rmcheck.report.page
from rmcheck.report.page.document import asset, filled, policy, templates

_TEMPLATES = Path(__file__).parent / "templates"
_REPORT = Path(rmcheck.report.page.__file__).parent / "templates"
_SCRIPTS = ("drawing.js", "compare.js")  # the second needs the first


def router() -> APIRouter:
    """`/` and `/docs`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def compare() -> HTMLResponse:
        return _page("compare.html.j2", _SCRIPTS)

    @routes.get("/docs")
    async def docs(request: Request) -> HTMLResponse:
        described = request.app.openapi()
        about = str(described["info"]["description"]).split("\n\n")
        return _page("requests.html.j2", requests=list(requests(described)), about=about)

    return routes


def _page(template: str, scripts: tuple[str, ...] = (), **values: Any) -> HTMLResponse:
    """A page that may run its own script only, and ask its own server only."""
    ours = (_REPORT / "report.css", _REPORT / "narrow.css", _TEMPLATES / "compare.css")
    style = "".join(map(asset, ours))
    script = "".join(asset(_TEMPLATES / name) for name in scripts)
    text = filled(_environment(), template, style, script, **values)
    more = ("connect-src 'self'", "img-src data:", "frame-ancestors 'none'")
    return HTMLResponse(text, headers={"Content-Security-Policy": policy(style, script, *more)})


@cache
def _environment() -> Environment:
    environment = templates(_TEMPLATES)
    environment.filters["marked"] = _marked
    return environment


@dataclass(frozen=True)
class Key:
    """A key of a body: its name, what it may be, and what it means."""

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True)
class Body:
    """One form that the body of a request may have."""

    name: str
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Described:
    """A request for the page."""

    method: str
    path: str
    paragraphs: tuple[str, ...]
    bodies: tuple[Body, ...]
    answers: str


def requests(described: Mapping[str, Any]) -> Iterator[Described]:
    """All requests of an OpenAPI description, in its order."""
    for path, methods in described["paths"].items():
        for method, each in methods.items():
            content = each.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            forms = schema.get("oneOf") or schema.get("anyOf") or ([schema] if schema else [])
            answers = [
                f"{status}: {answer['description']}" for status, answer in each["responses"].items()
            ]
            paragraphs = str(each.get("description", "")).split("\n\n")
            yield Described(
                method.upper(),
                path,
                tuple(" ".join(text.split()) for text in paragraphs if text),
                tuple(_body(form, described) for form in forms),
                "; ".join(answers),
            )


def _body(form: Mapping[str, Any], described: Mapping[str, Any]) -> Body:
    schema = _found(form, described)
    wanted = schema.get("required", ())
    keys = [
        Key(
            name,
            _kind(value, described),
            " ".join(
                [
                    *(["Required."] if name in wanted else []),
                    *([text] if (text := value.get("description", "")) else []),
                    *([f"Default: {_shown(value['default'])}."] if "default" in value else []),
                ]
            ),
        )
        for name, value in schema.get("properties", {}).items()
    ]
    return Body(str(schema.get("title", "")), tuple(keys))


def _found(schema: Mapping[str, Any], described: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).removeprefix("#/components/schemas/")
    found: Mapping[str, Any] = described["components"]["schemas"][name] if name else schema
    return found


def _kind(schema: Mapping[str, Any], described: Mapping[str, Any]) -> str:
    """What a value may be, in words.

    >>> _kind({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}]}, {})
    'text, or list of (whole number)'
    """
    if "$ref" in schema:
        return str(_found(schema, described).get("title", "object")).lower()
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return ", or ".join(dict.fromkeys(_kind(one, described) for one in several))
    if "enum" in schema:
        return ", or ".join(_shown(one) for one in schema["enum"])
    if schema.get("type") == "array":
        return f"list of ({_kind(schema.get('items', {}), described)})"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false"}
    kind = str(schema.get("type", "any"))
    return names.get(kind, kind)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _marked(text: str) -> Markup:
    """A text in which backticks mark code, as HTML."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part
        for place, part in enumerate(parts)
    )
