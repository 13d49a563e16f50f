"""Small random models, a tokenizer made on the spot, and the oracle: transformers one by one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    MistralConfig,
    MistralForSequenceClassification,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForSequenceClassification,
)

from rmcheck.data import Dialogue

# These models are so small that a second thread only waits, and where cores are busy waits long.
torch.set_num_threads(1)

TEXT = (
    "the cat sat on a mat and looked at rain while it fell on the old roof of the house where "
    "nobody had lived for years because the river ran too near and the bridge was gone"
)
WORDS = TEXT.split()
PROMPTS = (
    "Where did the cat sit?",
    "Why did nobody live in the old house by the river?",
    "Tell me about the rain.",
    "What was gone?",
)


def tokenizer(**options: Any) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of 400 tokens with a padding token of its own."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|end|>", "<|pad|>", "<|start|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([" ".join(WORDS), *PROMPTS, "Human: \n\nAssistant: "] * 3, trainer)
    known = {"eos_token": "<|end|>", "pad_token": "<|pad|>", "bos_token": "<|start|>"}
    return PreTrainedTokenizerFast(tokenizer_object=inner, **{**known, **options})


def random_model(kind: str, seed: int = 0) -> Any:
    """A model of two layers, 32 wide, whose weights are large enough for scores to differ."""
    torch.manual_seed(seed)
    shape = {
        "vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 64, "initializer_range": 0.2, "num_labels": 1, "pad_token_id": 1,
        "bos_token_id": 2, "eos_token_id": 0, "max_position_embeddings": 256,
    }  # fmt: skip
    grouped = {**shape, "num_key_value_heads": 2}
    model: Any
    if kind == "gpt2":
        plain = {key: value for key, value in shape.items() if key != "intermediate_size"}
        model = GPT2ForSequenceClassification(GPT2Config(**plain))
    elif kind == "llama":
        model = LlamaForSequenceClassification(LlamaConfig(**grouped))
    elif kind == "qwen2":
        model = Qwen2ForSequenceClassification(Qwen2Config(**grouped))
    elif kind == "mistral":
        model = MistralForSequenceClassification(MistralConfig(**grouped, sliding_window=16))
    else:
        model = BertForSequenceClassification(BertConfig(**shape))
    return model.eval()


def dialogues(count: int, seed: int = 0, longest: int = 30) -> list[Dialogue]:
    """Dialogues over four prompts, some of which share the start of their response."""
    rng = np.random.default_rng(seed)
    made: list[Dialogue] = []
    for number in range(count):
        words = [WORDS[int(i)] for i in rng.integers(len(WORDS), size=rng.integers(1, longest))]
        if made and rng.random() < 0.4:
            words = [*made[-1].response.split()[: int(rng.integers(1, 9))], *words]
        made.append(Dialogue(PROMPTS[number % 4], " ".join(words), f"d{number}/chosen"))
    return made


def one_by_one(model: Any, tokens: Any, texts: Sequence[Dialogue]) -> NDArray[np.float64]:
    """What transformers itself gives for each text alone."""
    scores = []
    with torch.no_grad():
        for text in texts:
            written = f"Human: {text.prompt}\n\nAssistant: {text.response}"
            scores.append(float(model(**tokens(written, return_tensors="pt")).logits[0, 0]))
    return np.array(scores)


def save(folder: Path, kind: str = "gpt2", seed: int = 0) -> Path:
    """A checkpoint on disk."""
    random_model(kind, seed).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
