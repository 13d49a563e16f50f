"""Pictures of trials: which changes a heat map shows, and in which order."""

from __future__ import annotations

import numpy as np

from rmcheck.checks.trial_evidence import Words, heat_map
from rmcheck.checks.trials import Trial, Tried


def tried(name: str, share: float, *, n: int, reason: str | None = None) -> Tried:
    groups = [str(row) for row in range(n)]
    trial = Trial(
        name=name,
        families=(),
        rows=np.arange(n),
        credits=np.full(n, share),
        groups=groups,
        moves=np.zeros(n),
        move_groups=groups,
    )
    return Tried(trial=trial, reason=reason)


def test_undecidable_changes_come_last_in_a_heat_map() -> None:
    found = [
        tried("few", 1.0, n=6, reason="too few prompts"),
        tried("low", 0.25, n=20),
        tried("high", 0.5, n=20),
        tried("nowhere", 0.0, n=0, reason="no prompts"),
    ]
    words = Words(share="lost wins", broken="lost wins", moved="shift (sd)")
    (heat,) = heat_map(words, found, [("tag",)] * 20)
    assert heat.rows == ("high", "low", "few")
    assert heat.values == ((0.5,), (0.25,), (1.0,))
