"""The pairs of a run: the state of each, in the order that a reviewer reads them, and packed.

Rows and texts are stored in the page as gzip and base64: small, and never parsed as markup.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rmcheck.record.scores import PairScore
from rmcheck.record.table import ScoreTable
from rmcheck.report.input import PairTexts, TextsOf
from rmcheck.report.text import clean, one_line

PairState = Literal["newly_wrong", "both_wrong", "wrong", "newly_right", "kept", "right"]

STATES: tuple[PairState, ...] = (
    "newly_wrong",
    "both_wrong",
    "wrong",
    "newly_right",
    "kept",
    "right",
)
FAILING = frozenset({"newly_wrong", "both_wrong", "wrong", "newly_right"})
_RANK = {"newly_wrong": 0, "both_wrong": 1, "wrong": 1, "newly_right": 2, "kept": 3, "right": 3}
_CHUNK = 160_000


MOST_ROWS = 100_000
"""The page lists so many pairs at most, and those that checks name."""
MOST_TEXT = 4_500_000
"""Characters that the packed texts of failing pairs take at most."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One pair with the candidate's scores and the baseline's, if it scored the same texts.

    `also_in` names further suites that contain the same pair (see `distinct`).
    """

    suite: str
    id: str
    hash: str
    tags: tuple[str, ...]
    chosen: float
    rejected: float
    baseline: tuple[float, float] | None
    state: PairState
    also_in: tuple[str, ...] = ()

    @property
    def suites(self) -> tuple[str, ...]:
        """Every suite that contains it, `suite` first."""
        return (self.suite, *self.also_in)

    @property
    def margin(self) -> float:
        """Chosen minus rejected: above 0 the better answer scores higher."""
        return self.chosen - self.rejected

    @property
    def baseline_margin(self) -> float | None:
        """The baseline's margin, in the baseline's own unit."""
        return None if self.baseline is None else self.baseline[0] - self.baseline[1]


@dataclass(frozen=True)
class Packed:
    """The pair data of a page: rows and chunks of texts, each gzip in base64.

    `listed` pairs have a row, `with_text` of them their texts.
    """

    rows: str
    chunks: tuple[str, ...]
    with_text: int
    listed: int


def pairs(scores: Sequence[PairScore], baseline: Sequence[PairScore] | None) -> tuple[Pair, ...]:
    """All pairs: newly wrong first, then wrong, newly right and right; worst margin first.

    The baseline's scores count only for the same texts (by hash): an edited pair is one that the
    baseline has not scored.
    """
    before: dict[tuple[str, str], tuple[float, float]] = {}
    if baseline:
        old = ScoreTable.of(baseline)
        for suite, stamp, *both in zip(
            old.suites, old.hashes, old.chosen, old.rejected, strict=True
        ):
            before.setdefault((suite, stamp), (both[0], both[1]))
    table = ScoreTable.of(scores)
    made = [
        _pair(suite, name, stamp, tags, (chosen, rejected), before.get((suite, stamp)))
        for suite, name, stamp, _, tags, chosen, rejected, *_ in zip(*table.columns, strict=True)
    ]
    return tuple(
        sorted(made, key=lambda pair: (_RANK[pair.state], pair.margin, pair.suite, pair.id))
    )


def distinct(ordered: Sequence[Pair]) -> tuple[Pair, ...]:
    """Each pair once, in the same order, under the smallest of its suites."""
    sizes = Counter(pair.suite for pair in ordered)
    if len(sizes) == 1 and len({pair.id for pair in ordered}) == len(ordered):
        return tuple(ordered)
    same: dict[tuple[object, ...], list[Pair]] = {}
    for pair in ordered:
        key = (pair.id, pair.hash, pair.chosen, pair.rejected, pair.baseline)
        same.setdefault(key, []).append(pair)
    once = []
    for members in same.values():
        members.sort(key=lambda pair: (sizes[pair.suite], pair.suite))
        also_in = dict.fromkeys(pair.suite for pair in members[1:])
        once.append(replace(members[0], also_in=tuple(also_in)))
    return tuple(once)


def _pair(
    suite: str,
    name: str,
    stamp: str,
    tags: tuple[str, ...],
    scores: tuple[float, float],
    baseline: tuple[float, float] | None,
) -> Pair:
    return Pair(
        suite=suite,
        id=name,
        hash=stamp,
        tags=tags,
        chosen=scores[0],
        rejected=scores[1],
        baseline=baseline,
        state=_state(_win(*scores), baseline and _win(*baseline)),
    )


def _win(chosen: float, rejected: float) -> float:
    return 1.0 if chosen > rejected else 0.5 if chosen == rejected else 0.0


def _state(now: float, before: float | None) -> PairState:
    if before is None:
        return "right" if now == 1 else "wrong"
    if now < before:
        return "newly_wrong"
    if now > before:
        return "newly_right"
    return "kept" if now == 1 else "both_wrong"


def carried(pair: Pair, texts: Mapping[str, PairTexts], texts_of: TextsOf) -> PairTexts | None:
    """The texts that the report includes for a pair, or None."""
    if texts_of == "none" or (texts_of == "failing" and pair.state not in FAILING):
        return None
    return texts.get(pair.hash)


def pack(
    ordered: Sequence[Pair],
    texts: Mapping[str, PairTexts],
    texts_of: TextsOf,
    named: Mapping[str, Sequence[Pair]],
) -> Packed:
    """Rows and texts of all pairs for the page's script.

    `named` maps a check's id to the pairs that its evidence names. Texts go into chunks in the
    order of the rows, so that what is on the screen needs one or two. Of more than `MOST_ROWS`
    pairs the first ones are listed, and those that checks name; texts of failing pairs end with
    the chunk that exceeds `MOST_TEXT`.
    """
    ordered = _listed(ordered, named)
    suites = list(dict.fromkeys(suite for pair in ordered for suite in pair.suites))
    tags = sorted({tag for pair in ordered for tag in pair.tags})
    suite_at = {name: index for index, name in enumerate(suites)}
    tag_at = {name: index for index, name in enumerate(tags)}
    chunks: list[str] = []
    chunk: list[list[str]] = []
    room, most = _CHUNK, MOST_TEXT if texts_of == "failing" else None
    rows: list[list[Any]] = []
    with_text = 0
    for pair in ordered:
        full = most is not None and sum(map(len, chunks)) > most
        found = None if full else carried(pair, texts, texts_of)
        place = -1
        if found is not None:
            three = [clean(found.prompt), clean(found.chosen), clean(found.rejected)]
            size = sum(map(len, three))
            if chunk and size > room:
                chunks.append(_packed(chunk))
                chunk, room = [], _CHUNK
            room -= size
            chunk.append(three)
            place = len(chunks)
            with_text += 1
        rows.append(
            [
                [suite_at[suite] for suite in pair.suites],
                clean(pair.id),
                [tag_at[tag] for tag in pair.tags],
                _short(pair.chosen),
                _short(pair.rejected),
                *(map(_short, pair.baseline) if pair.baseline else (None, None)),
                STATES.index(pair.state),
                place,
            ]
        )
    if chunk:
        chunks.append(_packed(chunk))
    asked = {(pair.suite, pair.id) for each in named.values() for pair in each}
    at = {
        (suite, pair.id): index
        for index, pair in enumerate(ordered)
        for suite in pair.suites
        if (suite, pair.id) in asked
    }
    payload = {
        "suites": [one_line(name) for name in suites],
        "tags": [one_line(name) for name in tags],
        "rows": rows,
        "checks": {
            clean(check): sorted({at[pair.suite, pair.id] for pair in named[check]})
            for check in sorted(named)
        },
    }
    return Packed(_packed(payload), tuple(chunks), with_text, len(rows))


def _listed(ordered: Sequence[Pair], named: Mapping[str, Sequence[Pair]]) -> Sequence[Pair]:
    """The pairs that have a row, in the same order."""
    if len(ordered) <= MOST_ROWS:
        return ordered
    asked = {(pair.suite, pair.id) for each in named.values() for pair in each}
    rest = (pair for pair in ordered[MOST_ROWS:] if any((s, pair.id) in asked for s in pair.suites))
    return [*ordered[:MOST_ROWS], *rest]


def _short(score: float) -> float:
    return float(f"{score:.7g}")


def _packed(value: object) -> str:
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    buffer = io.BytesIO()
    # Without name and time in the header, the same run renders to the same bytes.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(raw)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
