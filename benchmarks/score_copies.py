"""Score responses with twelve copies each: what perturbation checks and best-of-n ask for.

The copies differ from their response in one word, near its end or anywhere, or are what twelve of
the shipped transformations make of it. A GPT-2-124M with random weights scores them in float32, by
rmcheck's forest and one by one.

    python benchmarks/score_copies.py
"""

from __future__ import annotations

import argparse
import sys
from itertools import product

import numpy as np
from numpy.typing import NDArray
from results import held, medians, options, publish, seconds, table
from workload import GPT2, SMALL, Peer, add_data, pairs, scorer, tokenizer

from rmcheck.data import Dialogue, PreferencePair
from rmcheck.perturb import TRANSFORMATIONS

COPIES = 12
TRANSFORMED = "by transformations"
GOALS = {"near its end": 12.0, "anywhere": 5.0, TRANSFORMED: 7.0}
TURNS = (3, 1)
ENDING = 4
"""Words that count as the ending."""


def copies(pair: PreferencePair, where: str, rng: np.random.Generator) -> list[Dialogue]:
    """The response and `COPIES` copies of it, in which one word is another one of its own."""
    if where == TRANSFORMED:
        return transformed(pair, rng)
    words = pair.chosen.split()
    first = max(0, len(words) - ENDING) if where == "near its end" else 0
    found = [pair.chosen]
    while len(found) <= COPIES:
        changed = list(words)
        changed[int(rng.integers(first, len(words)))] = words[int(rng.integers(len(words)))]
        text = " ".join(changed)
        if text not in found:
            found.append(text)
    return [Dialogue(pair.prompt, text) for text in found]


def transformed(pair: PreferencePair, rng: np.random.Generator) -> list[Dialogue]:
    """The response and what `COPIES` transformations, drawn at random, make of it."""
    own, others = Dialogue(pair.prompt, pair.chosen), [Dialogue(pair.prompt, pair.rejected)]
    known = list(TRANSFORMATIONS.sound()[0].values())
    found = [own]
    for place in rng.permutation(len(known)):
        copy = known[place].copy(own, others=others)
        if copy is not None and len(found) <= COPIES:
            found.append(copy)
    return found


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    add_data(parser)
    parser.add_argument("--responses", type=int, default=8)


def main() -> None:
    how = options(__doc__, 3, add_options)
    given, shape = how.given, SMALL if how.quick else GPT2
    known = tokenizer(given.tokenizer)
    ours = scorer(shape.model(pad=known.pad_token_id), known)
    plain = scorer(shape.model(fused=False, pad=known.pad_token_id), known)
    peer = Peer(plain, plain.model, 1)
    rows = []
    for turns, (where, goal) in product(TURNS, GOALS.items()):
        rng = np.random.default_rng(0)
        chosen = pairs(2 if how.quick else given.responses, given.data, turns)
        texts = [copy for pair in chosen for copy in copies(pair, where, rng)]
        scored: dict[str, NDArray[np.float64]] = {}
        ours.score(texts[:2])
        before = ours.unique_tokens
        ours.score(texts)
        unique = ours.unique_tokens - before
        speed = medians(
            {
                "rmcheck": lambda t=texts, s=scored: seconds(  # type: ignore[misc]
                    lambda: s.__setitem__("rmcheck", ours.score(t))
                ),
                "one by one": lambda t=texts, s=scored: seconds(  # type: ignore[misc]
                    lambda: s.__setitem__("one by one", peer.score(t))
                ),
            },
            how.repeats,
        )
        apart = float(np.abs(scored["rmcheck"] - scored["one by one"]).max())
        if apart > 1e-4:
            sys.exit(f"rmcheck's scores differ from one-by-one scoring by {apart}")
        total = sum(len(ids) for ids in plain.encode(texts))
        ratio = speed["one by one"] / speed["rmcheck"]
        rates = [len(texts) / speed[name] for name in ("one by one", "rmcheck")]
        mean = round(total / len(texts))
        cells = (turns, where, len(texts), mean, total, unique, *rates, held(ratio, goal), apart)
        rows.append(cells)
    head = (
        "turns", "copies differ", "texts", "tokens a text", "tokens", "computed",
        "one by one, texts/s", "rmcheck, texts/s", "rmcheck is faster by", "scores apart",
    )  # fmt: skip
    body = (
        f"A response and {COPIES} copies of it, in which one word is another or which shipped "
        f"transformations made (drawn at random, at their own strength); {shape.name} with random "
        f"weights, float32. Median of {how.repeats}, run in turn. With 3 turns a prompt "
        f"comes after two other exchanges. The longer a text, the more its copies share.\n\n"
        f"{table(head, rows)}"
    )
    publish("Scoring copies of a response", body, how)


if __name__ == "__main__":
    main()
