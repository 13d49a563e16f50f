"""The weights of an objective: one output of a head, or a weighted sum of several."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rmcheck.errors import SourceError, did_you_mean

_TERM = re.compile(r"(?:(?P<weight>[-+]?\d+(?:\.\d+)?)\*)?(?P<name>[^*]+)")


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
