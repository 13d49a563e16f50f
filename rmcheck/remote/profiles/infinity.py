"""Infinity: `POST /classify`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rmcheck.remote.profile import (
    Ask,
    Asking,
    Identity,
    Input,
    Outputs,
    Profile,
    WrongAnswer,
    in_order,
    kind,
    labelled,
    models_of,
)


class Infinity(Profile):
    """Infinity (`/classify`), for models with two labels or more.

    Notes
    -----
    infinity-emb 0.0.78: a model with one label is served as a reranker only, and `/classify` is a
    400; `raw_scores` is accepted and a softmax is applied all the same; labels are sorted by score,
    so that they are told apart by name; long texts are cut and white space at both ends is removed
    without a word (infinity_emb/transformer/classifier/torch.py).
    """

    path: ClassVar[str] = "/classify"
    named: ClassVar[bool] = True
    remarks: ClassVar[tuple[str, ...]] = (
        "Infinity applies a softmax, cuts long texts and removes white space at both ends; check "
        "with rmcheck compare against the local model before you rely on its scores",
    )

    def body(self, inputs: Sequence[Input], asking: Asking) -> Any:
        """A list of texts."""
        texts = [each.text for each in inputs]
        return {"model": asking.model, "input": texts, "raw_scores": True}

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """`data[i]`: labels and scores, in any order."""
        if not isinstance(answer, dict) or "data" not in answer:
            raise WrongAnswer(f"expected an object with 'data', got {kind(answer)}")
        return [labelled(rows) for rows in in_order(answer["data"], count)]

    async def who(self, ask: Ask) -> Identity:
        """`/models`: the names."""
        models, _ = await models_of(ask, "/models")
        return Identity(models)
