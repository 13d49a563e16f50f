"""Check kinds: one file each. The registry finds ours and those of other packages."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from collections.abc import Mapping

from rmcheck.checks.check import (
    BASELINE,
    CANDIDATE,
    CannotDecide,
    Changes,
    Check,
    Context,
    Need,
    ScoredPairs,
    Slice,
    SourceRef,
)
from rmcheck.checks.docstring import described

ENTRY_POINTS = "rmcheck.checks"
_KINDS: Mapping[str, tuple[str, str]] = {
    "win_rate": ("rmcheck.checks.win_rate", "WinRate"),
    "score_gap": ("rmcheck.checks.score_gap", "ScoreGap"),
    "label_noise": ("rmcheck.checks.label_noise", "LabelNoise"),
    "scale_invariance": ("rmcheck.checks.scale_invariance", "ScaleInvariance"),
    "no_regression": ("rmcheck.checks.no_regression", "NoRegression"),
    "null_controls": ("rmcheck.checks.null_controls", "NullControls"),
    "length_bias": ("rmcheck.checks.length_bias", "LengthBias"),
    "calibration": ("rmcheck.checks.calibration", "Calibration"),
    "correlation": ("rmcheck.checks.correlation", "Correlation"),
    "agreement": ("rmcheck.checks.agreement", "Agreement"),
    "best_of_n": ("rmcheck.checks.best_of_n", "BestOfN"),
    "ties": ("rmcheck.checks.ties", "Ties"),
}


def kinds() -> list[str]:
    """The names of every registered kind, ours first."""
    theirs = {point.name for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    return [*_KINDS, *sorted(theirs - set(_KINDS))]


def find(kind: str) -> type[Check] | None:
    """The class of a kind, or None when there is none of that name."""
    if kind in _KINDS:
        module, name = _KINDS[kind]
        found: type[Check] = getattr(importlib.import_module(module), name)
        return found
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        if point.name == kind:
            loaded: type[Check] = point.load()
            return loaded
    return None


def manual(kind: str) -> str:
    """The manual page of a kind: its docstring."""
    found = find(kind)
    return inspect.cleandoc(found.__doc__ or "") if found else ""


__all__ = [
    "BASELINE",
    "CANDIDATE",
    "CannotDecide",
    "Changes",
    "Check",
    "Context",
    "Need",
    "ScoredPairs",
    "Slice",
    "SourceRef",
    "described",
    "find",
    "kinds",
    "manual",
]
