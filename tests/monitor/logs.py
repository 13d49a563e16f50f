"""Made logs: words as in texts, scores that rise a little with length, and what changes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rmcheck.monitor.log import LogRow

_KINDS = 600
_SHARES = 1 / np.arange(1, _KINDS + 1)


def rows(
    count: int,
    *,
    seed: int = 0,
    since: int = 0,
    shift: float = 0.0,
    with_length: float = 0.2,
    rounded: float = 0.0,
    new_words: float = 0.0,
    responses: int = 1,
) -> Iterator[LogRow]:
    """`count` prompts; from prompt `since` on the changes hold."""
    rng = np.random.default_rng(seed)
    words = rng.choice(_KINDS, size=(count, 8), p=_SHARES / _SHARES.sum())
    for number in range(count):
        on = number >= since
        marks = np.where(on & (rng.random(8) < new_words), "n", "w")
        said = [f"{mark}{word}" for mark, word in zip(marks, words[number], strict=True)]
        ease = rng.normal() if responses > 1 else 0.0
        for _ in range(responses):
            size = rng.normal()
            score = (with_length if on else 0.2) * size + rng.normal() + ease + (shift if on else 0)
            if rounded and on:
                score = round(score / rounded) * rounded
            text = "x" * int(np.exp(4 + 0.5 * size))
            yield LogRow(float(score), " ".join(said), text, 1.7e9 + 60.0 * number)


def write(path: Path, given: Iterator[LogRow]) -> Path:
    """A log as JSON Lines."""
    lines = (
        json.dumps({"prompt": row.prompt, "response": row.response, "score": row.score,
                    "time": row.time})
        for row in given
    )  # fmt: skip
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
