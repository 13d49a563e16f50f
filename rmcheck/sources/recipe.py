"""`recipe:NAME-or-path`: the LoRA reward model that a recipe describes, trained once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rmcheck.data.dialogue import content_hash
from rmcheck.errors import SourceError, Unscorable, UsageError
from rmcheck.extras import needed_by
from rmcheck.record.run import SourceRecord, TrainingRecord
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import ModelFiles
from rmcheck.scoring.objective_weights import asked_weights, shown, weights_of
from rmcheck.sources.layout import Layout, parsed, without_options
from rmcheck.sources.model_source import DialogueScorer, HeadedModel, Loaded
from rmcheck.sources.recipe_training import RecipeTraining, make_adapter, training_of
from rmcheck.sources.teacher import Teacher
from rmcheck.training import adapter, attachment
from rmcheck.training.objectives_key import reward_weights
from rmcheck.training.preparation import Shared
from rmcheck.training.recipe import Recipe
from rmcheck.training.recipe_file import load_recipe
from rmcheck.training.watch import Watch

if TYPE_CHECKING:
    from rmcheck.scoring.heads import Heads


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
        self.shared = Shared()

    @cached_property
    def teacher(self) -> Teacher | None:
        """The teacher that `distil` names.

        Raises
        ------
        UsageError
            If it does not exist, or is this very recipe.
        """
        return None if self.recipe.distil is None else Teacher(self.recipe, self.options)

    @property
    def adapter(self) -> Path:
        """The folder of the trained adapter; it may not exist yet."""
        if self._recipe_fingerprint is None:
            teacher = None if self.teacher is None else self.teacher.fingerprint
            self._recipe_fingerprint = self.recipe.fingerprint(self.hashes, teacher)
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
        if self.recipe.distil is not None and not self.recipe.distil.weight:
            raise Unscorable(
                f"{self.spec}: distil ignores the labels, so flipped labels change nothing; give "
                "them a weight (distil: {weight: 0.5}), or leave the check out"
            )
        recipe = self.recipe.with_label_noise(rate, seed)
        flips = f"({rate:.0%} of labels flipped, seed {seed})"
        recipe = replace(recipe, name=f"{self.recipe.name} {flips}")
        noisy = self.variant(f"{self.spec} {flips}", recipe)
        noisy.shared = self.shared
        return noisy

    def seeds(self, count: int) -> Sequence[int]:
        """The recipe's own seed, and those that follow it."""
        return range(self.recipe.seed, self.recipe.seed + count)

    def with_seed(self, seed: int) -> RecipeSource:
        """The same recipe, trained with another seed."""
        recipe = replace(self.recipe.with_seed(seed), name=f"{self.recipe.name} (seed {seed})")
        return self.variant(f"{self.spec} (seed {seed})", recipe)

    def variant(self, spec: str, recipe: Recipe) -> RecipeSource:
        """The source of a variant of the recipe, read in the same way."""
        variant = RecipeSource(spec, recipe, self.options)
        variant.hashes = self.hashes  # most of its files are the same
        return variant

    def train(self, watch: Watch | None = None) -> Path:
        """The adapter's folder; trains, or waits for the process that does, if it is missing.

        Does not load a model that is already trained.

        Parameters
        ----------
        watch
            Who looks at the training while it runs, and may stop it.

        Raises
        ------
        TrainingError
            If it cannot be trained, or the cache folder cannot be written to.
        ExtraMissing
            If the packages for training are not installed.
        Stopped
            If `watch` stops it; nothing is kept of it.
        """
        folder = self.adapter

        def run(temporary: Path) -> None:
            make_adapter(self, temporary, watch)
            self.forget_checkpoints()
            self._trained = True

        def doubt(there: Path) -> str:
            self._doubt = adapter.doubt(there) or self._doubt
            return adapter.doubt(there)

        name = f"recipe:{self.recipe.name}"
        with needed_by(self.spec):
            return adapter.ensure(folder, run, name, self.options.progress, doubt)

    def training_job(self) -> RecipeTraining | None:
        """The training of a missing adapter, for a process of its own; see `training_of`."""
        folder = self.adapter
        if adapter.is_complete(folder):
            doubt = adapter.doubt(folder)
            self._doubt = doubt or self._doubt
            if not doubt:
                return None
        with needed_by(self.spec):
            return training_of(self, partial(RecipeSource, self.spec, self.recipe))

    @property
    def is_trained(self) -> bool:
        """Whether its adapter exists and is trusted."""
        return adapter.is_complete(self.adapter) and not adapter.doubt(self.adapter)

    def forget_checkpoints(self) -> None:
        """Remove what an unfinished training has left, so that it begins anew."""
        from rmcheck.training import checkpoint

        shutil.rmtree(checkpoint.folder_of(self.adapter), ignore_errors=True)

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
        if sidecar and sidecar.backbone and sidecar.backbone.hash != self.base_hash(files):
            raise SourceError(
                f"{folder}: the base model {files.name} has changed since this adapter was "
                "trained; delete the folder to train it again"
            )
        base, missing = load_base(
            files, seed=recipe.seed, gguf_file=recipe.gguf_file, outputs=len(recipe.objectives) or 1
        )
        return Loaded(
            attachment.attach(base, folder, missing),
            load_tokenizer(files, recipe.gguf_file),
            self.layout,
        )

    def base_hash(self, files: ModelFiles) -> str:
        """The hash of the base model's files."""
        extra = [self.recipe.gguf_file] if self.recipe.gguf_file else []
        return files.hash(self.hashes, extra)


