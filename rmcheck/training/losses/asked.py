"""What a loss asks for, read from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, create_model

from rmcheck.errors import TrainingError
from rmcheck.training.losses import LOSSES, Loss

COLUMNS = ("ratings", "confidence")
"""Columns of the data that a loss may ask for."""


@dataclass(frozen=True)
class Asked:
    """What a loss asks for.

    Attributes
    ----------
    sets
        It is a loss of response sets, not of pairs.
    margin
        It takes the recipe's margin off the difference.
    columns
        Which of `COLUMNS` each pair must have.
    settings
        The type (with its bounds) and the default of each setting.
    """

    sets: bool = False
    margin: bool = True
    columns: tuple[str, ...] = ()
    settings: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    def model(self, name: str) -> type[BaseModel]:
        """A model of the key `loss` of a recipe file, if it is a mapping."""
        keys: dict[str, Any] = {"name": (Literal[name], ...), **self.settings}
        forbid = ConfigDict(extra="forbid", allow_inf_nan=False)
        return create_model("Loss", __config__=forbid, **keys)


def asked_by(loss: Loss) -> Asked:
    """What a loss asks for; of a callable without a signature, what Bradley-Terry does."""
    try:
        found = inspect.signature(loss).parameters.values()
    except (TypeError, ValueError):
        return Asked()
    leading = [each for each in found if each.kind <= each.POSITIONAL_OR_KEYWORD]
    apart = [each for each in found if each.kind == each.KEYWORD_ONLY]
    sets = bool(leading) and leading[0].name == "rewards"
    hints = _hints(loss)
    return Asked(
        sets=sets,
        margin=not sets and len(leading) > 2 and not leading[2].name.startswith("_"),
        columns=tuple(each.name for each in apart if each.default is each.empty),
        settings={
            each.name: (hints.get(each.name, type(each.default)), each.default)
            for each in apart
            if each.default is not each.empty
        },
    )


def losses_with(**wanted: object) -> list[str]:
    """Names of our losses whose `Asked` has these values, for remedies."""
    ours = {name: asked_by(loss) for name in LOSSES.ours if (loss := LOSSES.find(name))}
    return [
        name
        for name, asked in ours.items()
        if all(getattr(asked, key) == value for key, value in wanted.items())
    ]


def _hints(loss: Loss) -> Mapping[str, Any]:
    try:
        return get_type_hints(loss, localns={"Tensor": Any}, include_extras=True)
    except Exception:  # names of another package that are imported for type checkers only
        return {}


def refuse_shape(losses: Any, count: int, kind: str, name: str) -> None:
    """Raise TrainingError unless the loss `name` gave one number for each of `count` examples."""
    if losses.shape != (count,):
        raise TrainingError(
            f"loss '{name}': expected a loss for each of {count} {kind}, got shape "
            f"{tuple(losses.shape)}"
        )
