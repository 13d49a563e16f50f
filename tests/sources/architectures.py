"""Every architecture that readings are compared for: a small random checkpoint of each.

`docs/build/architectures.py` makes the table of docs/architectures.md from this list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scoring.models import (
    CONFIGURATIONS,
    ENCLOSED,
    ENDED,
    GROUPED,
    LAYERS,
    SHAPE,
    WINDOW,
    tokenizer,
)
from transformers import AutoConfig, AutoModelForSequenceClassification

from rmcheck.data import Dialogue

from .readings import KINDS, Kind

Rewards = Callable[[Sequence[Dialogue]], NDArray[np.float64]]


def without(shape: dict[str, Any], *names: str, **changes: Any) -> dict[str, Any]:
    """A shape with some keys left out and others changed."""
    return {**{key: value for key, value in shape.items() if key not in names}, **changes}


EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
MANY_EXPERTS = {
    **GROUPED, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 32,
}  # fmt: skip
BRIEF = without(SHAPE, "intermediate_size")
SLIDING = {"sliding_window": WINDOW, "layer_types": LAYERS}
SEQUENCES = {
    "vocab_size": 400, "d_model": 32, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_heads": 4,
    "num_labels": 1, "pad_token_id": 1, "eos_token_id": 0, "decoder_start_token_id": 1,
    "initializer_factor": 1.0,
}  # fmt: skip
BART = {
    "vocab_size": 400, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64, "max_position_embeddings": 256, "init_std": 0.2, "num_labels": 1,
    "pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 0, "decoder_start_token_id": 0,
    "forced_eos_token_id": 0,
}  # fmt: skip

Way = Literal["forest", "window", "padded", "alike"]
TYPED = ["input_ids", "token_type_ids", "attention_mask"]


@dataclass(frozen=True)
class Architecture:
    """An architecture of transformers, and how texts are given to it.

    Attributes
    ----------
    shape
        Keys of its configuration.
    path
        How it is read: in a `forest`; in a forest up to its `window`; in `padded` batches; in
        batches of texts of one length (`alike`).
    kind
        `decoder`, `encoder` or `encoder-decoder`.
    tokenizer
        Arguments of the tokenizer that is saved with it.
    """

    shape: dict[str, Any] = field(repr=False)
    path: Way = "forest"
    kind: Literal["decoder", "encoder", "encoder-decoder"] = "decoder"
    tokenizer: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def readings(self) -> tuple[str, ...]:
        """The kinds of reading that it is tested with."""
        return tuple(KINDS) if self.kind == "decoder" else ENCODED


def encoder(shape: dict[str, Any], path: Way = "padded", **options: Any) -> Architecture:
    """An encoder, whose tokenizer encloses texts."""
    return Architecture(shape, path, "encoder", {"around": ENCLOSED, **options})


def both(shape: dict[str, Any]) -> Architecture:
    """An encoder-decoder, which reads the reward at its last end token."""
    around = {"single": "$A <|end|>", "pair": "$A <|end|> $B <|end|>"}
    return Architecture(shape, "padded", "encoder-decoder", {"around": around})


HEADLESS = ("cohere", "granite")
"""Architectures of which transformers has language models, but no model with a head for rewards."""

ENCODED = ("one text", "one text, cut", "two texts", "two texts, cut")
"""The kinds of reading of a model whose tokenizer encloses a text, or two."""

ARCHITECTURES: dict[str, Architecture] = {
    "gpt2": Architecture(CONFIGURATIONS["gpt2"]),
    "gpt_neo": Architecture(
        without(
            SHAPE, "num_hidden_layers", "num_attention_heads", num_layers=2, num_heads=4,
            attention_types=[[["global", "local"], 1]], window_size=WINDOW,
        ),
        "padded",
    ),
    "gpt_neox": Architecture(SHAPE),
    "gptj": Architecture(without(BRIEF, n_inner=64, rotary_dim=4)),
    "gpt_bigcode": Architecture(BRIEF),
    "openai-gpt": Architecture(BRIEF, "padded"),
    "ctrl": Architecture(without(BRIEF, dff=64), "padded"),
    "opt": Architecture(without(BRIEF, ffn_dim=64, word_embed_proj_dim=32, init_std=0.2)),
    "bloom": Architecture(BRIEF, "padded"),
    "mpt": Architecture(without(BRIEF, max_seq_len=256), "padded"),
    "falcon": Architecture(BRIEF),
    "llama": Architecture(GROUPED),
    "mistral": Architecture({**GROUPED, "sliding_window": WINDOW}, "window"),
    "mixtral": Architecture({**GROUPED, **EXPERTS}),
    "qwen2": Architecture(GROUPED),
    "qwen2_moe": Architecture(MANY_EXPERTS),
    "qwen3": Architecture(GROUPED),
    "qwen3_moe": Architecture(MANY_EXPERTS),
    "gemma": Architecture(GROUPED),
    "gemma2": Architecture({**GROUPED, **SLIDING}, "window"),
    "gemma3_text": Architecture({**GROUPED, **SLIDING}, "window"),
    "phi": Architecture(SHAPE),
    "phi3": Architecture(CONFIGURATIONS["phi3"], "window"),
    "phimoe": Architecture({**GROUPED, **EXPERTS}),
    "stablelm": Architecture(GROUPED),
    "smollm3": Architecture(GROUPED),
    "olmo": Architecture(GROUPED),
    "olmo2": Architecture(GROUPED),
    "olmo3": Architecture({**GROUPED, **SLIDING}, "window"),
    "starcoder2": Architecture({**GROUPED, "sliding_window": WINDOW}, "window"),
    "nemotron": Architecture(GROUPED),
    "glm4": Architecture(GROUPED),
    "exaone4": Architecture({**GROUPED, **SLIDING}, "window"),
    "gpt_oss": Architecture({**GROUPED, **EXPERTS, **SLIDING}, "window"),
    "helium": Architecture(GROUPED),
    "jetmoe": Architecture({**GROUPED, "kv_channels": 8}),
    "minimax": Architecture({**GROUPED, **EXPERTS}, "padded"),
    "bert": encoder(SHAPE, model_input_names=TYPED),
    "roberta": encoder({**SHAPE, "type_vocab_size": 1}),
    "xlm-roberta": encoder({**SHAPE, "type_vocab_size": 1}),
    "distilbert": encoder(without(BRIEF, dim=32, hidden_dim=64, n_layers=2, n_heads=4),
                          model_input_names=TYPED),
    "deberta": encoder({**SHAPE, "type_vocab_size": 0}),
    "deberta-v2": encoder(CONFIGURATIONS["deberta-v2"], model_input_names=TYPED),
    "electra": encoder({**SHAPE, "embedding_size": 32}, model_input_names=TYPED),
    "albert": encoder({**SHAPE, "embedding_size": 16}),
    "modernbert": encoder({**SHAPE, "local_attention": WINDOW}),
    "xlnet": Architecture(
        {"vocab_size": 400, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64,
         "initializer_range": 0.2, "num_labels": 1, "pad_token_id": 1},
        "padded", "encoder",
        {"around": ENDED, "padding_side": "left", "model_input_names": TYPED},
    ),
    "mpnet": encoder(SHAPE),
    "roformer": encoder({**SHAPE, "embedding_size": 32}, model_input_names=TYPED),
    "big_bird": encoder({**SHAPE, "attention_type": "original_full"}, model_input_names=TYPED),
    "fnet": encoder(SHAPE, "alike", model_input_names=TYPED),
    "convbert": encoder({**SHAPE, "embedding_size": 32}, "alike", model_input_names=TYPED),
    "nystromformer": encoder(SHAPE, "alike", model_input_names=TYPED),
    "t5": both(SEQUENCES),
    "umt5": both(SEQUENCES),
    "bart": both(BART),
    "mbart": both(BART),
}  # fmt: skip


def model_of(name: str, **changes: Any) -> Any:
    """A random model whose weights are large enough for scores to differ."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(name, **{**ARCHITECTURES[name].shape, **changes})
    model = AutoModelForSequenceClassification.from_config(config).eval()
    with torch.no_grad():  # a small spread of these would hide the types of tokens
        for weight_name, weight in model.named_parameters():
            if "token_type" in weight_name or "seg_embed" in weight_name:
                weight.normal_(std=1.0)
    return model


