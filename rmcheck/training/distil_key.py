"""The key `distil` of a recipe: a teacher, and how the student learns from its margins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Lt, MinLen
from pydantic import BeforeValidator, ConfigDict

from rmcheck.documents.located import Located
from rmcheck.errors import Problem
from rmcheck.training.losses.asked import losses_with
from rmcheck.wording import listed

_Pattern = Annotated[str, MinLen(1)]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_Patterns = Annotated[
    tuple[_Pattern, ...],
    BeforeValidator(_listed, json_schema_input_type=_Pattern | list[_Pattern]),
]


@dataclass(frozen=True, kw_only=True)
class Distil:
    """A teacher whose margins the student is trained to have.

    Parameters
    ----------
    teacher
        Any reward source as `--rm` takes it; its paths are relative to the project's root.
    data
        More prompts with responses, besides the recipe's `data`: files relative to the recipe.
        They need no labels; labels in them are ignored.
    scale
        The teacher's margins are divided by this number; `auto` makes them 1 on the root mean
        square.
    weight
        The share of the loss that the labels of the recipe's `data` have; 0 ignores them.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    teacher: Annotated[str, MinLen(1)]
    data: _Patterns = ()
    scale: Annotated[float, Gt(0)] | Literal["auto"] = "auto"
    weight: Annotated[float, Ge(0), Lt(1)] = 0.0


def distil_misfits(
    values: Mapping[str, Any], document: Located, *, sets: bool
) -> Iterator[Problem]:
    """Keys of a recipe that do not go with its `distil`.

    Parameters
    ----------
    values
        The recipe's fields by their names.
    sets
        Whether its loss is one of response sets.
    """
    distil: Distil | None = values["distil"]
    if distil is None:
        return
    if values["objectives"]:
        said = "recipe: objectives have labels, and a teacher has one score for each response; "
        yield document.problem(("objectives",), f"{said}remove it, or remove distil")
    if values["where"] is not None:
        said = "recipe: where selects labelled pairs, and a teacher needs no labels; "
        yield document.problem(("where",), f"{said}remove it, or remove distil")
    if values["augment"] is not None:
        said = "recipe: augment copies pairs with their labels, which a teacher does not know; "
        yield document.problem(("augment",), f"{said}remove it, or remove distil")
    if distil.weight:
        if sets:
            said = (
                f"recipe: distil.weight mixes in pairs, but loss '{values['loss']}' trains on "
                f"response sets; use one of {listed(losses_with(sets=False))}"
            )
            yield document.problem(("loss",), said)
        return
    remedy = "give the labels a weight (distil: {weight: 0.5}), or remove it"
    used = {
        "loss": "loss" in document.value,
        "margin": bool(values["margin"]),
        "label_noise": bool(values["label_noise"].rate),
    }
    for key, given in used.items():
        if given:
            said = f"recipe: {key} has no effect, because distil ignores the labels; {remedy}"
            yield document.problem((key,), said)
