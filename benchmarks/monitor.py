"""Simulated production logs: how often `rmcheck monitor` tells a change, with none and with one.

Every log is read as `rmcheck monitor` reads it, with all four aspects and a look at every block.

    python benchmarks/monitor.py --runs 400
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from results import options, publish, table

from rmcheck.monitor.aspect import KINDS
from rmcheck.monitor.log import LogRow
from rmcheck.monitor.watch import Watched, watch

PROMPTS, REFERENCE, SINCE = 8000, 2000, 4000
ALPHA = 0.05
_WORDS = 3000


@dataclass(frozen=True)
class Traffic:
    """What a log is made of; a score is noise, a part of the length and a shift."""

    shift: float = 0.0
    length: float = 0.2
    rounded: float = 0.0
    new_words: float = 0.0
    spread: float = 1.0
    heavy: bool = False
    responses: int = 1


def pool(topic: str) -> list[str]:
    """Prompts of twelve words each, some words being frequent; a topic has words of its own."""
    shares = 1 / np.arange(1, _WORDS + 1)
    drawn = np.random.default_rng(0).choice(_WORDS, size=(4000, 12), p=shares / shares.sum())
    return [" ".join(f"{topic}{word}" for word in row) for row in drawn]


_PROMPTS, _OTHERS = pool("a"), pool("b")
_RESPONSE = "x" * 4000


def log(before: Traffic, after: Traffic, seed: int) -> Iterator[LogRow]:
    """A log whose traffic changes at prompt `SINCE`."""
    rng = np.random.default_rng(seed)
    many = before.responses
    picked = rng.integers(0, len(_PROMPTS), PROMPTS).tolist()
    other = rng.random(PROMPTS).tolist()
    sizes = rng.normal(size=(PROMPTS, many))
    noise = rng.standard_t(2, (PROMPTS, many)) if before.heavy else rng.normal(size=(PROMPTS, many))
    if many > 1:
        noise += rng.normal(size=(PROMPTS, 1))
    parts = []
    for now, part in ((before, slice(0, SINCE)), (after, slice(SINCE, PROMPTS))):
        scores = now.spread * (noise[part] + now.length * sizes[part]) + now.shift
        parts.append(np.round(scores / now.rounded) * now.rounded if now.rounded else scores)
    scores, lengths = np.concatenate(parts).tolist(), np.exp(5 + 0.6 * sizes).astype(int).tolist()
    for number in range(PROMPTS):
        new = (before if number < SINCE else after).new_words
        prompt = (_OTHERS if other[number] < new else _PROMPTS)[picked[number]]
        for score, length in zip(scores[number], lengths[number], strict=True):
            yield LogRow(score, prompt, _RESPONSE[:length], 60.0 * number)


def watched(before: Traffic, after: Traffic, seed: int) -> Watched:
    return watch(log(before, after, seed), alpha=ALPHA, reference=REFERENCE, seed=seed)


SAME = {
    "plain": Traffic(),
    "scores rounded to tenths": Traffic(rounded=0.1),
    "heavy tails": Traffic(heavy=True),
    "four responses to a prompt": Traffic(responses=4),
}
PLAIN = Traffic()
CHANGES = {
    "scores higher by 0.1 sd": replace(PLAIN, shift=0.1),
    "scores higher by 0.2 sd": replace(PLAIN, shift=0.2),
    "scores higher by 0.5 sd": replace(PLAIN, shift=0.5),
    "scores spread wider by 20 %": replace(PLAIN, spread=1.2),
    "scores rounded to tenths": replace(PLAIN, rounded=0.1),
    "length counts 0.6 (it was 0.2)": replace(PLAIN, length=0.6),
    "2 % of the prompts about something else": replace(PLAIN, new_words=0.02),
    "10 % of the prompts about something else": replace(PLAIN, new_words=0.1),
}


def main() -> None:
    def runs_option(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--runs", type=int, default=400, help="logs without a change")

    how = options(__doc__, 1, runs_option)
    runs = 2 if how.quick else how.given.runs
    started = time.perf_counter()
    names = [kind.name for kind in KINDS]
    same, broken, all_wrong = [], [], 0
    for name, traffic in SAME.items():
        found = [watched(traffic, traffic, seed) for seed in range(runs)]
        told = [sum(each in one.crossed for one in found) / runs for each in names]
        wrong = sum(bool(one.crossed) for one in found) / runs
        if wrong > ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / runs):
            broken.append(name)
        same.append((name, f"{wrong:.3f}", *(f"{share:.3f}" for share in told)))
        all_wrong += sum(bool(one.crossed) for one in found)
    share = all_wrong / (runs * len(SAME))
    changes = []
    few = max(2, runs // 5)
    for name, traffic in CHANGES.items():
        found = [watched(PLAIN, traffic, seed) for seed in range(few)]
        first = [min((each.row for each in one.crossed.values()), default=10**9) for one in found]
        late = [row - SINCE for row in first if row < 10**9 and row > SINCE]
        known = [f"{sum(each in one.crossed for one in found) / few:.2f}" for each in names]
        by = [f"{sum(SINCE < row <= SINCE + more for row in first) / few:.2f}"
              for more in (1000, PROMPTS - SINCE)]  # fmt: skip
        changes.append((name, *by, f"{np.median(late):,.0f}" if late else "–", *known))
    rows = (len(SAME) * runs + len(CHANGES) * few) * PROMPTS
    rate = rows / (time.perf_counter() - started)
    publish(
        "Watching a log",
        f"Logs of {PROMPTS:,} prompts, of which the first {REFERENCE:,} are the reference; alpha "
        f"{ALPHA} over all looks and aspects. About {rate:,.0f} prompts a second, made and "
        "watched, on a machine shared with other work.\n\n"
        f"### Nothing changes ({runs} logs a row): share of the logs that tell a change\n\n"
        f"Of all {runs * len(SAME):,} logs together: {share:.3f}.\n\n"
        + table(("traffic", "any", *names), same)
        + f"\n\n### A change at prompt {SINCE:,} ({few} logs a row): share told\n\n"
        + table(
            ("change", "in 1,000 prompts", f"in {PROMPTS - SINCE:,}", "median delay", *names),
            changes,
        )
        + f"\n\nBound of {ALPHA:.0%} {'broken by: ' + ', '.join(broken) if broken else 'kept'}.",
        how,
    )


if __name__ == "__main__":
    main()
