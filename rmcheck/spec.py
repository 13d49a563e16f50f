"""How a reward source is named: `KIND:REST`, or a bare name."""

from __future__ import annotations

from dataclasses import dataclass


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
        """Split at the first colon; what follows it may hold others."""
        kind, colon, rest = text.partition(":")
        return cls(kind, rest) if colon else cls("", text)

    def __str__(self) -> str:
        return f"{self.kind}:{self.rest}" if self.kind else self.rest
