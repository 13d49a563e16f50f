"""A recipe: everything that decides what a trained reward model is. Its hash names the adapter."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from rmcheck.data.dialogue import content_hash
from rmcheck.data.preferences import expand
from rmcheck.data.rows import shown_path
from rmcheck.documents import located
from rmcheck.errors import Problem, ProblemsFound, UsageError, did_you_mean, nearest
from rmcheck.registry import BrokenEntryPoint
from rmcheck.scoring.files import FileHashes, ModelFiles, locate
from rmcheck.shipped import shipped
from rmcheck.training.losses import LOSSES

DECIDING = ("torch", "transformers", "peft", "trl")
"""Libraries whose version may change what is trained."""

OWN = "recipes"
"""The folder in which a project keeps recipes of its own; others are known by their paths."""

DataSpec = tuple[str, ...] | Mapping[str, Any]


@dataclass(frozen=True)
class Lora:
    """The low-rank adapter: rank, scale (alpha / r), and which layers; None takes PEFT's choice."""

    r: int = 16
    alpha: int = 32
    targets: tuple[str, ...] | None = None


@dataclass(frozen=True)
class LabelNoise:
    """A share of training labels that is flipped at random, drawn with `seed`."""

    rate: float = 0.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """How the weights are found; sizes count pairs, lengths tokens."""

    learning_rate: float = 1e-4
    batch_size: int = 8
    gradient_accumulation: int = 1
    epochs: float = 1.0
    warmup: float = 0.05
    schedule: str = "linear"
    weight_decay: float = 0.0
    gradient_checkpointing: bool = False
    precision: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train a reward model.

    `path` is the recipe's file, against which `base` and `data` are resolved; neither it nor
    `name` and `description` enter the fingerprint. `limit` bounds the training pairs (a draw with
    `seed`), `held_out` is the share of prompts kept aside for the curve.
    """

    name: str
    path: Path
    base: str
    data: DataSpec
    description: str = ""
    revision: str | None = None
    gguf_file: str | None = None
    template: str = "default"
    pooling: str = "last"
    max_length: int = 512
    lora: Lora = field(default_factory=Lora)
    loss: str = "bradley_terry"
    margin: float = 0.0
    optimisation: Optimisation = field(default_factory=Optimisation)
    limit: int | None = None
    held_out: float = 0.05
    seed: int = 0
    label_noise: LabelNoise = field(default_factory=LabelNoise)

    def with_label_noise(self, rate: float, seed: int) -> Recipe:
        """The same recipe with a share `rate` of its training labels flipped."""
        return dataclasses.replace(self, label_noise=LabelNoise(rate, seed))

    def with_seed(self, seed: int) -> Recipe:
        """The same recipe with another seed."""
        return dataclasses.replace(self, seed=seed)

    def base_files(self) -> ModelFiles:
        """Where the base model's files are; raises SourceError when nowhere."""
        return locate(self.base, self.path.parent, self.revision)

    def data_files(self) -> list[Path]:
        """The files of training pairs, sorted; empty when a data set of the hub is named."""
        if isinstance(self.data, Mapping):
            return []
        found: dict[Path, None] = {}
        for pattern in self.data:
            matches = expand(pattern, self.path.parent)
            if not matches:
                raise UsageError(
                    f"{self.path}: data {pattern!r} names no file below {self.path.parent}"
                )
            found.update(dict.fromkeys(matches))
        return list(found)

    def fingerprint(self, hashes: FileHashes) -> str:
        """32 hex digits over all that decides the trained weights; without torch."""
        settings = dataclasses.asdict(self)
        for key in ("name", "description", "path", "base", "revision", "data"):
            settings.pop(key)
        data = (
            [hashes.of(path) for path in self.data_files()]
            if not isinstance(self.data, Mapping)
            else sorted(self.data.items())
        )
        extra = [self.gguf_file] if self.gguf_file else []
        base = self.base_files().hash(hashes, extra)
        versions = [(name, _version(name)) for name in DECIDING]
        package = LOSSES.package(self.loss)
        if package is not None:  # what another package's loss does, its version decides
            versions.append((self.loss, package))
        return content_hash("recipe", settings, data, base, versions)


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"


