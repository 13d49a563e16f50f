"""The key `loss` of a recipe file, and the keys that do not go with every loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rmcheck.documents import located
from rmcheck.documents.located import Located
from rmcheck.errors import Problem, ProblemsFound, did_you_mean
from rmcheck.registry import BrokenEntryPoint
from rmcheck.training.distil_key import distil_misfits
from rmcheck.training.losses import LOSSES
from rmcheck.training.losses.asked import Asked, asked_by, losses_with
from rmcheck.wording import listed


def known_loss(value: str) -> str:
    """The name of a loss; raises ValueError for an unknown or a broken one."""
    try:
        found = LOSSES.find(value)
    except BrokenEntryPoint as error:
        raise ValueError(f"loss '{value}' cannot be used: {error}") from None
    if found is None:
        raise ValueError(did_you_mean(value, LOSSES.names()))
    return value


def asked_of(name: str) -> Asked:
    """What the loss of that name asks for; of an unknown one, what Bradley-Terry does."""
    try:
        found = LOSSES.find(name)
    except BrokenEntryPoint:
        found = None
    return Asked() if found is None else asked_by(found)


def separated(document: Located) -> tuple[Located, Mapping[str, Any], list[Problem]]:
    """A recipe file with only the name at `loss`; the loss's settings; and mistakes in them."""
    given = document.value.get("loss")
    if not isinstance(given, dict):
        return document, {}, []
    if "name" not in given:
        said = "recipe: loss: the key 'name' is missing"
        nameless = replace(document, value={**document.value, "loss": "bradley_terry"})
        return nameless, {}, [document.problem(("loss",), said)]
    name = given["name"]
    places = {**document.places, ("loss",): document.place(("loss", "name"))}
    plain = replace(document, value={**document.value, "loss": name}, places=places)
    if name not in LOSSES.names():
        return plain, {}, []
    asked = asked_of(name)
    try:
        found = located.validate(asked.model(name), document, ("loss",), f"recipe: loss '{name}'")
    except ProblemsFound as error:
        return plain, {}, list(error.problems)
    settings = {key: getattr(found, key) for key in asked.settings if key in given}
    return plain, settings, []


def misfits(values: Mapping[str, Any], document: Located) -> list[Problem]:
    """Keys of a recipe that its loss does not go with.

    Parameters
    ----------
    values
        The recipe's fields by their names.
    """
    used = _used(values)
    name = ", ".join(used)
    problems = []
    if values["margin"] and not any(asked_of(each).margin for each in used):
        remedy = f"remove it, or use one of {listed(losses_with(margin=True))}"
        said = f"recipe: margin={values['margin']:g} has no effect on loss '{name}'; {remedy}"
        problems.append(document.problem(("margin",), said))
    asked = asked_of(values["loss"])
    if values["objectives"]:
        problems += _misfits_of_objectives(values, document)
    elif values["augment"] is not None and asked.sets:
        said = f"recipe: augment copies pairs, but loss '{name}' trains on response sets; "
        problems.append(document.problem(("augment",), f"{said}remove it, or use another loss"))
    fixed = [each for each in used if each in ("regression", "contrastive")]
    if values["centring"] and fixed:
        name = fixed[0]
        said = (
            f"recipe: centring draws rewards to 0, but loss '{name}' gives each response a reward "
            "of its own; remove it, or use another loss"
        )
        problems.append(document.problem(("centring",), said))
    if values["early_stopping"] is not None and not values["held_out"]:
        said = "recipe: early_stopping needs held-out pairs, but held_out is 0; use more, say 0.05"
        problems.append(document.problem(("early_stopping",), said))
    stopping = values["early_stopping"]
    if stopping is not None and stopping.patience >= stopping.measurements:
        said = (
            f"recipe: patience={stopping.patience} is never reached with measurements="
            f"{stopping.measurements}; use at most {stopping.measurements - 1}, or measure more "
            "often"
        )
        problems.append(document.problem(("early_stopping", "patience"), said))
    problems += distil_misfits(values, document, sets=asked.sets)
    return problems


def _used(values: Mapping[str, Any]) -> list[str]:
    """The names of the losses that a recipe trains with, each once."""
    heads = values["objectives"].values()
    named = (head.loss_of(values["loss"], {}).name for head in heads)
    return list(dict.fromkeys(named)) or [values["loss"]]


def _misfits_of_objectives(values: Mapping[str, Any], document: Located) -> list[Problem]:
    """Keys of a recipe that do not go with its objectives."""
    problems = []
    if values["augment"] is not None:
        said = (
            "recipe: augment makes copies that keep the pair's own label, and objectives have "
            "labels of their own; remove one of the two keys"
        )
        problems.append(document.problem(("augment",), said))
    if values["distil"] is not None:
        said = (
            "recipe: distil trains one reward on a teacher's, and objectives train several on "
            "labels; remove one of the two keys"
        )
        problems.append(document.problem(("distil",), said))
    heads = values["objectives"]
    if asked_of(values["loss"]).sets and any(head.loss is None for head in heads.values()):
        said = (
            f"recipe: loss '{values['loss']}' trains on response sets, and objectives label pairs; "
            f"use one of {listed(losses_with(sets=False))}"
        )
        problems.append(document.problem(("loss",), said))
    if not any(head.reward for head in heads.values()):
        said = (
            "recipe: objectives: every 'reward' is 0, so all scores would be 0; give one a weight"
        )
        problems.append(document.problem(("objectives",), said))
    return problems
