"""vLLM with `--runner pooling --convert classify`: `POST /classify`."""

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
    models_of,
    numbered,
    of_index,
    whole,
)


class Vllm(Profile):
    """vLLM with `--runner pooling --convert classify` (`/classify`).

    Notes
    -----
    vLLM 0.32: one label goes through a sigmoid by default, so that `use_activation` is false here;
    names such as `activation` are ignored without an error. A text gets the tokenizer's special
    tokens even where it has them, so that they are switched off for what a chat template wrote.
    Nothing is cut unless it is asked for: too long a text is a 400 for the whole request.
    `--api-key` guards `/v1` only (vllm/entrypoints/pooling/classify).
    """

    path: ClassVar[str] = "/classify"
    forms: tuple[Form, ...] = ("ids", "text", "messages")
    named: ClassVar[bool] = True

    def at_once(self, form: Form) -> int:
        """One conversation in a request, several texts."""
        return 1 if form == "messages" else self.batch

    def body(self, inputs: Sequence[Input], asking: Asking) -> Any:
        """A list of texts or of token ids, or one conversation."""
        head: dict[str, Any] = {"model": asking.model, "use_activation": False, **self._task()}
        if asking.form == "messages":
            # `/tokenize` adds a generation prompt by default, this path does not; be explicit.
            return {**head, "messages": inputs[0].messages, "add_generation_prompt": False}
        if asking.form == "ids":
            return {**head, "input": [list(each.ids) for each in inputs]}
        texts = [each.text for each in inputs]
        return {**head, "input": texts, "add_special_tokens": asking.special}

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """`data[i].probs`, in the order of `index`."""
        return [numbered(values) for values in of_index(answer, count, "probs")]

    async def who(self, ask: Ask) -> Identity:
        """`/v1/models`: names and the longest text; no revision."""
        models, first = await models_of(ask)
        return Identity(
            models, max_length=whole(first.get("max_model_len")), served=str(first.get("root", ""))
        )

    def _task(self) -> dict[str, Any]:
        return {}
