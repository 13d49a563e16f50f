"""Pictures, tables and notes of trials: which change did what, and to which pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rmcheck.checks import evidence
from rmcheck.checks.trials import Trial, Tried
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.verdict import Estimate, Forest, HeatMap, Table
from rmcheck.wording import counted

MOST_ROWS, MOST_COLUMNS = 60, 12
"""A picture has so many changes, and so many tags, at most."""
CHANGES, BROKEN = "Changes", "broken"
"""The title of the table, and what its last column says of a change that breaks its promise."""
LEAST_OF_TAG = 5
"""A cell of the heat map is empty with fewer pairs than this."""


@dataclass(frozen=True, kw_only=True)
class Words:
    """How a check of changed texts calls what it counts.

    Parameters
    ----------
    share
        The share that is shown (`lost wins`).
    broken
        The share of broken promises (the same, or what is left of it).
    what
        What the items are (`pair`).
    moved
        The mean of the moves, in standard deviations.
    kept
        Whether `share` is the share of promises kept, 1 less that of broken ones.
    """

    share: str
    broken: str
    moved: str
    what: str = "pair"
    kept: bool = False

    def shown(self, estimate: Estimate) -> Estimate:
        """An estimate of the share of broken promises as that of the share which is shown."""
        if not self.kept:
            return estimate
        return replace(
            estimate, value=1 - estimate.value, low=1 - estimate.high, high=1 - estimate.low
        )


def forest(
    words: Words, whole: Estimate, found: Sequence[Tried], threshold: float | None
) -> Forest:
    """The share of each change with its interval, the worst first, below that of all together."""
    decided = sorted(
        (each for each in found if each.excess), key=lambda each: (-_share(each), each.trial.name)
    )
    rows = {"all changes": words.shown(whole)}
    for each in decided[: MOST_ROWS - 1]:
        if each.excess:
            rows[each.trial.name] = words.shown(each.excess.estimate)
    left = len(decided) - (MOST_ROWS - 1)
    more = f" ({left} of the least are left out)" if left > 0 else ""
    return evidence.forest(
        f"{words.share.capitalize()} by change{more}",
        rows,
        x_label=words.share,
        threshold=threshold,
    )


def _share(each: Tried) -> float:
    return each.excess.estimate.value if each.excess else -1.0


def heat_map(words: Words, found: Sequence[Tried], tags: Sequence[Sequence[str]]) -> list[HeatMap]:
    """The share of broken promises of each change on the items of each tag; none without tags.

    Parameters
    ----------
    tags : (n,) the tags of every item.
    """
    counts = Counter(tag for each in tags for tag in dict.fromkeys(each))
    common = sorted(counts, key=lambda tag: (-counts[tag], tag))
    columns = [tag for tag in common if counts[tag] >= LEAST_OF_TAG][:MOST_COLUMNS]
    applied = [each for each in found if len(each.trial.credits)]
    # Those with too few prompts to be decided come last, whatever their share is.
    order = sorted(
        applied,
        key=lambda each: (bool(each.reason), -float(each.trial.credits.mean()), each.trial.name),
    )
    rows = [each.trial for each in order[:MOST_ROWS]]
    if not columns or not rows:
        return []
    return [
        HeatMap(
            title=f"{words.broken.capitalize()} by change and tag",
            rows=tuple(trial.name for trial in rows),
            columns=tuple(columns),
            values=tuple(tuple(_cell(trial, tag, tags) for tag in columns) for trial in rows),
            label=words.broken,
            worst=0.5,
        )
    ]


def _cell(trial: Trial, tag: str, tags: Sequence[Sequence[str]]) -> float | None:
    there = np.array([tag in tags[row] for row in trial.rows], dtype=bool)
    return float(trial.credits[there].mean()) if there.sum() >= LEAST_OF_TAG else None


Extra = Mapping[str, Callable[[Tried], Any]]
"""More columns of the table, by their heads."""


def table(words: Words, found: Sequence[Tried], alpha: float, extra: Extra | None = None) -> Table:
    """A row for each change that applies to anything, those that break their promise first."""
    more = dict(extra or {})
    applied = [each for each in found if len(each.trial.credits)]
    order = sorted(applied, key=lambda each: (each.adjusted, -_share(each), each.trial.name))
    return Table(
        title=CHANGES,
        columns=(
            "change", "prompts", words.share, "low", "high", "detectable", words.moved,
            "p (no move)", "p", "adjusted p", *more, "result",
        ),
        rows=tuple(
            (*_row(words, each), *(cell(each) for cell in more.values()), _result(each, alpha))
            for each in order
        ),
    )  # fmt: skip


def _row(words: Words, each: Tried) -> tuple[Any, ...]:
    trial = each.trial
    if each.excess is None or each.shift is None:
        return (trial.name, len(set(trial.groups)), *[None] * 8)
    share = words.shown(each.excess.estimate)
    detectable = each.excess.detectable
    if detectable is not None and words.kept:
        detectable = 1 - detectable
    return (
        trial.name,
        share.n_groups,
        share.value,
        share.low,
        share.high,
        detectable,
        each.shift.value,
        each.shift.p_value,
        each.p_value,
        each.adjusted,
    )


def _result(each: Tried, alpha: float) -> str:
    if each.reason:
        return "undecidable"
    return BROKEN if each.adjusted <= alpha else "not shown"


def notes(found: Sequence[Tried]) -> tuple[str, ...]:
    """Which changes apply to nothing, and which to too few prompts, each with its number."""
    nowhere = [each.trial.name for each in found if not len(each.trial.credits)]
    few = [
        f"{each.trial.name} ({len(set(each.trial.groups))})"
        for each in found
        if each.reason and len(each.trial.credits)
    ]
    said = []
    if few:
        said.append(
            f"undecidable, fewer than {MIN_GROUPS} prompts: {counted(len(few), 'change')}: "
            + ", ".join(few)
        )
    if nowhere:
        said.append(f"applies to nothing: {counted(len(nowhere), 'change')}: {', '.join(nowhere)}")
    return tuple(said)
