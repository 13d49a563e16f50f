"""Several recipes trained, side by side where that is faster; none that is in the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rmcheck.engine.trainings import train_missing
from rmcheck.errors import RmcheckError
from rmcheck.progress import Progress
from rmcheck.sources.recipe import RecipeSource


def train_all(sources: Sequence[RecipeSource], progress: Progress) -> Mapping[int, Exception]:
    """Train these recipes; what is cached is not trained again.

    A study that is stopped continues here: its first trainings are in the cache.

    Returns
    -------
    What went wrong, by the place in `sources`: one that fails stops no other.
    """
    early = train_missing(sources, progress)
    failed: dict[int, Exception] = {}
    for place, source in enumerate(sources):
        if id(source) in early:
            failed[place] = early[id(source)]
            continue
        try:
            source.train()
        except RmcheckError as error:
            failed[place] = error
    return failed
