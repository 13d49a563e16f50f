"""A suite: data, and the checks that a reward model must pass on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rmcheck.checks import Check
from rmcheck.data.preferences import PreferenceData


@dataclass(frozen=True, eq=False)
class Suite:
    """A loaded suite file. `lines` are those of the checks; `shown` is the path to print.

    `objective` is that of its checks which name none; their `objective` has it, too.
    """

    name: str
    path: Path
    shown: str
    description: str
    source: str | None
    tags: tuple[str, ...]
    gate: str
    checks: tuple[Check, ...]
    lines: tuple[int, ...]
    data: PreferenceData
    hash: str = field(default="")
    objective: str = ""

    @property
    def bound(self) -> tuple[BoundCheck, ...]:
        """Its checks, each with the suite and its line, in the order of the file."""
        placed = zip(self.checks, self.lines, strict=True)
        return tuple(BoundCheck(self, check, line) for check, line in placed)

    @property
    def comparisons(self) -> int:
        """How many of its required checks compare with a baseline."""
        return sum(bound.check.compares and bound.required for bound in self.bound)

    def data_of(self, check: Check) -> PreferenceData:
        """The data as the check's objective labels them, where the data have such labels."""
        return self.data.by_objective(check.objective or "")

    def gate_of(self, check: Check) -> str:
        """`required` or `advisory`: the check's own gate, or else the suite's."""
        return check.gate or self.gate


@dataclass(frozen=True, eq=False)
class BoundCheck:
    """A check of a suite and the line of the file on which it starts."""

    suite: Suite
    check: Check
    line: int

    @property
    def id(self) -> str:
        """The name of the check in records, reports and messages: `suite::check`."""
        return f"{self.suite.name}::{self.check.label}"

    @property
    def gate(self) -> str:
        """`required` or `advisory`."""
        return self.suite.gate_of(self.check)

    @property
    def required(self) -> bool:
        """Whether a run in which it fails is red."""
        return self.gate == "required"