def saved(folder: Path, name: str, reading: str) -> tuple[str, Rewards]:
    """Save a checkpoint.

    Returns what a spec says of it, and what transformers gives for dialogues, one by one.
    """
    architecture = ARCHITECTURES[name]
    if architecture.kind == "decoder":
        return "", _decoder(folder, name, KINDS[reading])
    return _encoder(folder, name, reading)


def _decoder(folder: Path, name: str, reading: Kind) -> Rewards:
    model = model_of(name, **({"pad_token_id": 0} if reading.pad_is_end else {}))
    model.save_pretrained(folder)
    reading.tokenizer().save_pretrained(folder)

    def rewards(texts: Sequence[Dialogue]) -> NDArray[np.float64]:
        rows = [torch.tensor([reading.tokens(text)]) for text in texts]
        return _scores(model, [{"input_ids": row} for row in rows])

    return rewards


def _encoder(folder: Path, name: str, reading: str) -> tuple[str, Rewards]:
    model, made = model_of(name), tokenizer(**ARCHITECTURES[name].tokenizer)
    model.save_pretrained(folder)
    made.save_pretrained(folder)
    two, cut = reading.startswith("two"), reading.endswith("cut")
    limit: dict[str, Any] = {"truncation": "only_first", "max_length": 40} if cut else {}

    def given(text: Dialogue) -> Any:
        if two:
            return made(text.prompt, text.response, return_tensors="pt", **limit)
        if not cut:
            written = f"Human: {text.prompt}\n\nAssistant: {text.response}"
            return made(written, return_tensors="pt")
        # transformers cuts the end of a text, rmcheck the start of its prompt: where a text is of
        # one piece the two agree if the tokenizer cuts on the left.
        left = tokenizer(**ARCHITECTURES[name].tokenizer, truncation_side="left")
        written = f"Human: {text.prompt}\n\nAssistant: {text.response}"
        return left(written, return_tensors="pt", truncation=True, max_length=40)

    def rewards(texts: Sequence[Dialogue]) -> NDArray[np.float64]:
        rows = [given(text) for text in texts]
        for row in rows:
            if name == "distilbert":  # its tokenizer is BERT's, and it refuses types
                row.pop("token_type_ids")
        return _scores(model, rows)

    said = [*(["template=pair"] if two else []), *(["max_length=40"] if cut else [])]
    return "".join(f",{each}" for each in said), rewards


def _scores(model: Any, rows: Sequence[Any]) -> NDArray[np.float64]:
    with torch.no_grad():
        return np.array([float(model(**row).logits[0, 0]) for row in rows])


def suited(name: str, reading: str, texts: Sequence[Dialogue]) -> list[Dialogue]:
    """The texts of which the reading is defined for an architecture.

    Where a response alone is over the limit, tokenizers of transformers give up. Phi-3's rotary
    positions change with a text's length. Padding tokens at the end of a text are not read, so a
    text that only they take past the limit is another one.
    """
    if reading.endswith("cut"):
        made = tokenizer()
        return [text for text in texts if len(made(text.response)["input_ids"]) < 36]
    if name == "phi3":
        limit = 2 * WINDOW + 1
        return [text for text in texts if len(KINDS[reading].tokens(text)) != limit]
    return list(texts)
