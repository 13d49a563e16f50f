"""Inference endpoints of Hugging Face (the inference toolkit)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rmcheck.remote.profile import Asking, Input, Outputs, Profile, in_order, labelled


class HfEndpoint(Profile):
    """An inference endpoint of Hugging Face with a text classifier.

    Notes
    -----
    The inference toolkit passes `parameters` to the pipeline of transformers: no activation
    (`function_to_apply`: none) and all labels (`top_k`: null). Every failure of it is a 400, an
    overload too, so that a 400 is asked again before a text is blamed for it.
    """

    path: ClassVar[str] = "/"
    batch: ClassVar[int] = 8
    retried: ClassVar[frozenset[int]] = frozenset({400})

    def body(self, inputs: Sequence[Input], asking: Asking) -> Any:
        """A list of texts."""
        return {
            "inputs": [each.text for each in inputs],
            "parameters": {"function_to_apply": "none", "top_k": None},
        }

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """A list of labels and scores for each text; of a head with one, also the label alone."""
        flat = isinstance(answer, list) and all(isinstance(row, dict) for row in answer)
        if flat and count == 1:
            return [labelled(answer)]
        return [
            labelled([row] if isinstance(row, dict) else row) for row in in_order(answer, count)
        ]
