"""Whether a YAML file is meant to be a suite; imported with the plugin, so nothing heavy here."""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from rmcheck.documents.regular import regular_bytes

MAX_BYTES = 100_000
"""The largest suite; of a larger file only this much is read."""

# Blanks but no line end before the key: over many empty lines the search would be quadratic.
_LOOKS = re.compile(r"^[ \t{]*[\"']?(rmcheck|checks)[\"']?[ \t]*:", re.MULTILINE)
_KEY = re.compile(r"^\{?[ ]?[\"']?(\w{3,12})[\"']?[ \t]*:", re.MULTILINE)
_UNUSUAL = {ord(char): "\n" for char in "\r\x85\u2028\u2029"} | {
    ord("："): ":",
    ord("\ufeff"): None,
}
"""Line ends and a colon that a damaged file may have."""


_RECIPE = re.compile(r"^[\"']?recipe[\"']?[ \t]*:", re.MULTILINE)
MAX_KEYS = 50
"""At most this many keys of a file are compared with a suite's."""

MOST_NESTED = 100
OWN = ("rmcheck", "checks")
HEADER = ("name", "description", "source", "data", "tags", "gate")
NEAR = 5 / 6
"""Of a key of six letters one may be wrong."""


def looks_like_suite(path: Path) -> bool:
    """Whether a file is meant to be a suite: its top-level keys are a suite's, or nearly.

    The YAML parser finds the keys. Only where it finds no mapping (a damaged file, another
    encoding, a file that was cut off) is the text searched for them.
    """
    text = _beginning(path)
    keys = _top_keys(text)
    if keys is not None:
        return has_suite_keys(keys)
    plain = text.translate(_UNUSUAL)
    return bool(_LOOKS.search(plain)) or has_suite_keys(_KEY.findall(plain))


def has_no_other_keys(path: Path) -> bool:
    """Whether a file is meant to be a suite and has no key that a suite cannot have.

    A run's `results.json` has the key `rmcheck`, but also keys that no suite has.
    """
    keys = _top_keys(_beginning(path))
    near = (difflib.get_close_matches(key.lower(), (*OWN, *HEADER), 1, NEAR) for key in keys or ())
    return looks_like_suite(path) and all(near)


def _top_keys(text: str) -> list[str] | None:
    """The keys of the mapping at the top of each document.

    None if that says nothing: without a mapping, and with keys that are merged into it.
    """
    import yaml  # few runs meet a YAML file

    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    keys: list[str] = []
    depth, is_key, found = 0, True, False
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.NodeEvent):
                if depth == 0:
                    found = found or isinstance(event, yaml.MappingStartEvent)
                    is_key = isinstance(event, yaml.MappingStartEvent)
                elif depth == 1:
                    if is_key and isinstance(event, yaml.ScalarEvent):
                        keys.append(event.value)
                    is_key = not is_key
                depth += isinstance(event, yaml.CollectionStartEvent)
                if depth > MOST_NESTED:
                    return None
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return keys if found and "<<" not in keys else None


def looks_like_recipe(path: Path) -> bool:
    """Whether a YAML file is a recipe: it has the key `recipe` at its top level."""
    return bool(_RECIPE.search(_beginning(path)))


def looks_like_source(path: Path) -> bool:
    """Whether a YAML file is a source file: `source` and `model` are keys at its top level."""
    keys = _top_keys(_beginning(path)) or ()
    return {"source", "model"} <= set(keys) and not set(OWN) & set(keys)


def has_suite_keys(keys: Iterable[str]) -> bool:
    """Whether keys of a mapping are a suite's, some perhaps misspelt.

    One is nearly `rmcheck` or `checks`; or one is nearly `data`, another one nearly a key of a
    suite's header, and no key is foreign: other files (recipes too) have foreign keys as well.
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
    """Whether a YAML file is empty or has only comments."""
    lines = (line.strip() for line in _beginning(path).lstrip("\ufeff").splitlines())
    return all(not line or line.startswith("#") or line in ("---", "...") for line in lines)


def _beginning(path: Path) -> str:
    """The text of the file's beginning; empty where it cannot be read."""
    try:
        raw = regular_bytes(path, MAX_BYTES)
    except OSError:
        return ""
    # Without the zeros, English text in UTF-16 or UTF-32 reads as ASCII, whatever its byte order.
    plain = raw.replace(b"\0", b"")
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        plain = plain.removeprefix(mark)
    return plain.decode("utf-8-sig", errors="replace")
