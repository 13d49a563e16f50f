"""`recipe:NAME-or-path`: the LoRA reward model that a recipe describes, trained once."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.data.layouts import OURS
from rmcheck.data.preferences import PreferenceData, load
from rmcheck.errors import SourceError
from rmcheck.extras import needed_by
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.run import FileRecord, SourceRecord, TrainingRecord
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import ModelFiles
from rmcheck.scoring.threads import wait_asleep
from rmcheck.sources.layout import Layout
from rmcheck.sources.model_source import HeadedModel, Loaded
from rmcheck.training import adapter, attachment
from rmcheck.training.continuation import fit, with_replay
from rmcheck.training.data_spec import DataSpec
from rmcheck.training.preparation import Shared
from rmcheck.training.recipe import Recipe
from rmcheck.training.recipe_file import load_recipe


class RecipeSource(HeadedModel):
    """Trains, or loads the cached adapter, at its first `score`."""

    def __init__(self, spec: str, recipe: Recipe, options: SourceOptions) -> None:
        super().__init__(spec, options)
        self.recipe = recipe
        self._recipe_fingerprint: str | None = None
        self._settings: dict[str, Any] | None = None
        self._base: ModelFiles | None = None
        self._trained = False
        self._doubt = ""
        self._shared = Shared()

    @property
    def adapter(self) -> Path:
        """The folder of the trained adapter; it may not exist yet."""
        if self._recipe_fingerprint is None:
            self._recipe_fingerprint = self.recipe.fingerprint(self.hashes)
        return adapter.adapter_folder(self.options.cache, self._recipe_fingerprint)

    @property
    def training(self) -> TrainingRecord | None:
        """The adapter's training record; None before it is trained. Does not import torch."""
        sidecar = adapter.read_sidecar(self.adapter)
        if sidecar is None or sidecar.training is None:
            return None
        # The recipe that trained it may have had another name, which is not in the fingerprint.
        now = {"reused": not self._trained, "recipe": self.recipe.name}
        return sidecar.training.model_copy(update=now)

    def with_label_noise(self, rate: float, seed: int) -> RecipeSource:
        """The same recipe with a share `rate` of its training labels flipped."""
        recipe = self.recipe.with_label_noise(rate, seed)
        spec = f"{self.spec} ({rate:.0%} of labels flipped, seed {seed})"
        noisy = RecipeSource(spec, recipe, self.options)
        noisy._shared = self._shared
        return noisy

    def seeds(self, count: int) -> Sequence[int]:
        """The recipe's own seed, and those that follow it."""
        return range(self.recipe.seed, self.recipe.seed + count)

    def with_seed(self, seed: int) -> RecipeSource:
        """The same recipe, trained with another seed."""
        recipe = replace(self.recipe.with_seed(seed), name=f"{self.recipe.name} (seed {seed})")
        return RecipeSource(f"{self.spec} (seed {seed})", recipe, self.options)

    def train(self) -> Path:
        """The adapter's folder; trains, or waits for the process that does, if it is missing.

        Does not load a model that is already trained.

        Raises
        ------
        TrainingError
            If it cannot be trained, or the cache folder cannot be written to.
        ExtraMissing
            If the packages for training are not installed.
        """
        recipe, folder = self.recipe, self.adapter

        def run(temporary: Path) -> None:
            wait_asleep()
            from rmcheck.scoring.loading import pick_device
            from rmcheck.training import checkpoint
            from rmcheck.training.trainer import train

            device = pick_device(self.options.device)
            (data, replayed), progress = mixed_data_of(recipe), self.options.progress
            given: list[PreferencePair | ResponseSet] = [*data.pairs, *data.sets]
            start = self._start()
            model, record = train(recipe, given, device, progress, self._shared, folder, start)
            record = record.model_copy(update={"replayed": replayed})
            read = [FileRecord(**note.as_dict()) for note in data.notes if note.layout != OURS]
            files = recipe.base_files()
            sidecar = adapter.Sidecar(
                backbone=adapter.Backbone(
                    name=_reachable(files, folder),
                    revision=files.revision,
                    gguf_file=recipe.gguf_file,
                    hash=self._base_hash(files),
                ),
                template=recipe.template,
                pooling=recipe.pooling,
                max_length=recipe.max_length,
                recipe=recipe.name,
                fingerprint=folder.name,
                training=record.model_copy(update={"fingerprint": folder.name, "files": read}),
            )
            adapter.save(model, temporary, sidecar)
            shutil.rmtree(checkpoint.folder_of(folder), ignore_errors=True)
            self._trained = True

        def doubt(there: Path) -> str:
            self._doubt = adapter.doubt(there) or self._doubt
            return adapter.doubt(there)

        name = f"recipe:{recipe.name}"
        with needed_by(self.spec):
            return adapter.ensure(folder, run, name, self.options.progress, doubt)

    def _start(self) -> Path | None:
        """The adapter that the training goes on from, trained if it is a recipe's; or None."""
        start = self.recipe.start
        if start is None:
            return None
        folder = start.folder
        if start.recipe is not None:
            before = RecipeSource(f"recipe:{start.recipe.name}", start.recipe, self.options)
            folder = before.train()
        assert folder is not None
        fit(folder, self.recipe, self.hashes)
        return folder

    def training_job(self) -> RecipeTraining | None:
        """The training of a missing adapter, unless a GPU is there, which trainings would share."""
        folder = self.adapter
        if adapter.is_complete(folder):
            doubt = adapter.doubt(folder)
            self._doubt = doubt or self._doubt
            if not doubt:
                return None
        with needed_by(self.spec):
            wait_asleep()
            from rmcheck.scoring.loading import pick_device

            if pick_device(self.options.device) != "cpu":
                return None
        data = sum(path.stat().st_size for path in self.recipe.data_files()) or HUB_BYTES
        if self.recipe.limit is not None:
            data = min(data, self.recipe.limit * PAIR_BYTES)
        weights = self.recipe.base_files().size or HUB_BYTES
        options = replace(self.options, progress=NoProgress())
        work = data * self.recipe.optimisation.epochs * weights
        memory = PROCESS_BYTES + COPIES * weights
        return RecipeTraining(folder.name, self.spec, self.recipe, options, work, memory)

    def note_training(self) -> None:
        """Its job was done for this session by another process."""
        self._trained = True

    @property
    def trained_now(self) -> bool:
        """Whether its adapter was trained for this session."""
        return self._trained

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes about the scoring that the user should see."""
        training, doubt = self.training, self._doubt
        said = [f"{self.adapter}: not trusted, trained again: {doubt}"] if doubt else []
        said += (
            [f"training data {file.path}: {file}" for file in training.files] if training else []
        )
        return (*said, *super().remarks)

    @property
    def layout(self) -> Layout:
        """As the recipe says: scoring formats texts as training did."""
        return Layout(self.recipe.template, self.recipe.max_length, self.recipe.pooling)

    def describe(self) -> SourceRecord:
        """Its part of a run's record, with the settings of the recipe."""
        if self._settings is None:
            self._settings = self.recipe.settings(self.hashes)
        return super().describe().model_copy(update={"recipe": self._settings})

    def _identity(self) -> str:
        return self.adapter.name

    def _load(self, device: str) -> Loaded:
        folder = self.train()
        from rmcheck.scoring.loading import load_base, load_tokenizer

        recipe = self.recipe
        files = recipe.base_files()
        sidecar = adapter.read_sidecar(folder)
        if sidecar and sidecar.backbone and sidecar.backbone.hash != self._base_hash(files):
            raise SourceError(
                f"{folder}: the base model {files.name} has changed since this adapter was "
                "trained; delete the folder to train it again"
            )
        base, missing = load_base(files, seed=recipe.seed, gguf_file=recipe.gguf_file)
        return Loaded(
            attachment.attach(base, folder, missing),
            load_tokenizer(files, recipe.gguf_file),
            self.layout,
        )

    def _base_hash(self, files: ModelFiles) -> str:
        extra = [self.recipe.gguf_file] if self.recipe.gguf_file else []
        return files.hash(self.hashes, extra)


