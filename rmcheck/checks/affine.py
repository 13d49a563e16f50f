"""Maps of scores that change no ranking."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AffineMap:
    """r ↦ factor·r + shift with factor > 0: no change of a reward's meaning."""

    factor: float
    shift: float

    def __str__(self) -> str:
        return f"a={self.factor:.6g}, b={self.shift:.6g}"
