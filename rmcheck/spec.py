"""How a reward source is named: `KIND:REST`, or a bare name."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LOGIN = re.compile(r"(?<=://)(?:[^/\s@'\"]+|[^/\s@'\":]*:[^\s@'\",]+)@")
"""A login, also one whose password has a slash."""
_SECRET = re.compile(
    r"(?<=[?&,;])(?P<key>[\w-]*(?:key|token|secret|password|passwd|pwd|signature|sig|auth))="
    r"[^&,;\s'\"]+",
    re.IGNORECASE,
)

_NO_VARIABLE = re.compile(
    r"(?<=[,\s'\"]api_key_env=)(?![A-Z_][A-Z0-9_]*(?:[,;\s'\"]|$))[^,;\s'\"]+"
)
"""What was given instead of a variable's name, which may be the key itself."""


def redacted(text: str) -> str:
    """A text without the logins and secrets in its URLs and specs; for whatever is printed or kept.

    >>> redacted("http://me:pw@host/v1?token=abc,profile=vllm")
    'http://***@host/v1?token=***,profile=vllm'
    """
    return _NO_VARIABLE.sub("***", _SECRET.sub(r"\g<key>=***", _LOGIN.sub("***@", text)))


@dataclass(frozen=True)
class Spec:
    """A parsed spec; `kind` is empty where the text has no colon.

    >>> Spec.parse("scores:runs/a:b.jsonl")
    Spec(kind='scores', rest='runs/a:b.jsonl')
    >>> Spec.parse("checkpoints/latest")
    Spec(kind='', rest='checkpoints/latest')
    """

    kind: str
    rest: str

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Split at the first colon; later colons belong to `rest`."""
        kind, colon, rest = text.partition(":")
        return cls(kind, rest) if colon else cls("", text)

    def __str__(self) -> str:
        return f"{self.kind}:{self.rest}" if self.kind else self.rest
