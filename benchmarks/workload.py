"""What the scoring and training benchmarks work on: models with random weights, real pairs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import (
    GPT2Config,
    GPT2ForSequenceClassification,
    GPT2Tokenizer,
    PreTrainedTokenizerFast,
)

from rmcheck.data import Dialogue, Message, PreferencePair, pair_dialogues, prompt_text
from rmcheck.data.preferences import load
from rmcheck.scoring import tokens
from rmcheck.scoring.batches import padded
from rmcheck.scoring.loading import fuse, quiet
from rmcheck.scoring.scorer import Scorer
from rmcheck.shipped import shipped

MAX_LENGTH = 512
tokens.KEPT = 0  # what is timed repeatedly is tokenised anew each time


@dataclass(frozen=True)
class Shape:
    """The size of a GPT-2."""

    name: str
    layers: int
    width: int
    heads: int
    vocabulary: int = 50257
    positions: int = 1024

    @property
    def linear(self) -> int:
        """Weights of all matrices that every token is multiplied with."""
        return 12 * self.width**2 * self.layers

    def model(self, *, fused: bool = True, pad: int = 1) -> Any:
        """A reward model with random weights, always the same.

        `fused` as rmcheck loads one, else as `transformers` does; `pad` is the tokenizer's padding.
        """
        config = GPT2Config(
            n_layer=self.layers, n_embd=self.width, n_head=self.heads, vocab_size=self.vocabulary,
            n_positions=self.positions, num_labels=1, pad_token_id=pad,
        )  # fmt: skip
        if fused:
            fuse(config)
        torch.manual_seed(0)
        with quiet():
            return GPT2ForSequenceClassification(config).eval()


GPT2 = Shape("GPT-2-124M", layers=12, width=768, heads=12)
SMALL = Shape("a small GPT-2", layers=2, width=64, heads=2)
"""For quick runs."""


def add_data(parser: argparse.ArgumentParser) -> None:
    """The options that name other pairs, and their tokenizer."""
    parser.add_argument("--data", type=Path, help="a JSONL file of pairs instead of the shipped")
    parser.add_argument("--tokenizer", type=Path, help="a folder instead of the shipped one")
    parser.add_argument("--title", help="what to call these pairs")


def tokenizer(folder: Path | None) -> Any:
    """The shipped tokenizer (4,096 entries), or a GPT-2 tokenizer in `folder`."""
    if folder is None:
        known = PreTrainedTokenizerFast.from_pretrained(shipped("models", "tiny-gpt2"))
    elif (folder / "tokenizer.json").is_file():
        known = PreTrainedTokenizerFast.from_pretrained(folder)
    else:
        known = GPT2Tokenizer.from_pretrained(folder)
    known.model_max_length = MAX_LENGTH
    if known.pad_token is None:
        known.pad_token = known.eos_token
    return known


def pairs(count: int, file: Path | None, turns: int = 1) -> list[PreferencePair]:
    """`count` pairs, drawn from `file` or from all shipped evaluation pairs, always the same.

    With more than one of `turns`, a prompt comes after that many less one exchanges (prompts with
    their chosen responses) of other pairs: as long as the dialogues that reward models judge.
    """
    files = [file] if file else sorted(shipped("preferences").glob("*.jsonl"))
    known = load(files).pairs
    order = np.random.default_rng(0).permutation(len(known))
    drawn = [known[int(index)] for index in order[: count * turns]]
    return [
        _after(drawn[place], drawn[count + place * (turns - 1) :][: turns - 1])
        for place in range(count)
    ]


def _after(pair: PreferencePair, earlier: Sequence[PreferencePair]) -> PreferencePair:
    if not earlier:
        return pair
    said = [
        message
        for other in earlier
        for message in (
            Message("user", prompt_text(other.prompt)),
            Message("assistant", other.chosen),
        )
    ]
    return replace(pair, prompt=(*said, Message("user", prompt_text(pair.prompt))))


def described(count: int, sequences: Sequence[NDArray[np.int64]], unique: int, name: str) -> str:
    """The workload in a sentence."""
    lengths = np.array([len(ids) for ids in sequences])
    return (
        f"{count} {name} ({len(sequences)} texts) of {lengths.min()} to {lengths.max()} tokens, "
        f"mean {lengths.mean():.0f}; {lengths.sum():,} tokens, {unique:,} of them unique "
        f"({unique / lengths.sum():.0%})."
    )


class Peer:
    """Scores as `transformers` does by itself, in batches of `size`."""

    def __init__(self, scorer: Scorer, model: Any, size: int, *, by_length: bool = False) -> None:
        self.scorer = scorer
        self.model = model
        self.size = size
        self.by_length = by_length

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,); tokenises too, as the scorer does."""
        ids = self.scorer.encode(dialogues)
        order = list(range(len(ids)))
        if self.by_length:
            order.sort(key=lambda index: len(ids[index]), reverse=True)
        scores = np.empty(len(ids))
        for start in range(0, len(order), self.size):
            batch = padded(ids, order[start : start + self.size], self.scorer.pad)
            given = {
                "input_ids": torch.from_numpy(batch.tokens),
                "attention_mask": torch.from_numpy(batch.mask),
            }
            with torch.inference_mode():
                logits = self.model(**given, use_cache=False).logits
            scores[batch.members] = logits[:, 0].double().numpy()
        return scores


def scorer(model: Any, known: Any, dtype: str = "float32") -> Scorer:
    """rmcheck's scorer on the CPU."""
    return Scorer(model, known, "default", MAX_LENGTH, "cpu", dtype)


def texts(count: int, file: Path | None) -> list[Dialogue]:
    """Both sides of `count` pairs."""
    return pair_dialogues(pairs(count, file))
