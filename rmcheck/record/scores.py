"""The rows of `scores.jsonl`: what a run scored, pair by pair."""

from __future__ import annotations

from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    SerializerFunctionWrapHandler,
    model_serializer,
)


class PairScore(BaseModel):
    """A row of `scores.jsonl`: one pair of one suite, scored. A score file with more columns.

    `objective` names the output of a model with several; rows without one do not have the key.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    id: str
    hash: str
    group: str
    tags: list[str] = Field(default_factory=list)
    chosen: FiniteFloat
    rejected: FiniteFloat
    objective: str = ""

    @model_serializer(mode="wrap")
    def _without_empty(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        row: dict[str, Any] = dump(self)
        if not self.objective:
            del row["objective"]
        return row
