"""Watches a log: learns its reference, then bets block by block that nothing has changed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from rmcheck.errors import UsageError
from rmcheck.monitor.aspect import (
    KINDS,
    LENGTH,
    PROMPTS,
    SCORES,
    SHARES,
    TIES,
    TUPLE,
    Aspect,
    Kind,
    edges_of,
    longer_ahead,
    tied,
)
from rmcheck.monitor.log import LogRow
from rmcheck.monitor.units import units
from rmcheck.monitor.vocabulary import Vocabulary
from rmcheck.monitor.window import Mean, Window, Windows
from rmcheck.wording import counted

BLOCK = 100
"""Prompts of a block. Evidence is added, and looked at, a block at a time."""
REFERENCE = 2000
LEAST_REFERENCE = 400
MOST_LEARNT = 20_000
"""So many prompts of the reference at most set the bins and the known words, else its half."""
CHART_BINS = 40


Unit = tuple[LogRow, int]
"""A row of a prompt, and how many rows the prompt had."""


@dataclass(frozen=True)
class Crossing:
    """Where the evidence became enough: the row of the log (from 1), and its time."""

    row: int
    time: float | None


@dataclass
class Watched:
    """What came of a log.

    `skipped` says why an aspect was not watched. `crossed` has the place of each change, `bars`
    the ends of the bins of `reference_bins` and of the windows. Of the log itself the first
    `own_reference` rows are the reference. `prompts` were bet on, `waiting` are at the
    end and do not fill a block. `backwards` counts rows earlier than the row before, `gap` is the
    longest step back in seconds.
    """

    alpha: float
    aspects: dict[str, Aspect] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    crossed: dict[str, Crossing] = field(default_factory=dict)
    windows: Windows = field(default_factory=Windows)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    bars: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    reference_bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    reference_rows: int = 0
    own_reference: int = 0
    rows: int = 0
    prompts: int = 0
    waiting: int = 0
    backwards: int = 0
    gap: float = 0.0
    last_time: float | None = None

    @property
    def threshold(self) -> float:
        """What the capital of an aspect must reach: alpha is shared by all aspects."""
        return len(KINDS) / self.alpha

    @property
    def drifted(self) -> list[Kind]:
        """The aspects that changed, in their order."""
        return [kind for kind in KINDS if kind.name in self.crossed]


def watch(
    rows: Iterable[LogRow],
    baseline: Iterable[LogRow] | None = None,
    *,
    alpha: float = 0.05,
    reference: int = REFERENCE,
    seed: int = 0,
) -> Watched:
    """Read a log and tell whether, and since when, it changed.

    Parameters
    ----------
    rows
        The log, in the order of time; it is read once and not kept.
    baseline
        The rows that it is compared with; None: the first `reference` prompts of the log itself.
    alpha
        The probability, over all looks and aspects together, of a change that is not there.
    seed
        Draws the response of each prompt, and breaks ties between bins.

    Notes
    -----
    If prompts with their responses are exchangeable (any order is as likely, as for independent
    draws from one traffic), the capital of each aspect is a nonnegative martingale that starts
    at 1, and ever reaches k/alpha with probability at most alpha/k, for k aspects.
    """
    rng = np.random.default_rng(seed)
    found = Watched(alpha)
    stream = units(_timed(rows, found), rng)
    if baseline is None:
        given = list(islice(stream, reference))
        if len(given) < reference:
            raise UsageError(
                f"the log has {counted(len(given), 'prompt')}; expected more than the reference "
                f"of {reference:,}: wait for more rows, lower --reference (at least "
                f"{LEAST_REFERENCE:,}), or name another log with --baseline"
            )
        rest: Iterator[Unit] = iter(())
    else:
        rest = units(baseline, rng)
        given = list(islice(rest, 2 * MOST_LEARNT))
        if len(given) < LEAST_REFERENCE:
            raise UsageError(
                f"the baseline has {counted(len(given), 'prompt')}; expected at least "
                f"{LEAST_REFERENCE:,}: use a longer one"
            )
    first = next(stream, None)
    if first is None:
        raise UsageError(
            "the log has no rows after the reference; wait for more, lower --reference, or name "
            "another log with --baseline"
        )
    _learn(found, given, first[0])
    for block in _blocks(rest):
        _count(found, block)
    if baseline is None:
        found.own_reference = found.reference_rows
    for block in _whole_blocks(chain([first], stream), found):
        _bet(found, block, rng)
    if not found.prompts:
        raise UsageError(
            f"the log has {counted(found.waiting, 'prompt')} after the reference; expected more "
            f"than {BLOCK}, the length of a block: wait for more rows, lower --reference, or name "
            "another log with --baseline"
        )
    return found


def _blocks(stream: Iterable[Unit]) -> Iterator[list[Unit]]:
    them = iter(stream)
    while block := list(islice(them, BLOCK)):
        yield block


def _whole_blocks(stream: Iterable[Unit], found: Watched) -> Iterator[list[Unit]]:
    """Blocks behind which another prompt follows, so the next reading has the same ones."""
    block: list[Unit] = []
    for unit in stream:
        if len(block) == BLOCK:
            yield block
            block = []
        block.append(unit)
    found.waiting = len(block)


def _timed(rows: Iterable[LogRow], found: Watched) -> Iterable[LogRow]:
    """The rows, counted, with a note of those that are earlier than the row before."""
    for row in rows:
        found.rows += 1
        if row.time is not None:
            if found.last_time is not None and row.time < found.last_time:
                found.backwards += 1
                found.gap = max(found.gap, found.last_time - row.time)
            found.last_time = row.time
        yield row


def _learn(found: Watched, given: list[Unit], first: LogRow) -> None:
    """Set bins and known words by the first half of the reference, and count the second half.

    Only the second half may be counted: the values that set the bins are not exchangeable with
    those that are put into them. `first` is a row of the log that is to be watched.
    """
    half = len(given) // 2
    learnt = [row for row, _ in given[:half]]
    for row in learnt:
        found.vocabulary.learn(row.prompt or "")
    scores = np.array([row.score for row in learnt])
    low, high = np.quantile(scores, (0.005, 0.995))
    room = max(high - low, 1e-9 * max(abs(high), 1.0)) / 4
    found.bars = np.linspace(low - room, high + room, CHART_BINS + 1)
    found.reference_bins = np.zeros(CHART_BINS, dtype=np.int64)
    found.skipped = {**_skipped(learnt[0], "the baseline"), **_skipped(first, "the log")}
    for kind in KINDS:
        if kind.name not in found.skipped:
            edges = {SCORES: edges_of(scores), PROMPTS: SHARES}.get(kind)
            found.aspects[kind.name] = Aspect(kind, edges)
    found.reference_rows = sum(rows for _, rows in given[:half])
    _count(found, given[half:])


def _count(found: Watched, part: list[Unit]) -> None:
    """Count a part of the reference."""
    rows = [row for row, _ in part]
    values = _values(found, rows)
    for name, aspect in found.aspects.items():
        aspect.count(values[name], shown(aspect.kind, values[name]))
    found.reference_bins += _bars(found, rows)
    found.reference_rows += sum(length for _, length in part)


def _skipped(row: LogRow, where: str) -> dict[str, str]:
    skipped = {}
    if row.response is None:
        skipped[LENGTH.name] = f"{where} has no responses"
    if row.prompt is None:
        skipped[PROMPTS.name] = f"{where} has no prompts"
    return skipped


def _values(
    found: Watched, rows: list[LogRow], *, count: bool = False
) -> dict[str, NDArray[np.float64]]:
    """The values of each aspect in some rows; rows that fill no tuple or pair are left out."""
    scores = np.array([row.score for row in rows])
    values = {SCORES.name: scores}
    texts = [(row.prompt, row.response) if row.response is not None else index
             for index, row in enumerate(rows)]  # fmt: skip
    starts = range(0, len(rows) - TUPLE + 1, TUPLE)
    values[TIES.name] = np.array(
        [tied(scores[at : at + TUPLE].tolist(), texts[at : at + TUPLE]) for at in starts],
        dtype=np.float64,
    )
    if LENGTH.name not in found.skipped:
        lengths = np.array([len(row.response or "") for row in rows], dtype=np.float64)
        even = len(rows) // 2 * 2
        values[LENGTH.name] = longer_ahead(scores[:even], lengths[:even])
    if PROMPTS.name not in found.skipped:
        values[PROMPTS.name] = np.array(
            [found.vocabulary.unseen(row.prompt or "", count=count) for row in rows]
        )
    return values


def shown(kind: Kind, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values as they are reported: shares for ties and lengths."""
    return values / TUPLE if kind is TIES else values / 2 if kind is LENGTH else values


def _bars(found: Watched, rows: list[LogRow]) -> NDArray[np.int64]:
    scores = np.clip([row.score for row in rows], found.bars[0], found.bars[-1])
    return np.histogram(scores, found.bars)[0].astype(np.int64)


def _bet(found: Watched, block: list[Unit], rng: np.random.Generator) -> None:
    """Bet on a block of the log, and keep it for the charts."""
    rows = [row for row, _ in block]
    before = found.windows.kept[-1].rows if found.windows.kept else found.own_reference
    end = before + sum(length for _, length in block)
    values = _values(found, rows, count=True)
    means = {}
    for name, aspect in found.aspects.items():
        aspect.bet(values[name], rng)
        means[name] = Mean()
        means[name].add(shown(aspect.kind, values[name]))
        if name not in found.crossed and aspect.capital.peak >= math.log(found.threshold):
            found.crossed[name] = Crossing(end, rows[-1].time)
    found.prompts += len(rows)
    capital = {name: each.capital.log / math.log(10) for name, each in found.aspects.items()}
    found.windows.add(Window(end, rows[0].time, rows[-1].time, means, capital, _bars(found, rows)))
