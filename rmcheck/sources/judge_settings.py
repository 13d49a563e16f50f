"""What a spec or a source file says about a judge, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rmcheck.errors import UsageError, did_you_mean
from rmcheck.remote.address import Address
from rmcheck.remote.judge.chat import MAX_TOKENS, Chat
from rmcheck.remote.judge.prompt import MODES, chosen
from rmcheck.remote.secret import Secret
from rmcheck.sources.layout import ASKED, parsed
from rmcheck.sources.served_settings import MESSAGES, ServedSettings, values

JUDGE = "judge"
KEYS = ("model", "revision", "api_key_env", "timeout", "retry_for", "concurrency")
"""The settings that it shares with other servers."""
OWN = ("mode", "prompt", "logprobs", "max_tokens")
LOGPROBS: Mapping[str, bool | None] = {"auto": None, "true": True, "false": False}
PARTS = ("/v1/chat/completions", "/v1")
"""How the URL of such an endpoint often ends; it is the same server without it."""


def settings_of(
    spec: str, url: str, given: Mapping[str, Any], root: Path, said_in: str = ASKED
) -> ServedSettings:
    """The settings that were given, by key; values may be texts, as a spec has them.

    Raises
    ------
    UsageError
        With every mistake among them.
    """
    if url.partition("://")[0] not in ("http", "https"):
        raise UsageError(
            f"{spec}: expected the URL of a chat endpoint, such as "
            f"judge:http://HOST:8000,model=NAME, got {url!r}"
        )
    address = Address.parse(_server(url))
    mistakes: list[str] = []
    found: dict[str, Any] = {}
    try:
        found = values(spec, given, KEYS, OWN, root)
    except UsageError as error:
        mistakes.append(str(error.args[0]).removeprefix(f"{spec}: "))
    mode = str(given.get("mode", MODES[0]))
    if mode not in MODES:
        mistakes.append(f"mode: got {mode!r}; {did_you_mean(mode, MODES)}")
    logprobs = str(given.get("logprobs", "auto")).lower()
    if logprobs not in LOGPROBS:
        mistakes.append(f"logprobs: got {logprobs!r}; {did_you_mean(logprobs, LOGPROBS)}")
    most = str(given.get("max_tokens", MAX_TOKENS))
    if not most.isdecimal() or int(most) < 1:
        mistakes.append(f"max_tokens: expected a whole number of at least 1, got {most!r}")
    prompt = None
    for known in MODES:
        if known == mode:
            try:
                prompt = chosen(str(given.get("prompt", "")), root, known, spec)
            except UsageError as error:
                mistakes.append(str(error.args[0]).removeprefix(f"{spec}: "))
    if mistakes or prompt is None:
        raise UsageError(f"{spec}: {'; '.join(mistakes)}")
    variable = found.pop("api_key_env", "")
    return ServedSettings(
        spec,
        address,
        JUDGE,
        Chat(prompt, int(most), LOGPROBS[logprobs]),
        template=MESSAGES,
        secret=Secret.of(variable, spec) if variable else Secret(),
        said_in=said_in,
        **found,
    )


def from_spec(url: str, options: str, spec: str, root: Path) -> ServedSettings:
    """The settings of `judge:http://HOST:PORT,model=NAME,…`.

    Raises
    ------
    UsageError
        With every mistake among them.
    """
    return settings_of(spec, url, parsed(options, spec), root)


def _server(url: str) -> str:
    """The server of a chat endpoint's URL.

    >>> _server("https://api.test/v1/")
    'https://api.test'
    """
    bare = url.rstrip("/")
    for part in PARTS:
        bare = bare.removesuffix(part)
    return bare
