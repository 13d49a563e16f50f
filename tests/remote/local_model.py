"""A small model behind an imitating server: what it gives is what the model gives for its input."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rmcheck.remote.connection import Reply

from .imitation import Imitation
from .real_models import llama


class ModelServer(Imitation):
    """vLLM's `/classify` with the traps of that server, in front of a model in a folder.

    Attributes
    ----------
    change
        What becomes of the token ids of a text before the model reads them.
    after
        What becomes of a reward.
    """

    folder: Path = Path()
    change: Callable[[list[int]], list[int]] = staticmethod(lambda ids: ids)
    after: Callable[[float], float] = staticmethod(lambda value: value)
    before: Callable[[str], str] = staticmethod(lambda text: text)

    @cached_property
    def network(self) -> Any:
        return AutoModelForSequenceClassification.from_pretrained(self.folder).eval()

    @cached_property
    def tokenizer(self) -> Any:
        return AutoTokenizer.from_pretrained(self.folder)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if method == "GET":
            if path != "/v1/models":
                return Reply(404, {}, b"{}")
            row = {"id": "rm", "max_model_len": 512}
            return Reply(200, {}, json.dumps({"data": [row]}).encode())
        self.requests += 1
        asked = json.loads(body)
        self.seen.append(asked)
        if "messages" in asked:
            given: Sequence[Any] = [
                self.tokenizer.apply_chat_template(asked["messages"], tokenize=False)
            ]
            special = False
        else:
            given, special = asked["input"], asked.get("add_special_tokens", True)
        rows = []
        for place, one in enumerate(given):
            ids = one
            if isinstance(one, str):
                text = self.before(one)
                ids = self.tokenizer(text, add_special_tokens=special)["input_ids"]
            ids = self.change(ids)
            if len(ids) > 512:
                said = {"message": "This model's maximum context length is 512 tokens", "code": 400}
                return Reply(400, {}, json.dumps({"error": said}).encode())
            with torch.inference_mode():
                value = float(self.network(torch.tensor([ids])).logits[0, 0])
            rows.append({"index": place, "probs": [self.after(value)]})
        return Reply(200, {}, json.dumps({"data": rows[::-1]}).encode())


def model_server(folder: Path, **traps: Any) -> ModelServer:
    """A server of the Llama in `folder`, which is made if it is not there."""
    if not (folder / "config.json").is_file():
        llama(folder)
    server = ModelServer("vllm")
    server.folder = folder
    for name, trap in traps.items():
        setattr(server, name, trap)
    return server
