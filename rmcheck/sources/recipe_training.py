"""The training of a recipe: its adapter made in a folder, here or by a process that is given it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.run import FileRecord, TrainingRecord
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import FileHashes, ModelFiles
from rmcheck.scoring.threads import wait_asleep
from rmcheck.sources.recipe_data import data_of, mixed_data_of
from rmcheck.training import adapter
from rmcheck.training.continuation import begin
from rmcheck.training.lessons import Taught
from rmcheck.training.objectives_key import reward_weights
from rmcheck.training.preparation import Shared
from rmcheck.training.recipe import Recipe
from rmcheck.training.watch import Watch

PAIR_BYTES = 1000
"""About as long as a row of training data is."""
HUB_BYTES = 500_000_000
"""About as large as data or a model of the hub is, whose size is not known here."""
PROCESS_BYTES = 1_200_000_000
COPIES = 6
"""A training needs about `PROCESS_BYTES` and so many times the bytes of its base's files."""

Examples = Sequence[PreferencePair | ResponseSet] | Taught


class OfRecipe(Protocol):
    """What a training needs of the source of its recipe."""

    spec: str
    recipe: Recipe
    options: SourceOptions
    hashes: FileHashes
    shared: Shared

    @property
    def teacher(self) -> Any:
        """The teacher that `distil` names, or None."""

    @property
    def adapter(self) -> Path:
        """The folder of the trained adapter; it may not exist yet."""

    @property
    def trained_now(self) -> bool:
        """Whether its adapter was trained for this session."""

    def train(self, watch: Watch | None = None) -> Path:
        """The adapter's folder; trains if it is missing."""

    def variant(self, spec: str, recipe: Recipe) -> OfRecipe:
        """The source of another recipe, with the same options."""

    def base_hash(self, files: ModelFiles) -> str:
        """The hash of the base model's files."""


def make_adapter(source: OfRecipe, temporary: Path, watch: Watch | None) -> None:
    """Train the recipe of `source`, and write its adapter into an empty folder.

    A training that is watched is done in this process, whatever `training.processes` says.
    """
    wait_asleep()
    from rmcheck.scoring.devices import pick_device
    from rmcheck.training.together import processes_of

    recipe, options, folder = source.recipe, source.options, source.adapter
    device = pick_device(options.device)
    asked = options.processes or recipe.optimisation.processes
    processes = 1 if watch is not None else processes_of(asked, recipe, device)
    data, replayed = mixed_data_of(recipe)
    given: Examples = [*data.pairs, *data.sets]
    if source.teacher is not None:
        given = source.teacher.teach(data)
    start = begin(recipe, source.hashes, lambda it: source.variant(f"recipe:{it.name}", it).train())
    if processes > 1:
        record = _together(source, given, device, processes, temporary, start)
    else:
        from rmcheck.training.trainer import train

        progress, shared = options.progress, source.shared
        model, record = train(recipe, given, device, progress, shared, folder, watch, start)
        adapter.write(model, temporary)
    read = [FileRecord(**note.as_dict()) for note in data.notes if note.is_told]
    files = recipe.base_files()
    known = {"fingerprint": folder.name, "files": read, "replayed": replayed}
    sidecar = adapter.Sidecar(
        backbone=adapter.Backbone(
            name=_reachable(files, folder),
            revision=files.revision,
            gguf_file=recipe.gguf_file,
            hash=source.base_hash(files),
        ),
        template=recipe.template,
        pooling=recipe.pooling,
        max_length=recipe.max_length,
        num_labels=len(recipe.objectives) or 1,
        objectives=tuple(recipe.objectives),
        weights=reward_weights(recipe.objectives),
        recipe=recipe.name,
        fingerprint=folder.name,
        training=record.model_copy(update=known),
    )
    adapter.complete(temporary, sidecar)


def _together(
    source: OfRecipe,
    given: Examples,
    device: str,
    processes: int,
    temporary: Path,
    start: Path | None,
) -> TrainingRecord:
    from rmcheck.training.together import Together, train_together

    whole = Together(
        spec=source.spec,
        recipe=source.recipe,
        device=device,
        count=processes,
        resumable=source.adapter,
        start=start,
        folder=temporary,
    )
    return train_together(whole, given, source.options.progress)


def _reachable(files: ModelFiles, folder: Path) -> str:
    """The base's hub id, or its path relative to the adapter's folder."""
    if files.folder is None:
        return files.name
    return os.path.relpath(files.folder, folder.resolve())


@dataclass(frozen=True)
class RecipeTraining:
    """The training of a recipe, which another process can be given; see `TrainingJob`.

    Attributes
    ----------
    source
        Makes the recipe's source of its options.
    """

    key: str
    spec: str
    source: Callable[[SourceOptions], OfRecipe]
    options: SourceOptions
    work: float
    memory: float

    def __call__(self, progress: Progress, watch: Watch | None = None) -> bool:
        """Train; False if another process has done it meanwhile."""
        source = self.source(replace(self.options, progress=progress))
        source.train(watch)
        return source.trained_now


def training_of(
    source: OfRecipe, again: Callable[[SourceOptions], OfRecipe]
) -> RecipeTraining | None:
    """The training of a recipe as a job; None if it is to be done in this process.

    That is where a GPU is there, which trainings would share, and where several processes train
    the recipe together.

    Parameters
    ----------
    again
        Makes the source of its options, in another process.
    """
    recipe, options = source.recipe, source.options
    wait_asleep()
    from rmcheck.scoring.devices import pick_device

    if pick_device(options.device) != "cpu":
        return None
    if (options.processes or recipe.optimisation.processes) not in (1, "auto"):
        return None
    if source.teacher is not None:  # once here, not in each of several processes
        source.teacher.teach(data_of(recipe))
    data = sum(path.stat().st_size for path in recipe.data_files()) or HUB_BYTES
    if recipe.limit is not None:
        data = min(data, recipe.limit * PAIR_BYTES)
    weights = recipe.base_files().size or HUB_BYTES
    return RecipeTraining(
        source.adapter.name,
        source.spec,
        again,
        replace(options, progress=NoProgress()),
        work=data * recipe.optimisation.epochs * weights,
        memory=PROCESS_BYTES + COPIES * weights,
    )
