"""Pairs whose label every reward source contradicts: candidates for wrong labels, worst first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import PreferencePair
from rmcheck.errors import SourceError
from rmcheck.lint import finding as kinds
from rmcheck.lint.finding import Finding, Place
from rmcheck.lint.pool import PlacedPair, Pool
from rmcheck.wording import counted, listed

Margins = NDArray[np.float64]
"""(k, n): the score of the chosen response less that of the rejected one, by k sources for n pairs;
NaN where a source has no score."""

Scorer = Callable[[Sequence[PreferencePair]], Margins]


@dataclass(frozen=True)
class Auditors:
    """The sources that judge the labels: their names, and what gives their margins.

    `most` asks for more than half of them to contradict a label instead of all.
    """

    names: tuple[str, ...]
    margins: Scorer
    most: bool = False


@dataclass(frozen=True, kw_only=True)
class Auditor:
    """One source over all pairs that it has scored: `wrong` of `pairs` have a negative margin.

    `spread` is the root mean square of its margins, the unit in which its contradictions are given.
    """

    name: str
    pairs: int
    wrong: int
    spread: float


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A pair whose label is contradicted, with each source's margin in units of its spread.

    `units` are negative where a source contradicts the label, None where it has no score; `median`
    is that of the units, by which candidates are sorted.
    """

    pair: PlacedPair
    units: tuple[float | None, ...]
    against: int
    median: float

    @property
    def place(self) -> Place:
        """The file and line of the pair."""
        return self.pair.place

    @property
    def item(self) -> PreferencePair:
        """The pair itself."""
        return self.pair.item


@dataclass(frozen=True, kw_only=True)
class LabelAudit:
    """Which labels are contradicted, worst first, out of the `judged` pairs that can be.

    `expected` is how many would be if each source were wrong as often as it is, but independently
    of the others. Sources fail on the same hard pairs, so more than that proves nothing.
    """

    auditors: tuple[Auditor, ...]
    doubts: tuple[Doubt, ...]
    judged: int
    unscored: int
    most: bool
    expected: float


def audit_labels(pool: Pool, auditors: Auditors) -> LabelAudit:
    """Find the pairs whose label all sources (or most) contradict.

    A pair counts where all sources have scored it; with `most`, where more than half of them have.
    A tie contradicts nothing.

    Raises
    ------
    SourceError
        If a source has no score for any pair.
    """
    margins = auditors.margins([pair.item for pair in pool.pairs])
    found = tuple(_auditor(name, row) for name, row in zip(auditors.names, margins, strict=True))
    empty = [one.name for one in found if not one.pairs]
    if empty:
        raise SourceError(
            f"--scores: {listed(empty)} {'has' if len(empty) == 1 else 'have'} no score for any of "
            f"the {counted(len(pool.pairs), 'pair')}; give scores of these data"
        )
    k = len(found)
    needed = k // 2 + 1 if auditors.most else k
    known = ~np.isnan(margins)
    enough = known.sum(axis=0) >= needed
    against = (np.where(known, margins, 0.0) < 0.0).sum(axis=0)
    spreads = np.array([one.spread for one in found])[:, None]
    units = np.divide(margins, spreads, out=np.zeros_like(margins), where=spreads > 0)
    units[~known] = np.nan
    doubts = []
    for index in np.flatnonzero(enough & (against >= needed)):
        column = units[:, index]
        doubts.append(
            Doubt(
                pair=pool.pairs[int(index)],
                units=tuple(None if np.isnan(unit) else float(unit) for unit in column),
                against=int(against[index]),
                median=float(np.nanmedian(column)),
            )
        )
    doubts.sort(key=lambda doubt: (doubt.median, doubt.place))
    rates = [one.wrong / one.pairs if one.pairs else 0.0 for one in found]
    return LabelAudit(
        auditors=found,
        doubts=tuple(doubts),
        judged=int(enough.sum()),
        unscored=int((~enough).sum()),
        most=auditors.most,
        expected=int(enough.sum()) * at_least(rates, needed),
    )


def at_least(rates: Sequence[float], needed: int) -> float:
    """The chance that at least `needed` of independent events of these probabilities happen.

    >>> at_least([0.5, 0.5], 2), at_least([0.5, 0.5, 0.5], 2), at_least([0.1], 0)
    (0.25, 0.5, 1.0)
    """
    chances = np.array([1.0])
    for rate in rates:
        chances = np.convolve(chances, [1.0 - rate, rate])
    return float(chances[needed:].sum())


def _auditor(name: str, margins: NDArray[np.float64]) -> Auditor:
    known = margins[~np.isnan(margins)]
    return Auditor(
        name=name,
        pairs=len(known),
        wrong=int((known < 0).sum()),
        spread=float(np.sqrt(np.mean(np.square(known)))) if len(known) else 0.0,
    )


def label_findings(audit: LabelAudit | None) -> Iterator[Finding]:
    """A finding for each file with contradicted labels, about the worst of them."""
    if audit is None:
        return
    files: dict[str, list[Doubt]] = {}
    for doubt in audit.doubts:
        files.setdefault(doubt.place.path, []).append(doubt)
    for doubts in files.values():
        worst = doubts[0]
        yield Finding(
            kind=kinds.DOUBTFUL_LABEL,
            place=worst.place,
            message=f"{who(audit)} contradict the label of {counted(len(doubts), 'pair')} of this "
            f"file; the worst is '{worst.item.id}' on this line",
            related=tuple(doubt.place for doubt in doubts[1:]),
        )


def who(audit: LabelAudit) -> str:
    """Which sources have to agree, for the beginning of a sentence."""
    k = len(audit.auditors)
    return (
        f"more than half of {k} sources"
        if audit.most
        else "both sources"
        if k == 2
        else f"all {k} sources"
    )


def audit_json(audit: LabelAudit) -> Mapping[str, object]:
    """The audit as plain values, every candidate, worst first."""
    names = [one.name for one in audit.auditors]
    return {
        "sources": [vars(one) for one in audit.auditors],
        "most": audit.most,
        "judged": audit.judged,
        "unscored": audit.unscored,
        "expected_if_independent": audit.expected,
        "candidates": [
            {
                "path": doubt.place.path or None,
                "line": doubt.place.line or None,
                "id": doubt.item.id,
                "tags": list(doubt.item.tags),
                "against": doubt.against,
                "median": doubt.median,
                "units": dict(zip(names, doubt.units, strict=True)),
            }
            for doubt in audit.doubts
        ],
    }
