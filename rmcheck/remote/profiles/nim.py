"""Reward models of NVIDIA NIM behind chat completions."""

from __future__ import annotations

import re
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
    kind,
    models_of,
)

_PAIR = re.compile(r"\s*([A-Za-z_][\w .-]*?)\s*:\s*([^,\s]+)\s*")


class Nim(Profile):
    """NVIDIA NIM (`/v1/chat/completions`); the server formats the conversation.

    Notes
    -----
    From its documentation (Llama-3.1-Nemotron-70B-Reward, Nemotron-4-340B-Reward): one
    conversation in a request; the content of the answer is `reward:-1.5`, or five objectives as
    `helpfulness:1.25,correctness:0.43,…`, of which `objective=` takes one or a weighted sum.
    """

    path: ClassVar[str] = "/v1/chat/completions"
    forms: tuple[Form, ...] = ("messages",)
    batch: ClassVar[int] = 1
    named: ClassVar[bool] = True

    def body(self, inputs: Sequence[Input], asking: Asking) -> Any:
        """One conversation."""
        return {"model": asking.model, "messages": inputs[0].messages, "stream": False}

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """Names and numbers from the content of the first choice."""
        try:
            content = answer["choices"][0]["message"]["content"]
        except (TypeError, KeyError, IndexError):
            raise WrongAnswer(f"expected choices[0].message.content, got {kind(answer)}") from None
        found: dict[str, Any] = {}
        for part in str(content).split(","):
            match = _PAIR.fullmatch(part)
            if match is None:
                raise WrongAnswer(f"expected 'NAME:NUMBER,…' as content, got {content!r:.60}")
            try:
                found[match[1]] = float(match[2])
            except ValueError:
                found[match[1]] = match[2]
        return [found]

    async def who(self, ask: Ask) -> Identity:
        """`/v1/models`: the names."""
        models, _ = await models_of(ask)
        return Identity(models)
