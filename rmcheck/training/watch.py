"""Somebody who looks at a training while it runs, and may stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue


class Stopped(Exception):
    """A training was stopped by who watches it; there are no weights."""


class Watch(Protocol):
    """Has texts scored at some steps of a training.

    Attributes
    ----------
    dialogues
        The texts.
    """

    @property
    def dialogues(self) -> Sequence[Dialogue]: ...

    def steps(self, steps: int) -> Mapping[int, Sequence[int]]:
        """The steps, of all `steps`, at which the texts are scored, each with its rungs."""

    def saw(self, step: int, steps: int, rewards: NDArray[np.float64]) -> None:
        """The rewards after that step, shape (n,).

        Raises
        ------
        Stopped
            To stop the training.
        """
