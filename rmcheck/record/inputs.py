"""What a run's verdicts depend on besides its model, its data and its suites."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class InputsRecord(BaseModel):
    """How a run was asked for, and the versions that it used.

    `comparisons` is m, the number of required comparisons that alpha is divided by. `device`,
    `examples`, `seeds` and `early_stop` are the options of that name, None where none was given.
    `packages` has the version of every installed package that scores or decides, also of those
    that add kinds of checks and sources.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    comparisons: int = 1
    device: str | None = None
    examples: int | None = None
    seeds: int = 1
    early_stop: bool | None = None
    packages: dict[str, str] = Field(default_factory=dict)
