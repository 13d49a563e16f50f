"""How far a served model is from its local copy, and what explains it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from rmcheck.compare.comparison import Comparison, Side
from rmcheck.data import Dialogue, PreferencePair
from rmcheck.errors import RmcheckError
from rmcheck.sources.judge import Judge
from rmcheck.sources.model_source import HeadedModel
from rmcheck.sources.served import ServedSource
from rmcheck.suite import Suite

NEAR = 1e-3
"""A largest difference of rewards that is rounding: batches and kernels differ."""


def lines(
    candidate: Side, baseline: Side, comparison: Comparison, suites: Sequence[Suite]
) -> Iterator[str]:
    """The largest difference of rewards in each suite, and its cause; none without a server."""
    given = (candidate.given, baseline.given)
    # A judge has no local copy: its grades are in another unit than rewards.
    if any(isinstance(one, Judge) for one in given) or not any(
        isinstance(one, ServedSource) for one in given
    ):
        return
    explained = False
    for suite, paired in comparison.paired.items():
        if not paired.ids:
            continue
        apart = np.abs(paired.now - paired.before)
        row, column = divmod(int(apart.argmax()), 2)
        side = ("chosen", "rejected")[column]
        yield (
            f"{suite}: rewards differ by at most {apart.max():.2g} "
            f"({paired.ids[row]}/{side}: {paired.now[row, column]:.4f}, "
            f"{paired.before[row, column]:.4f}), by {apart.mean():.2g} on average"
        )
        if apart.max() > NEAR and not explained:
            explained = True
            yield f"       {_explained(candidate, baseline, apart, paired.ids, suite, suites)}"


def _explained(
    candidate: Side,
    baseline: Side,
    apart: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    ids: Sequence[str],
    suite: str,
    suites: Sequence[Suite],
) -> str:
    from rmcheck.sources.served_causes import MOST_TEXTS, cause

    local = next((x for x in (candidate.given, baseline.given) if isinstance(x, HeadedModel)), None)
    served = next(
        (x for x in (candidate.given, baseline.given) if isinstance(x, ServedSource)), None
    )
    if local is None or served is None:
        return "cause: not looked for; it needs the local model on the other side (hf:FOLDER)"
    pairs = _pairs(suite, suites)
    order = [ids[row] for row in np.argsort(-apart.max(axis=1)) if ids[row] in pairs]
    dialogues: list[Dialogue] = [
        side for name in order[: MOST_TEXTS // 2] for side in pairs[name].dialogues()
    ]
    if not dialogues:
        return "cause: not looked for; the pairs are not those of one suite"
    try:
        found = cause(local, dialogues, served.score(dialogues))
    except RmcheckError as error:
        return f"cause: not found ({error})"
    return f"cause: {found}" if found else "cause: not found; rmcheck doctor shows more"


def _pairs(name: str, suites: Sequence[Suite]) -> Mapping[str, PreferencePair]:
    for suite in suites:
        if suite.name == name:
            return {pair.id: pair for pair in suite.data.pairs}
    return {}
