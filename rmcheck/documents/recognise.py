"""Whose a YAML file is: asked of every YAML file that pytest meets, so it imports nothing heavy."""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterable
from pathlib import Path

MAX_BYTES = 100_000
"""No suite is larger; of a larger file only this much is looked at."""

# Blanks but no line end before the key: over many empty lines the search would be quadratic.
_LOOKS = re.compile(r"^[ \t\ufeff{]*[\"']?(rmcheck|checks)[\"']?[ \t]*:", re.MULTILINE)


_KEY = re.compile(r"^\ufeff?\{?[ ]?[\"']?(\w{3,12})[\"']?[ \t]*:", re.MULTILINE)
MAX_KEYS = 50
"""Of a file that names neither key, so many are held against a suite's."""

OWN = ("rmcheck", "checks")
HEADER = ("name", "description", "source", "data", "tags", "gate")
NEAR = 5 / 6
"""Of a key of six letters one may be wrong."""


def looks_like_suite(path: Path) -> bool:
    """Whether a YAML file means to be a suite: its text has a suite's own keys, or nearly."""
    text = _beginning(path)
    return bool(_LOOKS.search(text)) or has_suite_keys(_KEY.findall(text))


def has_suite_keys(keys: Iterable[str]) -> bool:
    """Whether keys of a mapping are a suite's, some perhaps misspelt.

    One is nearly `rmcheck` or `checks`; or one is nearly `data`, another of a suite's header as
    well, and none a stranger: other files (recipes too) have such keys, but others beside them.
    """
    given, known = dict.fromkeys(keys), (*OWN, *HEADER)
    if any(key in given for key in OWN):
        return True
    found: set[str] = set()
    strangers = len(given) > MAX_KEYS
    for key in list(given)[:MAX_KEYS]:
        near = difflib.get_close_matches(key.lower(), known, n=1, cutoff=NEAR)
        found.update(near)
        strangers = strangers or not near
    return bool(found & set(OWN)) or ("data" in found and len(found) > 1 and not strangers)


def is_blank(path: Path) -> bool:
    """Whether a YAML file holds nothing, or comments alone."""
    lines = (line.strip() for line in _beginning(path).lstrip("\ufeff").splitlines())
    return all(not line or line.startswith("#") or line in ("---", "...") for line in lines)


def _beginning(path: Path) -> str:
    """The text that a suite would have; empty where the file cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES)
    except OSError:
        return ""
    # No suite is UTF-16, but one that was saved so by mistake is told of.
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if wide else "utf-8", errors="replace")
