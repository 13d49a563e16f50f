"""Score responses with twelve copies each: what perturbation checks and best-of-n ask for.

The copies differ from their response in one word, near its end or anywhere, or are what twelve of
the shipped transformations make of it. A GPT-2-124M with random weights scores them in float32, by
rmcheck's forest and one by one.

    python benchmarks/score_copies.py [--counts]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from results import Options, held, medians, options, publish, seconds, table
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


def beginnings(sequences: Sequence[NDArray[np.int64]]) -> int:
    """How many different beginnings the token sequences have: the nodes of their trie."""
    return len({ids[:end].tobytes() for ids in sequences for end in range(1, len(ids) + 1)})


def processor_seconds(run: Callable[[], object]) -> float:
    """How much processor time of this process it takes: other programs do not change it."""
    started = time.process_time()
    run()
    return time.process_time() - started


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    add_data(parser)
    parser.add_argument("--responses", type=int, default=8)
    parser.add_argument("--counts", action="store_true", help="only count what they share")
    parser.add_argument("--processor", action="store_true", help="processor time, not the clock")


BOUND = (
    "A causal model must compute each token after the first that differs again, so the least that "
    "it can compute is one token for each different beginning of the texts (a node of their trie). "
    "The bound is the number of tokens for each of these."
)


def workload(how: Options, turns: int, where: str) -> list[Dialogue]:
    """The responses with their copies, always the same."""
    rng = np.random.default_rng(0)
    chosen = pairs(2 if how.quick else how.given.responses, how.given.data, turns)
    return [copy for pair in chosen for copy in copies(pair, where, rng)]


def shared(how: Options, known: Any) -> None:
    """Count what the copies share, without a score."""
    encode = scorer(SMALL.model(fused=False, pad=known.pad_token_id), known).encode
    rows = []
    for turns, (where, goal) in product(TURNS, GOALS.items()):
        encoded = encode(workload(how, turns, where))
        total, needed = sum(len(ids) for ids in encoded), beginnings(encoded)
        mean = round(total / len(encoded))
        said = f"{goal:g}× ({'within' if total / needed >= goal else 'above'} the bound)"
        rows.append(
            (turns, where, len(encoded), mean, total, needed, f"{total / needed:.2f}×", said)
        )
    head = (
        "turns", "copies differ", "texts", "tokens a text", "tokens", "unique beginnings", "bound",
        "goal",
    )  # fmt: skip
    body = f"A response and {COPIES} copies of it. {BOUND}\n\n{table(head, rows)}"
    publish("What copies of a response share", body, how)


def main() -> None:
    how = options(__doc__, 3, add_options)
    given, shape = how.given, SMALL if how.quick else GPT2
    if given.counts:
        shared(how, tokenizer(given.tokenizer))
        return
    timed = processor_seconds if given.processor else seconds
    known = tokenizer(given.tokenizer)
    ours = scorer(shape.model(pad=known.pad_token_id), known)
    plain = scorer(shape.model(fused=False, pad=known.pad_token_id), known)
    peer = Peer(plain, plain.model, 1)
    rows = []
    for turns, (where, goal) in product(TURNS, GOALS.items()):
        texts = workload(how, turns, where)
        scored: dict[str, NDArray[np.float64]] = {}
        ours.score(texts[:2])
        before = ours.unique_tokens
        ours.score(texts)
        unique = ours.unique_tokens - before
        speed = medians(
            {
                "rmcheck": lambda t=texts, s=scored: timed(  # type: ignore[misc]
                    lambda: s.__setitem__("rmcheck", ours.score(t))
                ),
                "one by one": lambda t=texts, s=scored: timed(  # type: ignore[misc]
                    lambda: s.__setitem__("one by one", peer.score(t))
                ),
            },
            how.repeats,
        )
        apart = float(np.abs(scored["rmcheck"] - scored["one by one"]).max())
        if apart > 1e-4:
            sys.exit(f"rmcheck's scores differ from one-by-one scoring by {apart}")
        encoded = plain.encode(texts)
        total, needed = sum(len(ids) for ids in encoded), beginnings(encoded)
        bound = total / needed
        ratio = speed["one by one"] / speed["rmcheck"]
        rates = [len(texts) / speed[name] for name in ("one by one", "rmcheck")]
        mean = round(total / len(texts))
        counts = (turns, where, len(texts), mean, total, needed, unique)
        reached = (f"{bound:.2f}×", *rates, held(ratio, goal), f"{ratio / bound:.0%}")
        rows.append((*counts, *reached, apart))
    head = (
        "turns", "copies differ", "texts", "tokens a text", "tokens", "unique beginnings",
        "computed", "bound", "one by one, texts/s", "rmcheck, texts/s", "rmcheck is faster by",
        "of the bound", "scores apart",
    )  # fmt: skip
    clock = "Processor time" if given.processor else "Time by the clock"
    body = (
        f"A response and {COPIES} copies of it, in which one word is another or which shipped "
        f"transformations made (drawn at random, at their own strength); {shape.name} with random "
        f"weights, float32. {clock}, median of {how.repeats}, run in turn. With 3 turns a prompt "
        f"comes after two other exchanges. The longer a text, the more its copies share.\n\n"
        f"{BOUND} One by one, each text "
        "also pays for its own start, so that more than the bound can be reached.\n\n"
        f"{table(head, rows)}"
    )
    publish("Scoring copies of a response", body, how)


if __name__ == "__main__":
    main()
