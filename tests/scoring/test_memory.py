"""Scoring many texts needs little memory beyond the model's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.models import in_fresh_process

COUNT = 100_000
BOUND = 1.5e9
"""Bytes beyond the model."""

PROGRAM = """
import json, resource, sys
from pathlib import Path
from scoring.models import WORDS, random_model, tokenizer
from rmcheck.data import Dialogue
from rmcheck.engine.book import ScoreBook
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create

root, count = Path(sys.argv[1]), int(sys.argv[2])
random_model("gpt2", num_hidden_layers=1).save_pretrained(root / "model")
tokenizer().save_pretrained(root / "model")
source = create("hf:model", SourceOptions(root=root, cache=root / "cache", device="cpu"))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def texts(count):
    for number in range(count):
        words = [WORDS[number // 36**place % len(WORDS)] for place in range(5)]
        yield Dialogue(f"Question {number // 2}?", " ".join(words), f"{number}/chosen")

source.score(list(texts(100)))
before = peak()
book, dialogues = ScoreBook(root / "cache"), list(texts(count))
scores = book.scores(source, dialogues)
counts = book.counts()
print(json.dumps({
    "grown": peak() - before, "computed": counts.computed, "scored": len(scores),
    "tokens": source.scorer.unique_tokens, "calls": source.scorer.calls,
}))
"""


@pytest.mark.slow
def test_a_hundred_thousand_short_texts_stay_below_their_bound(tmp_path: Path) -> None:
    found = in_fresh_process(PROGRAM, tmp_path, COUNT)
    assert (found["computed"], found["scored"]) == (COUNT, COUNT)
    assert found["grown"] < BOUND, found
