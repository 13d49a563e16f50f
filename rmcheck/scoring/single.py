"""Scoring one text at a time, for models whose rewards depend on what is in a call with a text."""

from __future__ import annotations

from typing import Any

from rmcheck.scoring.scorer import Scorer


class OneByOne(Scorer):
    """A scorer without batches and shared prefixes: each text has a call of its own.

    Quantised layers round their inputs. Padding and neighbours change an input by its last bit,
    which is nothing to a sum in float32, but a rounding may tip and with it those of all layers
    above: on random models the same text's reward moved by half of what the quantisation itself
    does. Alone, a text has one reward.
    """

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._trusts_forest = False
        self.row = self._call = 1