PAIR_BYTES = 1000
"""About as long as a row of training data is."""
HUB_BYTES = 500_000_000
"""About as large as data or a model of the hub is, whose size is not known here."""
PROCESS_BYTES = 1_200_000_000
COPIES = 6
"""A training needs about `PROCESS_BYTES` and so many times the bytes of its base's files."""


@dataclass(frozen=True)
class RecipeTraining:
    """The training of a recipe, which another process can be given; see `TrainingJob`."""

    key: str
    spec: str
    recipe: Recipe
    options: SourceOptions
    work: float
    memory: float

    def __call__(self, progress: Progress) -> bool:
        """Train; False if another process has done it meanwhile."""
        options = replace(self.options, progress=progress)
        source = RecipeSource(self.spec, self.recipe, options)
        source.train()
        return source.trained_now


def _reachable(files: ModelFiles, folder: Path) -> str:
    """The base's hub id, or its path relative to the adapter's folder."""
    if files.folder is None:
        return files.name
    import os

    return os.path.relpath(files.folder, folder.resolve())


def data_of(recipe: Recipe) -> PreferenceData:
    """Read the recipe's data.

    Raises
    ------
    ProblemsFound
        For malformed rows, at their lines.
    """
    return mixed_data_of(recipe)[0]


def mixed_data_of(recipe: Recipe) -> tuple[PreferenceData, int | None]:
    """The recipe's data, and how many examples of it are replayed; None without `replay`."""
    new = _read(recipe, recipe.data, recipe.data_files(), recipe.layout)
    if recipe.replay is None:
        return new, None
    replay = recipe.replay
    old = _read(recipe, replay.data, recipe.replay_files(), replay.layout)
    both = with_replay(new, old, recipe)
    return both, len(both.pairs) + len(both.sets) - len(new.pairs) - len(new.sets)


def _read(
    recipe: Recipe, given: DataSpec, files: Sequence[Path], layout: str | None
) -> PreferenceData:
    if files:
        return load(files, layout=layout)
    from rmcheck.data.hub import load_data

    try:
        return load_data(**dict(given), layout=layout)  # type: ignore[arg-type]
    except ValueError as error:
        raise SourceError(f"{recipe.path}: {error}") from None


def create(rest: str, options: SourceOptions) -> RecipeSource:
    """Train a LoRA reward model by a recipe, or load it.

    Raises UsageError if the recipe does not exist, ProblemsFound if it has errors.
    """
    recipe = load_recipe(rest, options.root)
    if options.seed is not None:
        recipe = recipe.with_seed(options.seed)
    return RecipeSource(f"recipe:{rest}", recipe, options)
