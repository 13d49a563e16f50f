"""Small random models, a tokenizer made on the spot, and the oracle: transformers one by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedTokenizerFast,
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


ENCLOSED = {"single": "<|start|> $A <|end|>", "pair": "<|start|> $A <|end|> $B:1 <|end|>:1"}
"""What encoders put around a text, and around two of them."""
ENDED = {"single": "$A <|end|> <|start|>:2", "pair": "$A <|end|> $B:1 <|end|>:1 <|start|>:2"}
"""What XLNet puts after a text, and after two of them."""


def tokenizer(
    *, encloses: bool = False, around: dict[str, str] | None = None, **options: Any
) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of 400 tokens with a padding token of its own.

    One that `encloses` puts a start and an end token around a text, as encoders have it; `around`
    says what is put there.
    """
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
    around = around or (ENCLOSED if encloses else None)
    if around:
        specials = [("<|start|>", 2), ("<|end|>", 0)]
        inner.post_processor = processors.TemplateProcessing(**around, special_tokens=specials)
    known = {"eos_token": "<|end|>", "pad_token": "<|pad|>", "bos_token": "<|start|>"}
    return PreTrainedTokenizerFast(tokenizer_object=inner, **{**known, **options})


SHAPE = {
    "vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 64, "initializer_range": 0.2, "num_labels": 1, "pad_token_id": 1,
    "bos_token_id": 2, "eos_token_id": 0, "max_position_embeddings": 256,
}  # fmt: skip
GROUPED: dict[str, Any] = {**SHAPE, "num_key_value_heads": 2, "head_dim": 8}
WINDOW = 16
"""Over how many tokens attention slides in the models where it does."""
LAYERS = ["sliding_attention", "full_attention"]

CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "gpt2": {key: value for key, value in SHAPE.items() if key != "intermediate_size"},
    "llama": GROUPED,
    "qwen2": GROUPED,
    "qwen3": GROUPED,
    "mistral": {**GROUPED, "sliding_window": WINDOW},
    "gemma": GROUPED,
    "gemma2": {**GROUPED, "sliding_window": WINDOW, "layer_types": LAYERS},
    "gemma3_text": {**GROUPED, "sliding_window": WINDOW, "layer_types": LAYERS},
    "phi3": {
        **SHAPE,
        "original_max_position_embeddings": 2 * WINDOW,
        "rope_parameters": {
            "rope_type": "longrope", "rope_theta": 1e4,
            "short_factor": [1.0] * 4, "long_factor": [4.0] * 4,
        },
    },
    "bert": SHAPE,
    "roberta": SHAPE,
    "deberta-v2": {
        **SHAPE, "relative_attention": True, "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False, "type_vocab_size": 0, "pooler_hidden_size": 32,
    },
}  # fmt: skip
"""Every kind of model that scores are compared for, by the name that `transformers` has for it."""


def random_model(kind: str, seed: int = 0, **changes: Any) -> Any:
    """A model of two layers, 32 wide, whose weights are large enough for scores to differ."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(kind, **{**CONFIGURATIONS[kind], **changes})
    return AutoModelForSequenceClassification.from_config(config).eval()


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


def in_fresh_process(program: str, *arguments: object) -> dict[str, Any]:
    """What a Python program prints as JSON on its last line; it sees the tests' modules."""
    tests = Path(__file__).parents[1]
    path = os.pathsep.join([str(tests), str(tests.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=500,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
