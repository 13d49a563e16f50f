"""The pairs of a run: the state of each, in the order that a reviewer reads them, and packed.

Rows and texts are stored in the page as gzip and base64: small, and never parsed as markup.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rmcheck.record.scores import PairScore
from rmcheck.record.table import ScoreTable
from rmcheck.report.input import PairTexts, TextsOf
from rmcheck.report.text import clean, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PairState = Literal["newly_wrong", "both_wrong", "wrong", "newly_right", "kept", "right"]

STATES: tuple[PairState, ...] = (
    "newly_wrong",
    "both_wrong",
    "wrong",
    "newly_right",
    "kept",
    "right",
)
_AT = {state: place for place, state in enumerate(STATES)}
FAILING = frozenset({"newly_wrong", "both_wrong", "wrong", "newly_right"})
_RANKS = (0, 1, 1, 2, 3, 3)
"""Of each state: in which order a reviewer reads them."""
_CHUNK = 160_000


MOST_ROWS = 100_000
"""The page lists so many pairs at most, and those that checks name."""
MOST_TEXT = 4_500_000
"""Characters that the packed texts of failing pairs take at most."""


class Pair(NamedTuple):
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
    import numpy as np

    table, old = ScoreTable.of(scores), ScoreTable.of(baseline or ())
    chosen, rejected = np.array(table.chosen), np.array(table.rejected)
    places = np.array(_places(table, old), dtype=np.intp)
    compared = places >= 0
    before: list[tuple[float, float] | None] = [None] * len(table)
    win, earlier = _wins(chosen, rejected), np.full(len(table), np.nan)
    if compared.any():
        both = np.array(old.chosen)[places], np.array(old.rejected)[places]
        earlier = np.where(compared, _wins(*both), np.nan)
        kept = zip(compared.tolist(), *(column.tolist() for column in both), strict=True)
        before = [(first, second) if known else None for known, first, second in kept]
    states = np.select(
        [~compared & (win == 1), ~compared, win < earlier, win > earlier, win == 1],
        [_AT["right"], _AT["wrong"], _AT["newly_wrong"], _AT["newly_right"], _AT["kept"]],
        _AT["both_wrong"],
    )
    with np.errstate(over="ignore"):
        margins = chosen - rejected
    names = list(zip(table.suites, table.ids, strict=True))
    order = _order(np.array(_RANKS)[states], margins, names)
    return tuple(
        Pair(
            table.suites[row],
            table.ids[row],
            table.hashes[row],
            table.tags[row],
            better,
            worse,
            before[row],
            STATES[state],
        )
        for row, better, worse, state in zip(
            order.tolist(),
            chosen[order].tolist(),
            rejected[order].tolist(),
            states[order].tolist(),
            strict=True,
        )
    )


def _places(table: ScoreTable, old: ScoreTable) -> list[int]:
    """The row in `old` of the same texts in the same suite; -1 without one."""
    known: dict[str, dict[str, int]] = {}
    for row, (suite, stamp) in enumerate(zip(old.suites, old.hashes, strict=True)):
        known.setdefault(suite, {}).setdefault(stamp, row)
    if not known:
        return [-1] * len(table)
    nothing: dict[str, int] = {}
    both = zip(table.suites, table.hashes, strict=True)
    return [known.get(suite, nothing).get(stamp, -1) for suite, stamp in both]


def _wins(chosen: NDArray[np.float64], rejected: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return np.asarray((chosen > rejected) + 0.5 * (chosen == rejected), dtype=np.float64)


def _order(
    ranks: NDArray[np.intp], margins: NDArray[np.float64], names: Sequence[tuple[str, str]]
) -> NDArray[np.intp]:
    """The rows by rank, then margin, then name; all columns of length n."""
    import numpy as np

    order = np.lexsort((margins, ranks))
    ranks, margins = ranks[order], margins[order]
    equal = (ranks[1:] == ranks[:-1]) & (margins[1:] == margins[:-1])
    edges = np.flatnonzero(np.diff(np.concatenate([[False], equal, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2).tolist():
        order[start : end + 1] = sorted(order[start : end + 1].tolist(), key=names.__getitem__)
    return order


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
        once.append(members[0]._replace(also_in=tuple(also_in)))
    return tuple(once)


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
    room, most = _CHUNK, MOST_TEXT if texts_of == "failing" else math.inf
    taken = 0
    rows: list[list[Any]] = []
    with_text = 0
    for pair in ordered:
        found = None if taken > most else carried(pair, texts, texts_of)
        place = -1
        if found is not None:
            three = [clean(found.prompt), clean(found.chosen), clean(found.rejected)]
            size = sum(map(len, three))
            if chunk and size > room:
                chunks.append(_packed(chunk))
                taken += len(chunks[-1])
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
                _AT[pair.state],
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
