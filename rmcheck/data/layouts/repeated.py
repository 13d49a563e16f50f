"""Answers that repeat their prompt: text pairs with an explicit and an implicit prompt at once.

TRL's implicit prompts are the common start of both answers; a file that has the column `prompt`
besides says the prompt twice, and it would be scored twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rmcheck.data.dialogue import PreferencePair, ResponseSet
from rmcheck.data.layouts import hh, shape, trl
from rmcheck.data.layouts.layout import Item, Layout, NotAPair, Values, each

NAME = "trl-repeated"
LONG = 16
"""Two answers that begin with a prompt of so many characters hardly do so by chance."""
_OURS_ALONE = ("variants", "objectives", "responses")


def rest_of(prompt: str, side: str) -> str | None:
    """What follows the prompt that a text begins with; None for a text that does not.

    A word that goes on after the prompt is not the prompt.

    >>> rest_of("Why? ", "Why?\\nBecause."), rest_of("Hi", "History")
    ('Because.', None)
    """
    asked, given = prompt.strip(), side.lstrip()
    if not asked or not given.startswith(asked):
        return None
    rest = given[len(asked) :]
    if asked[-1].isalnum() and rest[:1].isalnum():
        return None
    return rest.lstrip()


def repeats(values: Values) -> bool:
    """Whether both answers of a row are texts that begin with its prompt."""
    prompt, chosen, rejected = (values.get(key) for key in ("prompt", "chosen", "rejected"))
    return (
        isinstance(prompt, str)
        and isinstance(chosen, str)
        and isinstance(rejected, str)
        and rest_of(prompt, chosen) is not None
        and rest_of(prompt, rejected) is not None
    )


def repeats_surely(values: Values) -> bool:
    """Whether they do and the prompt is too long for chance."""
    return repeats(values) and len(str(values["prompt"]).strip()) >= LONG


def item_repeats(item: PreferencePair | ResponseSet) -> bool:
    """The same of a pair that was read."""
    if not isinstance(item, PreferencePair) or not isinstance(item.prompt, str):
        return False
    prompt = item.prompt.strip()
    # Most answers end the question here.
    if not prompt or not item.chosen.lstrip().startswith(prompt):
        return False
    return repeats({"prompt": prompt, "chosen": item.chosen, "rejected": item.rejected})


def all_repeat(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the answers of all rows with a prompt begin with it.

    Raises
    ------
    ValueError
        If they do, and all prompts are so short that it may be chance.
    """
    longest = 0
    for row in rows:
        prompt = row.get("prompt")
        if not isinstance(prompt, str) or not prompt.strip():
            continue
        if not repeats(row) or any(row.get(key) is not None for key in _OURS_ALONE):
            return False
        longest = max(longest, len(prompt.strip()))
    if 0 < longest < LONG:
        raise ValueError(
            f"all answers begin with their prompt, which is short; name 'layout: {NAME}' if they "
            "repeat the prompt, or 'layout: trl' if they are answers that begin alike"
        )
    return longest > 0


SAID = (
    "chosen and rejected begin with the prompt, which would be scored twice; remove it from them, "
    "or name the layout to score them as they are"
)


def _read(row: Values) -> list[Item]:
    prompt = row.get("prompt")
    if not isinstance(prompt, str):
        raise NotAPair("prompt: expected a text that the answers begin with")
    found: list[str] = []
    for side in ("chosen", "rejected"):
        given = row.get(side)
        rest = rest_of(prompt, given) if isinstance(given, str) else None
        if rest is None:
            raise NotAPair(f"{side} does not begin with the prompt")
        if hh.begins_with_a_turn(rest):
            raise NotAPair(f"{side} is a transcript; name 'layout: hh' to read it")
        found.append(rest)
    return [trl.explicit(row, prompt, *found)]


REPEATED = Layout(
    name=NAME,
    about="TRL with an explicit prompt that both answers repeat at their start",
    needs={"prompt": (shape.TEXT,), "chosen": (shape.TEXT,), "rejected": (shape.TEXT,)},
    read=each(_read),
    own_ids=True,
    named_only=True,  # by its keys it is `trl`; recognised from the texts, see `all_repeat`
    asked_by=trl.BEFORE,
)
