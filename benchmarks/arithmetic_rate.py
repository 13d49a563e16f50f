"""How much of the machine's own matrix product scoring reaches, on the tokens that it must compute.

Operations are counted for unique tokens only, attention only between tokens that see each other:
whatever else is computed (padding, masked attention, prefixes split over rows) is waste.

    python benchmarks/arithmetic_rate.py
"""

from __future__ import annotations

import argparse

import torch
from results import medians, options, publish, seconds, table
from workload import GPT2, SMALL, add_data, described, scorer, texts, tokenizer

from rmcheck.scoring.forest import plant

GOAL = 0.80


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    add_data(parser)
    parser.add_argument("--pairs", type=int, default=60)


def matrix_product(rows: int, inner: int, columns: int, repeats: int = 4) -> float:
    """GFLOP/s of one product of this size in float32."""
    left, right = torch.randn(rows, inner), torch.randn(inner, columns)
    out = torch.empty(rows, columns)
    spent = seconds(lambda: [torch.mm(left, right, out=out) for _ in range(repeats)])
    return 2 * rows * inner * columns * repeats / spent / 1e9


def main() -> None:
    how = options(__doc__, 5, add_options)
    given, shape = how.given, SMALL if how.quick else GPT2
    known = tokenizer(given.tokenizer)
    data = texts(4 if how.quick else given.pairs, given.data)
    ours = scorer(shape.model(pad=known.pad_token_id), known)
    sequences = ours.encode(data)
    # One row for all, so that no prefix is split: what any way of scoring must compute.
    forest = plant(sequences, sum(len(ids) for ids in sequences))
    seen = int(sum((row.positions + 1).sum() for row in forest.rows))
    needed = 2 * shape.linear * forest.n_tokens + 4 * shape.width * shape.layers * seen
    ours.score(data[:4])
    width = shape.width
    sizes = {"1,024 tokens × a layer": (1024, width, 4 * width), "square": (2048, 2048, 2048)}
    if how.quick:
        sizes["square"] = (256, 256, 256)
    rates = medians(
        {
            "rmcheck": lambda: needed / seconds(lambda: ours.score(data)) / 1e9,
            **{name: (lambda s=size: matrix_product(*s)) for name, size in sizes.items()},  # type: ignore[misc]
        },
        how.repeats,
    )
    best = max(rates[name] for name in sizes)
    share = rates["rmcheck"] / best
    said = "reached" if share >= GOAL else "missed"
    rows = [(f"matrix product, {name}", rates[name], f"{rates[name] / best:.0%}") for name in sizes]
    rows.append(("rmcheck", rates["rmcheck"], f"{share:.0%} (goal {GOAL:.0%}: {said})"))
    workload = described(
        len(data) // 2, sequences, forest.n_tokens, given.title or "shipped evaluation pairs"
    )
    body = (
        f"{shape.name} with random weights, float32; {workload} {needed / 1e9:,.0f} GFLOP are "
        f"needed for them (attention {4 * shape.width * shape.layers * seen / needed:.1%} of "
        f"it). Median of {how.repeats}, run in turn; tokenising included.\n\n"
        + table(("what", "GFLOP/s", "of the machine's own"), rows)
    )
    publish("Arithmetic rate of scoring", body, how)


if __name__ == "__main__":
    main()
