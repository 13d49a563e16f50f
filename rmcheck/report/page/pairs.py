"""The pairs of a run: what became of each, in the order that a reviewer reads them, and packed.

Rows and texts travel inside the page as gzip and base64: small, and free of anything that an HTML
parser could take for markup.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rmcheck.record.run import PairScore
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


@dataclass(frozen=True)
class Pair:
    """One pair with the candidate's scores and, where the baseline scored the same texts, its."""

    suite: str
    id: str
    hash: str
    tags: tuple[str, ...]
    chosen: float
    rejected: float
    baseline: tuple[float, float] | None
    state: PairState

    @property
    def margin(self) -> float:
        """Chosen minus rejected: above 0 the better answer is ahead."""
        return self.chosen - self.rejected

    @property
    def baseline_margin(self) -> float | None:
        """The baseline's margin, in the baseline's own unit."""
        return None if self.baseline is None else self.baseline[0] - self.baseline[1]


@dataclass(frozen=True)
class Packed:
    """The pair data of a page: rows and chunks of texts, each gzip in base64."""

    rows: str
    chunks: tuple[str, ...]
    with_text: int


def pairs(scores: Sequence[PairScore], baseline: Sequence[PairScore] | None) -> tuple[Pair, ...]:
    """All pairs: newly wrong first, then wrong, newly right and right; worst margin first.

    The baseline's scores count only where it scored the very same texts (by hash), so an edited
    pair stands as one that the baseline has not seen.
    """
    before: dict[tuple[str, str], tuple[float, float]] = {}
    for row in baseline or ():
        before.setdefault((row.suite, row.hash), (row.chosen, row.rejected))
    made = [_pair(row, before.get((row.suite, row.hash))) for row in scores]
    return tuple(
        sorted(made, key=lambda pair: (_RANK[pair.state], pair.margin, pair.suite, pair.id))
    )


def _pair(row: PairScore, baseline: tuple[float, float] | None) -> Pair:
    return Pair(
        suite=row.suite,
        id=row.id,
        hash=row.hash,
        tags=tuple(row.tags),
        chosen=row.chosen,
        rejected=row.rejected,
        baseline=baseline,
        state=_state(_win(row.chosen, row.rejected), baseline and _win(*baseline)),
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
    """The texts that the report carries for a pair, None where it carries none."""
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
    order of the rows, so that what is on the screen needs one or two.
    """
    suites = list(dict.fromkeys(pair.suite for pair in ordered))
    tags = sorted({tag for pair in ordered for tag in pair.tags})
    suite_at = {name: index for index, name in enumerate(suites)}
    tag_at = {name: index for index, name in enumerate(tags)}
    chunks: list[list[list[str]]] = []
    room = 0
    rows: list[list[Any]] = []
    with_text = 0
    for pair in ordered:
        found = carried(pair, texts, texts_of)
        place = -1
        if found is not None:
            three = [clean(found.prompt), clean(found.chosen), clean(found.rejected)]
            size = sum(map(len, three))
            if not chunks or size > room:
                chunks.append([])
                room = _CHUNK
            room -= size
            chunks[-1].append(three)
            place = len(chunks) - 1
            with_text += 1
        rows.append(
            [
                suite_at[pair.suite],
                clean(pair.id),
                [tag_at[tag] for tag in pair.tags],
                _short(pair.chosen),
                _short(pair.rejected),
                *(map(_short, pair.baseline) if pair.baseline else (None, None)),
                STATES.index(pair.state),
                place,
            ]
        )
    at = {(pair.suite, pair.id): index for index, pair in enumerate(ordered)}
    payload = {
        "suites": [one_line(name) for name in suites],
        "tags": [one_line(name) for name in tags],
        "rows": rows,
        "checks": {
            clean(check): sorted(at[pair.suite, pair.id] for pair in named[check])
            for check in sorted(named)
        },
    }
    return Packed(_packed(payload), tuple(_packed(chunk) for chunk in chunks), with_text)


def _short(score: float) -> float:
    return float(f"{score:.7g}")


def _packed(value: object) -> str:
    raw = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    buffer = io.BytesIO()
    # No name and no time in the header: the same run renders to the same bytes.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(raw)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
