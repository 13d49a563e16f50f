"""An answer's numbers as rewards: one finite number for each text, or the reason why not."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from rmcheck.errors import SourceError
from rmcheck.remote.connection import Reply
from rmcheck.remote.profile import ONE, Outputs, Profile, WrongAnswer
from rmcheck.scoring.objective_weights import weights_of


class Answers:
    """Reads answers by a profile, and takes the reward from outputs with several numbers.

    Parameters
    ----------
    objective
        The name of the output, or a weighted sum; empty for servers with one.
    """

    def __init__(self, profile: Profile, objective: str, spec: str) -> None:
        self._profile = profile
        self._objective = objective
        self._spec = spec
        self._weights: dict[tuple[str, ...], list[float]] = {}

    def rewards(self, reply: Reply, count: int) -> list[float | str]:
        """The reward of each text, or what was given instead of one.

        Raises
        ------
        WrongAnswer
            If the answer cannot be read.
        SourceError
            If the server gives several numbers for a text and none is chosen.
        """
        try:
            answer = json.loads(reply.body.decode())
        except (ValueError, RecursionError):
            raise WrongAnswer(_not_json(reply)) from None
        return [self._reward(outputs) for outputs in self._profile.read(answer, count)]

    def _reward(self, outputs: Outputs) -> float | str:
        names = tuple(outputs)
        if names == (ONE,) and not self._objective:
            return number(outputs[ONE])
        if names not in self._weights:
            self._weights[names] = self._chosen(outputs)
        total = 0.0
        for name, weight in zip(names, self._weights[names], strict=True):
            if weight:
                value = number(outputs[name])
                if isinstance(value, str):
                    return f"{name}: {value}"
                total += weight * value
        return total

    def _chosen(self, outputs: Mapping[str, Any]) -> list[float]:
        if not self._objective:
            if len(outputs) == 1:
                return [1.0]
            raise SourceError(
                f"{self._spec}: the server gives {len(outputs)} numbers for a text "
                f"({', '.join(outputs)}); choose one: objective={next(iter(outputs), 'NAME')}"
            )
        return weights_of(self._objective, dict(enumerate(outputs)), self._spec)


def number(value: Any) -> float | str:
    """A finite number, or the value in words.

    >>> number(2), number(float("nan")), number(None), number("high"), number(True)
    (2.0, 'NaN', 'null', "'high'", 'true')
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return repr(value)[:40] if isinstance(value, str) else json.dumps(value)[:40]
    try:
        found = float(value)
    except OverflowError:
        return "a number too large"
    return found if math.isfinite(found) else {True: "NaN"}.get(math.isnan(found), "infinite")


def finite(values: Sequence[float | str]) -> list[int]:
    """The places of the rewards among them."""
    return [place for place, value in enumerate(values) if not isinstance(value, str)]


def _not_json(reply: Reply) -> str:
    start = reply.body[:200].decode("utf-8", "replace").lstrip()
    if start[:1] == "<":
        return "expected JSON, got an HTML page"
    if start[:1] in ("{", "["):
        return f"expected JSON, got a part of it ({len(reply.body):,} bytes)"
    return f"expected JSON, got {start[:40]!r}"
