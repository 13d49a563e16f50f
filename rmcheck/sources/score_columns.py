"""The shapes of score files: a row of any of them as rows of our own.

Besides `id` with `chosen` and `rejected`, or with `scores`, these are the results of RewardBench
and of what follows it (`scores_chosen`, `scores_rejected`), long tables with a text and its score
a row (`prompt`, `response`, `score`), and the verdicts of a judge (`id`, `winner`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rmcheck.data import Dialogue, Message
from rmcheck.data.dialogue import extra_keys
from rmcheck.errors import UsageError, did_you_mean

COLUMNS = ("id", "chosen", "rejected", "scores", "prompt", "response", "score", "winner", "hash")
"""What a spec may say about columns: `scores:FILE,chosen=COLUMN,rejected=COLUMN`."""
SIDES = ("chosen", "rejected")
NUMBERS = (*SIDES, "scores", "score", "scores_chosen", "scores_rejected", "score_chosen",
           "score_rejected", "num_correct")  # fmt: skip
"""Columns of tables whose cells are numbers, or lists of them."""

WINNERS = {"chosen": (1.0, 0.0), "rejected": (0.0, 1.0), "tie": (0.5, 0.5)}
PAIRED = (("scores_chosen", "scores_rejected"), ("score_chosen", "score_rejected"))
_LONG = ("prompt", "response", "score")


def asked(options: Mapping[str, str], spec: str) -> dict[str, str]:
    """The columns that a spec names, by our key.

    Raises
    ------
    UsageError
        For an unknown key.
    """
    for key in options:
        if key not in COLUMNS:
            raise UsageError(f"{spec}: unknown setting {key!r}; {did_you_mean(key, COLUMNS)}")
    return dict(options)


def renamed(values: Mapping[str, Any], columns: Mapping[str, str]) -> Mapping[str, Any]:
    """A row under our keys.

    Raises
    ------
    ValueError
        If it does not have a column that the spec names.
    """
    if not columns:
        return values
    for key, column in columns.items():
        if column not in values:
            has = ", ".join(list(values)[:12]) or "none"
            raise ValueError(f"the column '{column}' ({key}=) is missing; columns: {has}")
    taken = {*columns, *columns.values()}
    found = {key: value for key, value in values.items() if key not in taken}
    return {**found, **{key: values[column] for key, column in columns.items()}}


def is_data(values: Mapping[str, Any]) -> bool:
    """Whether a row is preference data, not scores."""
    return "prompt" in values and isinstance(values.get("chosen"), str) and not is_long(values)


def is_long(values: Mapping[str, Any]) -> bool:
    """Whether a row has a text and its score."""
    return all(key in values for key in _LONG)


def long_row(values: Mapping[str, Any]) -> tuple[Dialogue, Any]:
    """The text of a row of a long table, and its score.

    Raises
    ------
    ValueError
        If prompt or response are not texts.
    """
    prompt, response = values["prompt"], values["response"]
    if not isinstance(response, str):
        raise ValueError(f"response must be text, got {str(response)[:40]!r}")
    if isinstance(prompt, list) and prompt and all(_is_turn(turn) for turn in prompt):
        turns = (
            Message(turn["role"], turn["content"], extra_keys(turn, ("role", "content")))
            for turn in prompt
        )
        return Dialogue(tuple(turns), response), values["score"]
    if not isinstance(prompt, str):
        raise ValueError(f"prompt must be text or messages, got {str(prompt)[:40]!r}")
    return Dialogue(prompt, response), values["score"]


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and all(
        isinstance(turn.get(key), str) for key in ("role", "content")
    )


def as_ours(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A row as rows with `id` and `chosen`, `rejected` or `scores`; ours as they are.

    Lists of several scores a side give the response set whose first responses are the chosen ones,
    and each pair of it by the id that `rmcheck.data.layouts` gives it: `ID:0-1`.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    name = values.get("id")
    if isinstance(name, int) and not isinstance(name, bool):
        values = {**values, "id": str(name)}
    own = any(values.get(key) is not None for key in (*SIDES, "scores"))
    paired = next((both for both in PAIRED if all(key in values for key in both)), None)
    if paired is not None and not own:
        chosen, rejected = ([_flat(one) for one in _many(values[key])] for key in paired)
        yield from _combined(values, chosen, rejected)
    elif values.get("winner") is not None and not own:
        said = str(values["winner"]).strip().lower()
        if said not in WINNERS:
            raise ValueError(
                f"winner: expected {', '.join(WINNERS)}, got {str(values['winner'])[:40]!r}; map a "
                "verdict on A and B to the sides of the pair first"
            )
        yield {**values, **dict(zip(SIDES, WINNERS[said], strict=True))}
    elif isinstance(values.get("scores"), list) and values.get("num_correct") is not None:
        scores = [_flat(one) for one in values["scores"]]
        right = _count(values["num_correct"], len(scores))
        yield from _combined(values, scores[:right], scores[right:])
    else:
        yield values


def _combined(
    values: Mapping[str, Any], chosen: list[Any], rejected: list[Any]
) -> Iterator[Mapping[str, Any]]:
    kept = {key: values[key] for key in ("id", "hash", "suite", "tags") if key in values}
    if len(chosen) == len(rejected) == 1:
        yield {**kept, "chosen": chosen[0], "rejected": rejected[0]}
        return
    yield {**kept, "scores": [*chosen, *rejected]}
    kept.pop("hash", None)  # that of the set
    for first, good in enumerate(chosen):
        for second, bad in enumerate(rejected):
            name = f"{values.get('id')}:{first}-{second}"
            yield {**kept, "id": name, "chosen": good, "rejected": bad}


def _count(given: Any, scores: int) -> int:
    """How many of the scores are those of right responses; of a table, it may be a float."""
    whole = isinstance(given, int | float) and not isinstance(given, bool) and given == given // 1
    if not whole or not 0 < given <= scores:
        raise ValueError(
            f"num_correct: expected a whole number from 1 to {scores}, the number of scores, got "
            f"{str(given)[:40]}; correct the row"
        )
    return int(given)


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _flat(value: Any) -> Any:
    """A score, or the only one of a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
