"""How a source that compares two responses takes part: it is asked in both orders.

A pair's scores are half its margin for the chosen response and the negative half for the rejected
one: what checks look at are differences.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks import CannotDecide
from rmcheck.data import Dialogue, Ordered, in_orders
from rmcheck.reward_source import BothOrders, Source
from rmcheck.spec import redacted


def asked(dialogues: Iterable[Dialogue]) -> list[Ordered]:
    """What a source that compares is asked for these dialogues: both orders of each pair."""
    return [one for one in in_orders(dialogues) if isinstance(one, Ordered)]


def questions(source: Source, dialogues: Sequence[Dialogue]) -> list[Ordered]:
    """`asked`, for dialogues that are pairs or in an order, all of them.

    Raises
    ------
    CannotDecide
        If one is a single response.
    """
    found = asked(dialogues)
    if len(found) != len(dialogues):
        raise CannotDecide(
            f"{redacted(source.spec)} compares two responses and gives a single one no score"
        )
    return found


def scores(
    source: BothOrders, dialogues: Sequence[Dialogue], answers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The scores of the sides of pairs, shape (2n,), from the answers in both orders, (2n,).

    The answers themselves for dialogues that are in an order.
    """
    if not len(answers) or isinstance(dialogues[0], Ordered):
        return answers
    margins = source.margins(answers[0::2], answers[1::2])
    return np.stack([margins / 2, -margins / 2], axis=1).ravel()
