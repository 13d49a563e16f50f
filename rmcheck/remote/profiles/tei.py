"""Text Embeddings Inference of Hugging Face: `POST /predict`."""

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
    in_order,
    labelled,
    whole,
)


class Tei(Profile):
    """Text Embeddings Inference (`/predict`).

    Notes
    -----
    TEI 1.9.3: a flat list of two texts is one pair, so that each text has a list of its own;
    `raw_scores` is false and `truncate` true by default, so that both are sent. `/info` has the
    commit of the model and the limits; a request has 2 MB at most; 424 is a failure of the model,
    413 and 422 a request that is too large (router/src/http/server.rs).
    """

    path: ClassVar[str] = "/predict"
    max_bytes: ClassVar[int | None] = 2_000_000

    def body(self, inputs: Sequence[Input], asking: Asking) -> Any:
        """Each text in a list of its own."""
        texts = [[each.text] for each in inputs]
        return {"inputs": texts, "raw_scores": True, "truncate": False}

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """A list of labels and scores for each text."""
        return [labelled(rows) for rows in in_order(answer, count)]

    async def who(self, ask: Ask) -> Identity:
        """`/info`: model, commit and limits."""
        info = await ask("/info")
        if not isinstance(info, dict):
            return Identity()
        model = str(info.get("model_id") or "")
        return Identity(
            (model,) if model else (),
            str(info.get("model_sha") or ""),
            whole(info.get("max_input_length")),
            whole(info.get("max_client_batch_size")),
            whole(info.get("max_concurrent_requests")),
            model,
        )
