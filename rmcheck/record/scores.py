"""The rows of `scores.jsonl`: what a run scored, pair by pair."""

from __future__ import annotations

from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)


class PairScore(BaseModel):
    """A row of `scores.jsonl`: one pair of one suite, scored. A score file with more columns.

    `objective` names the output of a model with several; rows without one do not have the key.
    `seeds` has the scores of every training of a recipe that was trained with several seeds: by
    seed, [chosen, rejected]. Its first entry is the training whose scores `chosen` and `rejected`
    are; rows of one training do not have the key.
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
    seeds: dict[str, tuple[FiniteFloat, FiniteFloat]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _first_is_own(self) -> Self:
        if self.seeds:
            wrong = [seed for seed in self.seeds if not (seed.isascii() and seed.isdecimal())]
            if wrong:
                raise ValueError(f"seeds: expected whole numbers as keys, got {wrong[0]!r}")
            first, scores = next(iter(self.seeds.items()))
            if scores != (self.chosen, self.rejected):
                raise ValueError(
                    f"seeds: the scores of seed {first}, the first one, are not those of "
                    "chosen and rejected"
                )
        return self

    @model_serializer(mode="wrap")
    def _without_empty(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        row: dict[str, Any] = dump(self)
        if not self.objective:
            del row["objective"]
        if not self.seeds:
            del row["seeds"]
        return row
