"""Check kinds: one file each. The registry finds ours and those of other packages."""

from __future__ import annotations

import inspect
from contextlib import suppress

from rmcheck.checks.check import (
    BASELINE,
    CANDIDATE,
    CannotDecide,
    Changes,
    Check,
    Context,
    Need,
    ScoredPairs,
    SourceRef,
    Trainings,
)
from rmcheck.checks.docstring import described
from rmcheck.registry import BrokenEntryPoint, Registry
from rmcheck.slices.where import Slice


def _accepted(name: str, found: object) -> type[Check]:
    """Return a check class that a suite can use; ValueError says what is wrong with it."""
    if not (isinstance(found, type) and issubclass(found, Check)):
        raise ValueError(
            f"expected a subclass of rmcheck.checks.Check, got {type(found).__name__} {found!r:.80}"
        )
    kind = getattr(found, "kind", None)
    if kind is None:
        raise ValueError(f"class {found.__name__} has no kind; add kind: ClassVar[str] = '{name}'")
    if kind != name:
        raise ValueError(
            f"class {found.__name__}: expected kind = '{name}' as the entry point is named, "
            f"got {kind!r}"
        )
    return found


KINDS: Registry[type[Check]] = Registry(
    {
        "win_rate": "rmcheck.checks.win_rate:WinRate",
        "score_gap": "rmcheck.checks.score_gap:ScoreGap",
        "label_noise": "rmcheck.checks.label_noise:LabelNoise",
        "scale_invariance": "rmcheck.checks.scale_invariance:ScaleInvariance",
        "no_regression": "rmcheck.checks.no_regression:NoRegression",
        "objectives": "rmcheck.checks.objectives:Objectives",
        "trade_off": "rmcheck.checks.trade_off:TradeOff",
        "null_controls": "rmcheck.checks.null_controls:NullControls",
        "length_bias": "rmcheck.checks.length_bias:LengthBias",
        "calibration": "rmcheck.checks.calibration:Calibration",
        "correlation": "rmcheck.checks.correlation:Correlation",
        "agreement": "rmcheck.checks.agreement:Agreement",
        "best_of_n": "rmcheck.checks.best_of_n:BestOfN",
        "ties": "rmcheck.checks.ties:Ties",
        "selection": "rmcheck.checks.selection:Selection",
        "benchmark": "rmcheck.checks.benchmark:Benchmark",
        "order_consistency": "rmcheck.checks.order_consistency:OrderConsistency",
        "invariance": "rmcheck.checks.invariance:Invariance",
        "directional": "rmcheck.checks.directional:Directional",
        "exploit": "rmcheck.checks.exploit:Exploit",
        "adversary": "rmcheck.checks.adversary:Adversary",
    },
    _accepted,
    "rmcheck.checks",
)
"""The kinds of checks, ours and those of other packages."""


def kinds() -> list[str]:
    """The names of every registered kind, ours first."""
    return KINDS.names()


def find(kind: str) -> type[Check] | None:
    """The class of a kind, or None if no kind has that name.

    Raises
    ------
    rmcheck.registry.BrokenEntryPoint
        If another package registers the name and its class cannot be used.
    """
    return KINDS.find(kind)


def about(kind: str) -> str:
    """What a check of this kind asks, in one sentence; empty for an unknown kind."""
    with suppress(BrokenEntryPoint):
        found = find(kind)
        return found.about() if found else ""
    return ""


def manual(kind: str) -> str:
    """The manual page of a kind: its docstring."""
    found = find(kind)
    return inspect.cleandoc(found.__doc__ or "") if found else ""


__all__ = [
    "BASELINE",
    "CANDIDATE",
    "KINDS",
    "CannotDecide",
    "Changes",
    "Check",
    "Context",
    "Need",
    "ScoredPairs",
    "Slice",
    "SourceRef",
    "Trainings",
    "about",
    "described",
    "find",
    "kinds",
    "manual",
]
