"""Small reward models that vLLM serves: attention heads of 32, which it needs at least."""

from __future__ import annotations

from pathlib import Path

import torch
from scoring.models import tokenizer
from tokenizers import processors
from transformers import (
    GPT2Config,
    GPT2ForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
)

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}[{{ m['role'] }}]\n{{ m['content'] }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}[assistant]\n{% endif %}"
)


def llama(folder: Path) -> Path:
    """A Llama whose tokenizer puts a start token before a text, and has a chat template."""
    torch.manual_seed(0)
    made = tokenizer(chat_template=TEMPLATE)
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<|start|> $A", special_tokens=[("<|start|>", 2)]
    )
    config = LlamaConfig(
        vocab_size=400, hidden_size=128, intermediate_size=256, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
        num_labels=1, pad_token_id=1, bos_token_id=2, eos_token_id=0, initializer_range=0.15,
    )  # fmt: skip
    LlamaForSequenceClassification(config).save_pretrained(folder)
    made.save_pretrained(folder)
    return folder


def gpt2(folder: Path) -> Path:
    """A GPT-2 without a chat template."""
    torch.manual_seed(1)
    config = GPT2Config(
        vocab_size=400, n_positions=512, n_embd=128, n_layer=2, n_head=4, num_labels=1,
        pad_token_id=1, bos_token_id=2, eos_token_id=0, initializer_range=0.15,
    )  # fmt: skip
    GPT2ForSequenceClassification(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
