"""OpenRLHF's `serve_rm`: `POST /get_reward`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rmcheck.remote.profile import (
    Asking,
    Input,
    Outputs,
    Profile,
    WrongAnswer,
    in_order,
    kind,
    numbered,
)


class OpenRlhf(Profile):
    """OpenRLHF's `serve_rm` (`/get_reward`).

    Notes
    -----
    OpenRLHF 0.11.0 (openrlhf/cli/serve_rm.py): raw rewards in the order of the request; texts over
    `--max_len` tokens (2,048 by default) are cut without a word; the server tells nothing about
    itself and takes no key.
    """

    path: ClassVar[str] = "/get_reward"
    remarks: ClassVar[tuple[str, ...]] = (
        "serve_rm of OpenRLHF cuts texts over its --max_len (2,048 tokens by default) without a "
        "word; rmcheck doctor shows whether it does",
    )

    def body(self, inputs: Sequence[Input], asking: Asking) -> Any:
        """The texts, and the prompts beside them."""
        return {
            "query": [each.text for each in inputs],
            "prompts": [each.prompt_text for each in inputs],
        }

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """`rewards`."""
        if not isinstance(answer, dict) or "rewards" not in answer:
            raise WrongAnswer(f"expected an object with 'rewards', got {kind(answer)}")
        return [numbered(values) for values in in_order(answer["rewards"], count)]
