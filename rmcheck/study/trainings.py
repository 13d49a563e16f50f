"""Several recipes trained, each unless its adapter is cached already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rmcheck.sources.recipe import RecipeSource


def train_all(sources: Sequence[RecipeSource]) -> list[Path]:
    """The adapters of these recipes, in order; what is cached is not trained again.

    A study that is stopped continues here: its first trainings are in the cache.

    Raises
    ------
    TrainingError
        If one of them cannot be trained.
    """
    return [source.train() for source in sources]
