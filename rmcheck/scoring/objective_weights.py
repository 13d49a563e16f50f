"""The weights of an objective: one output of a head, or a weighted sum of several."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from rmcheck.errors import SourceError, UsageError, did_you_mean

_TERM = re.compile(r"(?:(?P<weight>[-+]?\d+(?:\.\d+)?(?:e-\d+)?)\*)?(?P<name>[^*]+)")


def weights_of(objective: str, names: Mapping[int, str], model: str) -> list[float]:
    """The weight of each output of a head, in its order.

    Parameters
    ----------
    objective
        A name (`helpful`), or a weighted sum of names (`0.7*helpful+0.3*harmless`).
    names
        The names of the outputs by their place; `id2label` of a configuration.
    model
        The model's name, for messages.

    Raises
    ------
    SourceError
        For a name that the model does not have, a name given twice, and what is not a sum.

    >>> weights_of("0.5*a+2*c", {0: "a", 1: "b", 2: "c"}, "m")
    [0.5, 0.0, 2.0]
    """
    places = {name: place for place, name in names.items()}
    weights = [0.0] * len(places)
    given: set[str] = set()
    whole = [objective] if objective in places else objective.split("+")
    for term in whole:
        found = _TERM.fullmatch(term.strip())
        name = found["name"].strip() if found else term
        if len(places) == 1 and name not in places:
            raise SourceError(
                f"{model}: objective {name!r}: the model has one output; remove the objective"
            )
        if name not in places:
            raise SourceError(f"{model}: objective {name!r}: {did_you_mean(name, places)}")
        if name in given:
            raise SourceError(f"{model}: objective {name!r} is given twice; give it once")
        given.add(name)
        weights[places[name]] = float(found["weight"] or 1) if found else 1.0
    return weights


def shown(weights: Mapping[str, float]) -> str:
    """Weights as a sum that `weights_of` reads as the same numbers, without those of weight 0.

    >>> shown({"helpfulness": 1.0, "safety": 0.5, "style": 0.0})
    '1*helpfulness+0.5*safety'
    """
    return "+".join(f"{_number(weight)}*{name}" for name, weight in weights.items() if weight)


def _number(weight: float) -> str:
    short = f"{weight:g}"
    return short if float(short) == weight and "e+" not in short else f"{weight!r}"


def parsed_weights(text: str, names: Sequence[str], spec: str) -> dict[str, float]:
    """The weights of a spec: `helpfulness:1;safety:0.5`.

    Raises
    ------
    UsageError
        For what is not such a list, an unknown or repeated objective, and weights that are all 0.
    """
    found: dict[str, float] = {}
    for term in text.split(";"):
        name, colon, value = (part.strip() for part in term.partition(":"))
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not colon or not math.isfinite(number):
            raise UsageError(
                f"{spec}: weights: expected NAME:NUMBER;NAME:NUMBER, got {term!r}; for example "
                f"weights={';'.join(f'{each}:1' for each in names)}"
            )
        if name not in names:
            raise UsageError(f"{spec}: weights: objective {name!r}: {did_you_mean(name, names)}")
        if name in found:
            raise UsageError(f"{spec}: weights: {name} is given twice; give it once")
        found[name] = number
    if not any(found.values()):
        raise UsageError(f"{spec}: weights: all are 0, so all scores would be 0; give one a weight")
    return found


def asked_weights(
    given: Mapping[str, str], names: Sequence[str], spec: str
) -> dict[str, float] | None:
    """The weights that the settings of a spec ask for; None where it has none.

    Raises
    ------
    UsageError
        For an unknown setting, and for what is not a weighting of the objectives `names`.
    """
    keys = ("weights", "objective")
    for key in given:
        if key not in keys:
            raise UsageError(f"{spec}: unknown setting {key!r}; {did_you_mean(key, keys)}")
    if len(given) > 1:
        raise UsageError(f"{spec}: weights and objective exclude each other; remove one")
    if "weights" in given:
        return parsed_weights(given["weights"], names, spec)
    if "objective" in given:
        sums = weights_of(given["objective"], dict(enumerate(names)), spec)
        return dict(zip(names, sums, strict=True))
    return None
