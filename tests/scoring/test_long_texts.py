"""A text far beyond the length limit is cut before it is tokenised, and its tokens are the same."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmcheck.data import Dialogue
from rmcheck.scoring import tokens as tokens_module
from rmcheck.scoring.files import locate
from rmcheck.scoring.loading import load_tokenizer
from rmcheck.scoring.tokens import Tokens


def byte_level() -> Any:
    """The shipped GPT-2 tokenizer."""
    return load_tokenizer(locate("shipped:models/tiny-gpt2", Path()))


def other(kind: str) -> Any:
    """A small tokenizer of another kind, trained on the spot."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = [
        "river",
        "of the",
        "in the",
        "rain falls",
        "été",
        "x" * 30,
        "河流很长",
        "don't",
        "12,345",
    ]
    rng = np.random.default_rng(0)
    corpus = [" ".join(rng.choice(words, 12)) for _ in range(300)]
    special = ["<pad>", "<unk>", "<s>"]
    if kind == "wordpiece":
        inner = Tokenizer(models.WordPiece(unk_token="<unk>"))
        inner.normalizer = normalizers.BertNormalizer()
        inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special)
    elif kind == "unigram":
        inner = Tokenizer(models.Unigram())
        inner.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="<unk>")
    else:  # words are joined, and a text that begins anew gets a mark of its own
        inner = Tokenizer(models.BPE(unk_token="<unk>"))
        inner.normalizer = normalizers.Sequence(
            [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
        )
        trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special)
    inner.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", unk_token="<unk>")


KINDS = ["byte-level", "wordpiece", "unigram", "joined"]
TEXTS = {
    "words": "river of the rain falls in the été don't stop 12,345 times ",
    "no blank": "riverofthe-rainfallsinthe_été12,345",
    "one letter": "a",
    "Chinese": "河流很长，雨下了。",
    "lines": "rain\n\n\n\tfalls \r\n  in   the\u00a0river\u2028 ",
    "blanks": "     \t\t",
    "special": "<|endoftext|> rain <s> falls <pad>",
}


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return byte_level() if request.param == "byte-level" else other(request.param)


def mixed(rng: np.random.Generator, text: str, size: int) -> str:
    """About `size` characters of `text`, with others strewn in."""
    pieces = list((text * (size // len(text) + 1))[:size])
    if len(set(text)) > 1:
        for place in rng.integers(len(pieces), size=size // 15):
            pieces[place] = rng.choice(list("aeiou ,.\n7河́"))
    return "".join(pieces)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    "sizes",
    [(20, 9000), (9000, 20), (9001, 9000), pytest.param((9000, 150), marks=pytest.mark.slow)],
)
def test_the_tokens_are_those_of_the_whole_text(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch, name: str, sizes: tuple[int, int]
) -> None:
    rng = np.random.default_rng(len(name) + sizes[0])
    prompt, response = (mixed(rng, TEXTS[name], size) for size in sizes)
    texts = [Dialogue(prompt, response), Dialogue(prompt + "!", response[:-1])]
    for limit in (12, 40):
        found = []
        for long in (100, 10**9):
            monkeypatch.setattr(tokens_module, "LONG", long)
            made = Tokens(tokenizer, "default", limit, end="none")
            found.append(([ids.tolist() for ids in made.encode(texts)], made.truncated))
        assert found[0] == found[1]


@pytest.mark.parametrize("name", ["words", "lines", "no blank", "one letter"])
def test_five_megabytes_cost_little(name: str) -> None:
    """1.5 GB and 16 s before; the text itself is 5 MB, or 10 where it holds other letters."""
    inner = byte_level()
    made = Tokens(inner, "default", 512, end="none")
    texts = [Dialogue("Why?", TEXTS[name] * (5_000_000 // len(TEXTS[name])))]
    given: list[int] = []
    call = type(inner).__call__

    def counted(self: Any, text: Any, **options: Any) -> Any:
        given.append(sum(map(len, text)) if isinstance(text, list) else len(text))
        return call(self, text, **options)

    type(inner).__call__, started = counted, time.perf_counter()
    tracemalloc.start()
    try:
        (ids,) = made.encode(texts)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        type(inner).__call__ = call
    assert (len(ids), made.truncated) == (512, 1)
    assert sum(given) < 400_000
    assert peak < 60e6
    assert time.perf_counter() - started < 8
