"""The key `objectives` of a recipe: a head for each, with the labels, loss and weights it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

from annotated_types import Gt, MinLen
from pydantic import AfterValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from rmcheck.errors import did_you_mean
from rmcheck.training.loss_key import asked_of, known_loss
from rmcheck.training.losses.asked import Asked, losses_with
from rmcheck.training.settings import CONFIG
from rmcheck.wording import listed

PAIR = "pair"
"""What `labels` is where an objective takes the pair's own label, ratings and confidence."""

LOSS_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        {"type": "null"},
    ]
}


class LossOf(NamedTuple):
    """A loss by its name, with the settings that were given to it."""

    name: str
    settings: Mapping[str, Any]

    @property
    def asked(self) -> Asked:
        """What it asks for."""
        return asked_of(self.name)


def _loss(value: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    """The key `loss` of an objective, checked with its settings."""
    if value is None:
        return None
    name = value if isinstance(value, str) else value.get("name")
    if not isinstance(name, str):
        raise ValueError("the key 'name' is missing")
    known_loss(name)
    asked = asked_of(name)
    if asked.sets:
        remedy = listed(losses_with(sets=False))
        raise ValueError(f"'{name}' trains on response sets, not on pairs; use one of {remedy}")
    if isinstance(value, dict):
        unknown = [key for key in value if key != "name" and key not in asked.settings]
        if unknown:
            raise ValueError(
                f"loss '{name}': unknown key '{unknown[0][:80]}', "
                f"{did_you_mean(unknown[0], ['name', *asked.settings])}"
            )
        try:
            asked.model(name).model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"loss '{name}': {place}: {first['msg']}") from None
    return value


@dataclass(frozen=True, kw_only=True)
class Head:
    """An objective of a recipe: one output of the head.

    Parameters
    ----------
    labels
        The name of its labels in the data's `objectives`; `pair` for the pair's own label. By
        default the objective's own name.
    loss
        Its loss, as the recipe's key `loss`; by default the recipe's.
    weight
        Its weight in the training loss.
    reward
        Its weight in the reward, unless a spec or a source file says otherwise; not part of the
        training.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG

    labels: Annotated[str, MinLen(1)] | None = None
    loss: Annotated[
        str | dict[str, Any] | None, AfterValidator(_loss), WithJsonSchema(LOSS_SCHEMA)
    ] = None
    weight: Annotated[float, Gt(0)] = 1.0
    reward: float = 1.0

    def loss_of(self, name: str, settings: Mapping[str, Any]) -> LossOf:
        """Its loss; `name` and `settings` are the recipe's, which it has by default."""
        if self.loss is None:
            return LossOf(name, settings)
        if isinstance(self.loss, str):
            return LossOf(self.loss, {})
        given = {key: value for key, value in self.loss.items() if key != "name"}
        return LossOf(str(self.loss["name"]), given)


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=80)]
Heads = Mapping[Name, Head]


def decisive(heads: Heads, loss: str, settings: Mapping[str, Any]) -> list[list[object]]:
    """What of the objectives decides the trained weights, in the order of the heads.

    A loss that is written out is the same as one left to the recipe's key.
    """
    found: list[list[object]] = []
    for name, head in heads.items():
        own = head.loss_of(loss, settings)
        defaults = {key: default for key, (_, default) in own.asked.settings.items()}
        given = {key: each for key, each in own.settings.items() if each != defaults.get(key)}
        found.append([name, head.labels or name, own.name, given, head.weight])
    return found


def reward_weights(heads: Heads) -> dict[str, float]:
    """The weight of each objective in the reward, by the recipe."""
    return {name: head.reward for name, head in heads.items()}