class ManyHeadedRecipe(RecipeSource):
    """The reward of a recipe with objectives: a weighted sum of the outputs of its heads.

    Parameters
    ----------
    weights
        By objective; one that is not named has the weight 0. None: as the recipe says.
    """

    def __init__(
        self,
        spec: str,
        recipe: Recipe,
        options: SourceOptions,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(spec, recipe, options)
        self._given = weights
        own = reward_weights(recipe.objectives) if weights is None else weights
        self.weights = {name: float(own.get(name, 0.0)) for name in recipe.objectives}
        self._heads: dict[str, Heads] = {}

    def with_objective(self, objective: str) -> ManyHeadedRecipe:
        """One of its heads, or a weighted sum; the loaded model and its outputs are shared."""
        names = dict(enumerate(self.recipe.objectives))
        weights = dict(zip(names.values(), weights_of(objective, names, self.spec), strict=True))
        spec = f"{self.spec} [{objective}]"
        side = ManyHeadedRecipe(spec, self.recipe, self.options, weights)
        side._heads = self._heads
        return side

    @property
    def layout(self) -> Layout:
        """As the recipe says, and the weights of its objectives."""
        recipe, said = self.recipe, shown(self.weights)
        return Layout(recipe.template, recipe.max_length, recipe.pooling, objective=said)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes about the scoring, and the recipe's weights where nothing else was asked for."""
        if self._given is not None:
            return super().remarks
        said = f"{self.spec}: reward {shown(self.weights)} (the weights of the recipe)"
        return (said, *super().remarks)

    def variant(self, spec: str, recipe: Recipe) -> ManyHeadedRecipe:
        return ManyHeadedRecipe(spec, recipe, self.options, self._given)

    def _identity(self) -> str:
        return content_hash("heads", self.adapter.name, *self.weights.items())

    def _loaded(self, device: str) -> DialogueScorer:
        from rmcheck.scoring.heads import Heads, WeightedHeads
        from rmcheck.scoring.scorer import Scorer

        if device not in self._heads:
            self._heads[device] = Heads(cast(Scorer, super()._loaded(device)))
        return WeightedHeads(self._heads[device], list(self.weights.values()))


def create(rest: str, options: SourceOptions) -> RecipeSource:
    """Train a LoRA reward model by a recipe, or load it.

    Raises UsageError if the recipe does not exist, ProblemsFound if it has errors.
    """
    name, said = without_options(rest, lambda path: (options.root / path).is_file())
    recipe = load_recipe(name, options.root)
    if options.seed is not None:
        recipe = recipe.with_seed(options.seed)
    return source_of(f"recipe:{rest}", recipe, options, parsed(said, f"recipe:{rest}"))


def source_of(
    spec: str, recipe: Recipe, options: SourceOptions, settings: Mapping[str, str] | None = None
) -> RecipeSource:
    """The source of a recipe; `settings` are those of its spec.

    Raises
    ------
    UsageError
        For settings that the recipe does not have.
    """
    if recipe.objectives:
        weights = asked_weights(settings or {}, list(recipe.objectives), spec)
        return ManyHeadedRecipe(spec, recipe, options, weights)
    if settings:
        key = next(iter(settings))
        raise UsageError(
            f"{spec}: {key} is for a recipe with several objectives, and {recipe.path} has no key "
            "'objectives'; remove it, or add the key"
        )
    source = RecipeSource(spec, recipe, options)
    _ = source.teacher  # a teacher that cannot be found is told now
    return source
