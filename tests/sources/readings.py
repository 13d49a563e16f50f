"""Small checkpoints of each kind of reading, and their rewards as their authors compute them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scoring.models import random_model, tokenizer
from tokenizers import processors

from rmcheck.data import Dialogue

CHATML = (
    "{% for m in messages %}<|im|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im|>assistant\n{% endif %}"
)
HEADERS = (
    "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]\n\n{{ m['content'] | trim }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}[assistant]\n\n{% endif %}"
)
RENAMED = (
    "{{ bos_token }}{% for m in messages %}{% set role = 'model' if m['role'] == 'assistant' "
    "else m['role'] %}<turn>{{ role }}\n{{ m['content'] | trim }}\n{% endfor %}"
    "{% if add_generation_prompt %}<turn>model\n{% endif %}"
)
THINKING = (
    "{% for m in messages %}<|im|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im|>assistant\n<think>\n\n</think>\n\n{% endif %}"
)
"""It asks for an answer otherwise than it writes one."""


@dataclass(frozen=True)
class Kind:
    """A kind of reading: what the tokenizer has, and how the model's authors read a dialogue."""

    template: str = ""
    appends: bool = False
    pad_is_end: bool = False

    def tokenizer(self) -> Any:
        """The tokenizer that is saved with the model."""
        made = tokenizer(**({"pad_token": "<|end|>"} if self.pad_is_end else {}))
        if self.template:
            made.chat_template = self.template
        if self.appends:
            made.backend_tokenizer.post_processor = processors.TemplateProcessing(
                single="<|start|> $A <|end|>", special_tokens=[("<|start|>", 2), ("<|end|>", 0)]
            )
        return made

    def tokens(self, text: Dialogue) -> list[int]:
        """The tokens of a dialogue, by transformers alone."""
        made = self.tokenizer()
        if self.template:
            turns = [
                {"role": "user", "content": str(text.prompt)},
                {"role": "assistant", "content": text.response},
            ]
            written = made.apply_chat_template(turns, tokenize=False)
            return list(made(written, add_special_tokens=False)["input_ids"])
        return list(made(f"Human: {text.prompt}\n\nAssistant: {text.response}")["input_ids"])


KINDS = {
    "chatml": Kind(CHATML),
    "headers": Kind(HEADERS),
    "renamed": Kind(RENAMED),
    "thinking": Kind(THINKING),
    "plain": Kind(),
    "appends an end": Kind(appends=True),
    "pads with the end": Kind(appends=True, pad_is_end=True),
    "template that ends with the padding": Kind(HEADERS, pad_is_end=True),
}


def save(folder: Path, kind: str, reading: Kind, seed: int = 0) -> Callable[..., NDArray[Any]]:
    """Save a checkpoint; returns what transformers gives for dialogues, one by one."""
    changes = {"pad_token_id": 0} if reading.pad_is_end else {}
    model = random_model(kind, seed, **changes)
    model.save_pretrained(folder)
    reading.tokenizer().save_pretrained(folder)

    def rewards(texts: Sequence[Dialogue]) -> NDArray[np.float64]:
        with torch.no_grad():
            return np.array(
                [float(model(torch.tensor([reading.tokens(text)])).logits[0, 0]) for text in texts]
            )

    return rewards