class _Border(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _LoraBorder(_Border):
    r: Annotated[int, Field(ge=1, le=1024)] = 16
    alpha: Annotated[int, Field(ge=1)] = 32
    targets: list[str] | None = None


class _NoiseBorder(_Border):
    rate: Annotated[float, Field(ge=0, le=1)] = 0.0
    seed: Annotated[int, Field(ge=0)] = 0


class _OptimisationBorder(_Border):
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    batch_size: Annotated[int, Field(ge=1)] = 8
    gradient_accumulation: Annotated[int, Field(ge=1)] = 1
    epochs: Annotated[float, Field(gt=0)] = 1.0
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.05
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    gradient_checkpointing: bool = False
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"


class _DatasetBorder(_Border):
    dataset: str
    subset: str | None = None
    split: str = "train"
    limit: Annotated[int, Field(ge=1)] | None = None
    seed: int = 0
    columns: dict[str, str] | None = None


class RecipeFile(_Border):
    """A recipe as its file gives it.

    Parameters
    ----------
    recipe
        The format's version, 1.
    name
        What messages call it; the file's name when left out.
    description
        One line.
    base
        The base model: a folder, relative to this file, a hub id, or
        `shipped:models/tiny-gpt2`.
    revision
        A branch, tag or commit of the hub repository.
    gguf_file
        The file to read where the base model is in GGUF format.
    data
        Training pairs: a path or a glob, relative to this file, a list of them, or
        `{dataset: NAME}` of the hub.
    template
        How prompt and response become one text.
    pooling
        The reward is read at the `last` token, or is the `mean` over all.
    max_length
        Tokens; of a longer text the beginning of the prompt is cut.
    lora
        The low-rank adapter: rank `r`, scale `alpha`, and the layers that it adapts.
    loss
        What is minimised.
    margin
        The margin that the loss asks for, in score units.
    training
        The optimiser's settings.
    limit
        At most this many training pairs, drawn with `seed`.
    held_out
        The share of prompts that is kept aside for the curve.
    seed
        Decides initial weights, order and draws.
    label_noise
        The share `rate` of labels to turn around, drawn with `seed`.
    """

    recipe: Literal[1]
    name: str | None = None
    description: str = ""
    base: str
    revision: str | None = None
    gguf_file: str | None = None
    data: str | list[str] | _DatasetBorder
    template: Literal["default", "chat", "raw"] = "default"
    pooling: Literal["last", "mean"] = "last"
    max_length: Annotated[int, Field(ge=8)] = 512
    lora: _LoraBorder = Field(default_factory=_LoraBorder)
    loss: str = "bradley_terry"
    margin: Annotated[float, Field(ge=0)] = 0.0
    training: _OptimisationBorder = Field(default_factory=_OptimisationBorder)
    limit: Annotated[int, Field(ge=2)] | None = None
    held_out: Annotated[float, Field(ge=0, lt=0.5)] = 0.05
    seed: Annotated[int, Field(ge=0)] = 0
    label_noise: _NoiseBorder = Field(default_factory=_NoiseBorder)

    @field_validator("loss")
    @classmethod
    def _known_loss(cls, value: str) -> str:
        try:
            found = LOSSES.find(value)
        except BrokenEntryPoint as error:
            raise ValueError(f"loss '{value}' cannot be used: {error}") from None
        if found is None:
            raise ValueError(did_you_mean(value, LOSSES.names()))
        return value


def load_recipe(name: str, root: Path) -> Recipe:
    """The recipe that a name (`tiny`) or a path to a YAML file (relative to `root`) names.

    A file of the project comes before a shipped recipe of the same name.

    Raises
    ------
    UsageError
        When there is none; lists those that there are, and the nearest name.
    ProblemsFound
        All mistakes of the file, each at its place.
    """
    path = Path(name) if Path(name).is_absolute() else root / name
    known, own = shipped_recipes(), project_recipes(root)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return _read(path, root)
        remedy = f", {did_you_mean(name, own)}" if own else ""
        raise UsageError(f"recipe:{name}: there is no file {path}{remedy}")
    if name in known:
        return _read(known[name], root)
    # A recipe of the project is given by its path, and misspelt by its name.
    paths = {Path(spec).stem: spec for spec in own}
    near = nearest(name, [*known, *paths])
    remedy = did_you_mean(paths.get(near or "", name), [*known, *own])
    raise UsageError(f"recipe:{name}: no recipe of that name, {remedy}, or the path of a YAML file")


def shipped_recipes() -> dict[str, Path]:
    """Every shipped recipe by its name."""
    return {path.stem: path for path in sorted(shipped("recipes").glob("*.yaml"))}


def project_recipes(root: Path) -> dict[str, Path]:
    """The recipes in the folder `recipes` of the project at `root`, by their paths below it."""
    found = sorted(path for path in (root / OWN).glob("*") if path.suffix in (".yaml", ".yml"))
    return {path.relative_to(root).as_posix(): path for path in found}


def _read(path: Path, root: Path) -> Recipe:
    shown = shown_path(path, root)
    document = located.read(path, shown)
    if not isinstance(document.value, dict):
        raise ProblemsFound([Problem(shown, 1, 1, "a recipe is a mapping of keys to values")])
    border = located.validate(RecipeFile, document, label="recipe")
    data: DataSpec
    if isinstance(border.data, _DatasetBorder):
        data = border.data.model_dump(exclude_none=True)
    else:
        data = (border.data,) if isinstance(border.data, str) else tuple(border.data)
    lora, noise = border.lora, border.label_noise
    return Recipe(
        name=border.name or path.stem,
        path=path.resolve(),
        base=border.base,
        data=data,
        description=border.description,
        revision=border.revision,
        gguf_file=border.gguf_file,
        template=border.template,
        pooling=border.pooling,
        max_length=border.max_length,
        lora=Lora(lora.r, lora.alpha, tuple(lora.targets) if lora.targets else None),
        loss=border.loss,
        margin=border.margin,
        optimisation=Optimisation(**border.training.model_dump()),
        limit=border.limit,
        held_out=border.held_out,
        seed=border.seed,
        label_noise=LabelNoise(noise.rate, noise.seed),
    )


def steps_of(recipe: Recipe, pairs: int) -> int:
    """Optimiser steps for `pairs` training pairs; at least one."""
    size = recipe.optimisation.batch_size * recipe.optimisation.gradient_accumulation
    return max(1, math.floor(recipe.optimisation.epochs * pairs / size))
