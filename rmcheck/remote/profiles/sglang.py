"""SGLang with `--is-embedding`: `POST /classify`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rmcheck.remote.profile import (
    Ask,
    Asking,
    Form,
    Identity,
    Input,
    Outputs,
    Profile,
    WrongAnswer,
    in_order,
    kind,
    models_of,
    numbered,
    whole,
)


class Sglang(Profile):
    """SGLang with `--is-embedding` (`/classify`).

    Notes
    -----
    SGLang 0.5.23: the raw output of the head, in the order of the request. `/v1/classify` is never
    used: it applies a softmax, which is 1.0 for one label. Blank texts are a 400. A full queue may
    leave a request without an answer, so that every request has a time-out.
    """

    path: ClassVar[str] = "/classify"
    forms: tuple[Form, ...] = ("ids", "text")

    def body(self, inputs: Sequence[Input], asking: Asking) -> Any:
        """Lists of token ids, or texts."""
        if asking.form == "ids":
            return {"input_ids": [list(each.ids) for each in inputs]}
        return {"text": [each.text for each in inputs]}

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """`embedding` of each row; of a single one also without a list around it."""
        rows = in_order([answer] if isinstance(answer, dict) and count == 1 else answer, count)
        for row in rows:
            if not isinstance(row, dict) or "embedding" not in row:
                raise WrongAnswer(f"expected rows with 'embedding', got {kind(row)}")
        return [numbered(row["embedding"]) for row in rows]

    async def who(self, ask: Ask) -> Identity:
        """`/v1/models`, and the path of the model from `/model_info` or `/get_model_info`."""
        models, first = await models_of(ask)
        info = await ask("/model_info") or await ask("/get_model_info")
        served = info.get("model_path", "") if isinstance(info, dict) else ""
        return Identity(
            models or ((served,) if served else ()),
            max_length=whole(first.get("max_model_len")),
            served=str(served),
        )
