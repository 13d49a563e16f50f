"""What two sets of files have in common: prompts, nearly the same prompts, responses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rmcheck.lint import finding as kinds
from rmcheck.lint.duplicates import NEAR_PROMPT, SHORT, Gathered, places
from rmcheck.lint.finding import Finding, clip, listed
from rmcheck.lint.pool import PlacedPair, PlacedSet, Pool
from rmcheck.lint.shingles import near_duplicates, words

NEARLY_EQUAL = 0.7
"""Jaccard similarity of word triples from which a resembling prompt counts as leaked."""


def leakage_findings(pool: Pool, foreign: Sequence[PlacedPair | PlacedSet]) -> Iterator[Finding]:
    """A finding for each prompt and each response of `pool` that is also in foreign rows.

    Rows of a file that is in the pool itself are left out of `foreign`.
    """
    rows = [row for row in foreign if row.place.path not in pool.paths]
    if not rows:
        return
    mine = Gathered((row.prompt, row) for row in pool.rows)
    theirs = Gathered((row.prompt, row) for row in rows)
    for prompt in mine:
        if prompt and prompt in theirs:
            first, *others = [*places(mine[prompt])[:1], *places(theirs[prompt])]
            yield Finding(
                kind=kinds.LEAKED_PROMPT,
                place=first,
                message=f"{clip(prompt)} is also at {listed(others)}",
                related=tuple(others),
            )
    texts = [*(text for text in mine if text not in theirs), *theirs]
    sides = np.array([text in theirs for text in texts], dtype=np.bool_)
    near = near_duplicates(texts, threshold=NEAR_PROMPT, sides=sides)
    # Ours come first in `texts`, so the first of each pair is ours; the nearest one is reported.
    nearest: dict[int, tuple[float, int]] = {}
    for a, b, jaccard in zip(near.first, near.second, near.jaccard, strict=True):
        nearest[int(a)] = max(nearest.get(int(a), (0.0, 0)), (float(jaccard), int(b)))
    for index, (jaccard, found) in nearest.items():
        place = theirs[texts[found]][0].place
        yield Finding(
            kind=kinds.LEAKED_PROMPT if jaccard >= NEARLY_EQUAL else kinds.SIMILAR_PROMPT,
            place=mine[texts[index]][0].place,
            message=f"{clip(texts[index])} resembles {clip(texts[found])} at {place} "
            f"({jaccard:.0%} of the word triples)",
            related=(place,),
        )
    yield from _responses(pool, rows)


def _responses(pool: Pool, rows: Sequence[PlacedPair | PlacedSet]) -> Iterator[Finding]:
    theirs = Gathered((text.strip(), row) for row in rows for text in row.responses)
    mine = Gathered((text.strip(), row) for row in pool.rows for text in row.responses)
    for text in mine:
        if text in theirs and len(words(text)) >= SHORT:
            others = places(theirs[text])
            yield Finding(
                kind=kinds.LEAKED_RESPONSE,
                place=mine[text][0].place,
                message=f"{clip(text)} is also at {listed(others)}",
                related=tuple(others),
            )
