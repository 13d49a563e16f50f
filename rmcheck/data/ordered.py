"""Two responses in an order: what a source is asked that compares them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rmcheck.data.dialogue import Dialogue, PreferencePair, content_hash, pair_dialogues

_CHOSEN = re.compile(r"(?P<pair>.+)/chosen(?P<variant>~[^/]*)?", re.DOTALL)


@dataclass(frozen=True)
class Ordered(Dialogue):
    """Two responses to a prompt: `response` is shown first, `second` after it.

    Only sources that compare responses (`rmcheck.reward_source.BothOrders`) may be given one.
    """

    second: str = ""

    @cached_property
    def hash(self) -> str:
        """Content hash of prompt and both responses, 32 hex digits; never that of a dialogue."""
        return content_hash("in order", Dialogue(self.prompt, self.response).hash, self.second)


def orders_of(pairs: Sequence[PreferencePair]) -> list[Ordered]:
    """Both orders of each pair: the chosen response first, then the rejected one first."""
    return [one for one in in_orders(pair_dialogues(pairs)) if isinstance(one, Ordered)]


def in_orders(dialogues: Iterable[Dialogue]) -> Iterator[Dialogue]:
    """The same, with both orders instead of the two sides of a pair, which are neighbours.

    What is in an order stays as it is, and so does a single response.

    >>> sides = [Dialogue("2+2?", "4", "p/chosen"), Dialogue("2+2?", "5", "p/rejected")]
    >>> [(one.response, one.second) for one in in_orders(sides)]
    [('4', '5'), ('5', '4')]
    """
    waiting: Dialogue | None = None
    for dialogue in dialogues:
        if waiting is not None and _are_sides(waiting, dialogue):
            yield _ordered(waiting, dialogue)
            yield _ordered(dialogue, waiting)
            waiting = None
            continue
        if waiting is not None:
            yield waiting
        waiting = dialogue
    if waiting is not None:
        yield waiting


def _are_sides(first: Dialogue, second: Dialogue) -> bool:
    if isinstance(first, Ordered) or isinstance(second, Ordered):
        return False
    found = _CHOSEN.fullmatch(first.key)
    if found is None or first.prompt != second.prompt:
        return False
    return second.key == f"{found['pair']}/rejected{found['variant'] or ''}"


def _ordered(first: Dialogue, second: Dialogue) -> Ordered:
    key = f"{first.key} first"
    return Ordered(first.prompt, first.response, key, first.origin, second.response)
