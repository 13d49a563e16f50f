"""What a server said when it refused a request, as one short line."""

from __future__ import annotations

import http
import json
import re
from typing import Any

from rmcheck.remote.connection import Reply
from rmcheck.remote.secret import Secret

MOST = 300
KEYS = ("message", "detail", "error", "msg", "errors", "title")
"""Where servers put their message, in order of preference."""


def words(reply: Reply, secret: Secret) -> str:
    """The server's message in an answer; its beginning where it has another form.

    >>> words(Reply(422, {}, b'{"error": {"message": "batch size 64 > 32"}}'), Secret())
    'batch size 64 > 32'
    """
    text = reply.body[:65536].decode("utf-8", "replace")
    try:
        found = _message(json.loads(text), depth=0)
    except (ValueError, RecursionError):
        found = _page(text)
    flat = " ".join(secret.removed(found).split())
    return flat if len(flat) <= MOST else f"{flat[: MOST - 1]}…"


def status(reply: Reply) -> str:
    """A status in words.

    >>> status(Reply(503, {}, b""))
    '503 Service Unavailable'
    """
    try:
        return f"{reply.status} {http.HTTPStatus(reply.status).phrase}"
    except ValueError:
        return str(reply.status)


def _message(value: Any, depth: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and depth < 5:
        for key in KEYS:
            if value.get(key):
                return _message(value[key], depth + 1)
    if isinstance(value, list) and value and depth < 5:
        first = value[0]
        place = ".".join(map(str, first.get("loc", []))) if isinstance(first, dict) else ""
        return f"{place}: {_message(first, depth + 1)}" if place else _message(first, depth + 1)
    return json.dumps(value)


def _page(text: str) -> str:
    """The title of an HTML page, or the text as it is."""
    if "<html" not in text[:1000].lower() and "<!doctype" not in text[:100].lower():
        return text
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    return f"an HTML page{f' ({title[1].strip()})' if title else ''}"
