"""What a check concludes: an estimate, a decision, an outcome, and the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rmcheck.picture import AnyPicture, Picture

Decision = Literal["pass", "fail", "inconclusive"]
"""What the statistics say."""

Outcome = Literal["pass", "fail"]
"""What the policy makes of a decision; the colour of the test."""

State = Literal["identical", "improved", "non_inferior", "regressed", "inconclusive"]
"""The result of a comparison with a baseline."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its uncertainty.

    `low` and `high` bound the two-sided interval at `level`; `method` names how it was made
    (`wilson`, `wilson-neff`, `newcombe-neff`, `bootstrap`, ...); `n` counts pairs and
    `n_groups` the groups (prompts) that they fall into.
    """

    value: float
    low: float
    high: float
    level: float
    method: str
    n: int
    n_groups: int


@dataclass(frozen=True, kw_only=True)
class Table:
    """A small table of plain values beside a verdict: `rows` are as long as `columns`."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Why a verdict came out so: charts, tables, the ids of pairs to look at, remarks."""

    pictures: tuple[AnyPicture, ...] = ()
    tables: tuple[Table, ...] = ()
    pairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A check's conclusion.

    `decision` is what the statistics say, `outcome` what the policy makes of it; `weak` marks an
    inconclusive decision that the policy let through or stopped. `criterion` repeats the YAML keys
    that decided. `detectable` is the smallest drop that this check would have caught (None where it
    has no meaning). `p_value` and `adjusted_p` stand for comparisons and tests.
    """

    decision: Decision
    outcome: Outcome
    message: str
    estimate: Estimate | None = None
    criterion: Mapping[str, Any] = field(default_factory=dict)
    state: State | None = None
    weak: bool = False
    p_value: float | None = None
    adjusted_p: float | None = None
    detectable: float | None = None
    signature: str = ""
    evidence: Evidence = field(default_factory=Evidence)


__all__ = [
    "Decision",
    "Estimate",
    "Evidence",
    "Outcome",
    "Picture",
    "State",
    "Table",
    "Verdict",
]
