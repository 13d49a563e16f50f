"""What a spec or a source file says about a served model, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rmcheck.errors import UsageError, did_you_mean
from rmcheck.remote import PROFILES, profile_class
from rmcheck.remote.address import Address
from rmcheck.remote.profile import Profile
from rmcheck.remote.secret import Secret
from rmcheck.sources.layout import ASKED, is_template_file, parsed

MESSAGES = "messages"
"""The template of a server that formats conversations itself."""
TEMPLATES = ("default", "chat", "raw", MESSAGES)
ENDS = ("none", "tokenizer", "template", "eos")
KEYS = (
    "profile",
    "model",
    "template",
    "tokenizer",
    "end",
    "max_length",
    "objective",
    "revision",
    "api_key_env",
    "timeout",
    "retry_for",
    "concurrency",
    "batch",
)
"""The settings of every profile, in the order in which they are shown."""


@dataclass(frozen=True)
class ServedSettings:
    """What the user says about a served model.

    Attributes
    ----------
    address, profile
        The server, and how it is asked.
    model
        The model's name on the server; empty: the one that it serves.
    template, tokenizer, end, max_length, objective
        How a dialogue becomes a text, and which number is the reward; empty or None: not said.
    revision
        The weights' revision, for a server that does not tell it.
    secret
        The key of the server.
    timeout, retry_for
        Seconds for one request, and for which a failing one is repeated.
    concurrency, batch
        Requests at once and texts in a request, at most; None: not said.
    said_in
        The spec, or the name of the source file.
    """

    spec: str
    address: Address
    profile_name: str
    profile: Profile
    model: str = ""
    template: str = ""
    tokenizer: str = ""
    end: str = ""
    max_length: int | None = None
    objective: str = ""
    revision: str = ""
    secret: Secret = field(default_factory=Secret)
    timeout: float = 120.0
    retry_for: float = 300.0
    concurrency: int | None = None
    batch: int | None = None
    said_in: str = ASKED


def settings_of(
    spec: str, url: str, given: Mapping[str, Any], root: Path, said_in: str = ASKED
) -> ServedSettings:
    """The settings that were given, by key; values may be texts, as a spec has them.

    Raises
    ------
    UsageError
        With every mistake among them.
    """
    address = Address.parse(url)
    name = str(given.get("profile", ""))
    if not name:
        allowed = ", ".join(PROFILES.names())
        raise UsageError(f"{spec}: profile is missing; say what the server is: profile={allowed}")
    kind = profile_class(name, spec)
    found = values(spec, given, KEYS, ("profile", *kind.keys), root)
    variable = found.pop("api_key_env", "")
    return ServedSettings(
        spec,
        address,
        name,
        kind.made(spec, {key: given[key] for key in kind.keys if key in given}),
        secret=Secret.of(variable, spec) if variable else Secret(),
        said_in=said_in,
        **found,
    )


def values(
    spec: str, given: Mapping[str, Any], keys: Sequence[str], own: Sequence[str], root: Path
) -> dict[str, Any]:
    """The values of those of `KEYS` that are allowed; `own` are read elsewhere.

    Raises
    ------
    UsageError
        With every mistake among them.
    """
    mistakes: list[str] = []
    found: dict[str, Any] = {}
    for key, value in given.items():
        if key in own:
            continue
        if key not in keys:
            remedy = did_you_mean(key, [*keys, *(each for each in own if each not in keys)])
            mistakes.append(f"unknown setting {key!r}; {remedy}")
            continue
        try:
            found[key] = _READ[key](value, root)
        except ValueError as error:
            mistakes.append(f"{key}: {error}")
    if mistakes:
        raise UsageError(f"{spec}: {'; '.join(mistakes)}")
    return found


def from_spec(url: str, options: str, spec: str, root: Path) -> ServedSettings:
    """The settings of `http://HOST:PORT,profile=NAME,…`.

    Raises
    ------
    UsageError
        With every mistake among them.
    """
    return settings_of(spec, url, parsed(options, spec), root)


def _text(value: Any, _: Path) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("expected a value, got nothing")
    return value


def _template(value: Any, root: Path) -> str:
    text = _text(value, root)
    if text in TEMPLATES or is_template_file(text, root):
        return text
    raise ValueError(f"got {text!r}; {did_you_mean(text, TEMPLATES)}, or the path of a Jinja file")


def _end(value: Any, _: Path) -> str:
    if value not in ENDS:
        raise ValueError(f"got {value!r}; {did_you_mean(str(value), ENDS)}")
    return str(value)


def _count(value: Any, _: Path) -> int:
    if not str(value).isdecimal() or int(value) < 1:
        raise ValueError(f"expected a whole number of at least 1, got {value!r}")
    return int(value)


def _seconds(value: Any, _: Path) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 86400:
        raise ValueError(f"expected a number of seconds, got {value!r}")
    return seconds


_READ: Mapping[str, Callable[[Any, Path], Any]] = {
    "model": _text,
    "template": _template,
    "tokenizer": _text,
    "end": _end,
    "max_length": _count,
    "objective": _text,
    "revision": _text,
    "api_key_env": _text,
    "timeout": _seconds,
    "retry_for": _seconds,
    "concurrency": _count,
    "batch": _count,
}
