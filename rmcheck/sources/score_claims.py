"""What a row of a score file says twice: two scores of a side, a verdict beside scores, a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rmcheck.sources.score_columns import PAIRED, SIDES, WINNERS, is_long
from rmcheck.wording import listed

MODELS = ("reward_model", "reward_model_name", "rm", "scorer", "judge", "judge_model")
"""Columns with the model that scored."""
_WIDE = ("model", "model_name")
"""The same where a row has both scores; beside a single response it may be who wrote that."""
_MOST_MODELS = 50


def refuse_contradictions(values: Mapping[str, Any], columns: Mapping[str, str]) -> None:
    """Raise ValueError for a row that contradicts itself, or has two scores of a side.

    Parameters
    ----------
    columns
        The columns that the spec names: scores that it names are those that are meant.
    """
    if is_long(values):
        return
    name = values.get("id")
    stated = list(_pairs(values))
    if not stated:
        return
    keys, scores = stated[0]
    for others, found in stated[1:]:
        if found != scores and not any(side in columns for side in SIDES):
            raise ValueError(
                f"'{name}': {_said(keys, scores)}, but {_said(others, found)}; remove one of them, "
                "or name the columns: scores:FILE,chosen=COLUMN,rejected=COLUMN"
            )
    several = values.get("scores")
    if keys == SIDES and isinstance(several, list) and several != list(scores):
        raise ValueError(
            f"'{name}': has scores of a pair ('chosen', 'rejected') and of a response set "
            "('scores'); keep those of the item with this id"
        )
    better = _sign(scores[0] - scores[1])
    for key, sign in _verdicts(values):
        if sign * better < 0:
            raise ValueError(
                f"'{name}': {_said(keys, scores)}, but '{key}' is {values[key]!r}; correct the "
                "row, or remove the column that is wrong"
            )


def _pairs(values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], tuple[float, float]]]:
    """The scores of both sides, wherever the row has them, with their keys."""
    for keys in (SIDES, *PAIRED):
        found = [_single(values.get(key)) for key in keys]
        if found[0] is not None and found[1] is not None:
            yield (keys[0], keys[1]), (found[0], found[1])


def _single(value: Any) -> float | None:
    """A score, or the only one of a list; None for anything else."""
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    plain = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    return value if plain else None


def _verdicts(values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Which side a row says is better, by key: 1 is chosen, -1 rejected; ties say nothing."""
    winner = values.get("winner")
    if isinstance(winner, str) and winner.strip().lower() in WINNERS:
        chosen, rejected = WINNERS[winner.strip().lower()]
        yield "winner", chosen - rejected
    result = values.get("results")  # of RewardBench: 1 where chosen has the higher score
    try:
        number = float(result) if isinstance(result, int | float | str) else None
    except ValueError:
        number = None
    if number in (0.0, 1.0):
        yield "results", 1.0 if number else -1.0


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _said(keys: tuple[str, str], scores: tuple[float, float]) -> str:
    return f"'{keys[0]}' and '{keys[1]}' are {scores[0]:g} and {scores[1]:g}"


class Models:
    """The models that rows name as the one that scored; more than one is a mistake."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str, int]] = {}

    def look(self, line: int, values: Mapping[str, Any]) -> None:
        """Note the models that a row names."""
        for key in MODELS if is_long(values) else (*MODELS, *_WIDE):
            given = values.get(key)
            if isinstance(given, str) and given:
                lines = self._lines.setdefault(key, {})
                if len(lines) < _MOST_MODELS:
                    lines.setdefault(given, line)

    def mistake(self) -> tuple[int, str] | None:
        """The line of the first row of a second model, and what to do; None for one model."""
        for key, lines in self._lines.items():
            if len(lines) > 1:
                second = list(lines.values())[1]
                return second, (
                    f"rows of several models ('{key}': {listed(list(lines))}); write the scores of "
                    "each model into a file of its own"
                )
        return None
