"""A recipe: everything that decides what a trained reward model is. Its hash names the adapter."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Lt
from pydantic import AfterValidator

from rmcheck import perturb
from rmcheck.data.dialogue import content_hash, later_formats
from rmcheck.data.layouts.registry import LAYOUTS_FORMAT
from rmcheck.data.preferences import expand
from rmcheck.data.reading import begins_as_ours
from rmcheck.data.template import TEMPLATE_FORMAT
from rmcheck.errors import SourceError, UsageError, did_you_mean
from rmcheck.scoring.files import FileHashes, ModelFiles, locate
from rmcheck.slices.conditions import CONDITIONS_FORMAT
from rmcheck.slices.where import Slice
from rmcheck.spec import redacted
from rmcheck.training import adapter
from rmcheck.training.augmentation import Augment
from rmcheck.training.data_spec import (
    DataSpec,
    known_layout,
    nothing_matches,
)
from rmcheck.training.distil_key import Distil
from rmcheck.training.folds import Folds, known_folds
from rmcheck.training.loss_key import asked_of, known_loss
from rmcheck.training.losses import LOSSES
from rmcheck.training.objectives_key import Heads, decisive
from rmcheck.training.settings import (
    EarlyStopping,
    LabelNoise,
    Lora,
    Optimisation,
    Replay,
    Seed,
)

TRAINER_FORMAT = 1
"""Version of our own training code. It is part of every recipe's hash: add 1 with every change of
this package that changes the trained weights."""

DECIDING = ("torch", "transformers", "peft", "trl")
"""Libraries whose version may change what is trained."""

LATER: Mapping[str, Any] = {
    "layout": None,
    "augment": None,
    "loss_settings": {},
    "centring": 0.0,
    "early_stopping": None,
    "folds": None,
    "trainer": "native",
    "start": None,
    "replay": None,
    "objectives": {},
    "distil": None,
    "where": None,
}
"""Fields that came after version 0.1, with the value that stands for "not set" and is not part of
the hash."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train a reward model: its fields are the keys of a recipe file.

    The fingerprint hashes all fields but `path`, `name` and `description`, in this order.

    Parameters
    ----------
    name
        Its name in messages; by default that of the file.
    path
        The recipe's file; `base` and `data` are relative to it.
    description
        One line.
    base
        The base model: a folder relative to this file, a hub id, or
        `shipped:models/tiny-gpt2`.
    revision
        A branch, tag or commit of the hub repository.
    gguf_file
        The file of a base model in GGUF format.
    data
        Training pairs: a path or glob relative to this file, a list of them, or
        `{dataset: NAME}` of the hub.
    layout
        The layout of the data, such as `hh`; by default it is recognised.
    template
        How prompt and response are joined into one text.
    pooling
        The reward is read at the `last` token, or is the `mean` over all tokens.
    max_length
        In tokens; the beginning of the prompt of a longer text is cut.
    lora
        The low-rank adapter: rank `r`, scale `alpha`, and the layers that it adapts.
    loss
        The loss to minimise; with settings of its own: `{name: label_smoothing, rate: 0.2}`.
    loss_settings
        Those settings; part of the key `loss` in a file.
    margin
        The margin of the loss, in score units; of a pair with ratings, times their distance.
    centring
        The weight of (chosen + rejected)^2 in the loss, which draws rewards to 0 on the mean.
    optimisation
        The optimiser's settings.
    start
        The key `from` in a file: what the training goes on from, the folder of an adapter or a
        recipe.
    replay
        Old examples among those of `data`.
    trainer
        `native`, our own loop, or `trl`, TRL's RewardTrainer; the weights are the same.
    early_stopping
        Stops when the loss on held-out pairs no longer falls, and keeps the best weights.
    limit
        At most this many training pairs, drawn with `seed`.
    held_out
        The share of prompts held out to measure the training curve.
    seed
        Seed of initial weights, order and random draws.
    label_noise
        Flips a share `rate` of the labels, drawn with `seed`.
    augment
        Adds copies of the training pairs with transformed texts and the same label.
    folds
        Leaves the prompts of one or more folds of the data out of the training.
    objectives
        One output of the head for each objective, with its labels, loss and weights.
    distil
        Trains on the margins of a `teacher`, another reward source, in place of the labels.
    where
        Which of its data it trains on, as in a suite: `{tags: [coding]}`.
    """

    name: str
    path: Path
    description: str = ""
    base: str
    revision: str | None = None
    gguf_file: str | None = None
    data: DataSpec
    layout: Annotated[str, AfterValidator(known_layout)] | None = None
    template: Literal["default", "chat", "raw"] = "default"
    pooling: Literal["last", "mean"] = "last"
    max_length: Annotated[int, Ge(8)] = 512
    lora: Lora = field(default_factory=Lora)
    loss: Annotated[str, AfterValidator(known_loss)] = "bradley_terry"
    loss_settings: Mapping[str, Any] = field(default_factory=dict)
    margin: Annotated[float, Ge(0)] = 0.0
    centring: Annotated[float, Ge(0)] = 0.0
    optimisation: Optimisation = field(default_factory=Optimisation)
    early_stopping: EarlyStopping | None = None
    limit: Annotated[int, Ge(2)] | None = None
    held_out: Annotated[float, Ge(0), Lt(0.5)] = 0.05
    seed: Seed = 0
    label_noise: LabelNoise = field(default_factory=LabelNoise)
    augment: Augment | None = None
    folds: Annotated[Folds | None, AfterValidator(known_folds)] = None
    objectives: Heads = field(default_factory=dict)
    where: Slice | None = None
    trainer: Literal["native", "trl"] = "native"
    start: Start | None = None
    replay: Replay | None = None
    distil: Distil | None = None

    def with_label_noise(self, rate: float, seed: int) -> Recipe:
        """The same recipe with a share `rate` of its training labels flipped."""
        return dataclasses.replace(self, label_noise=LabelNoise(rate, seed))

    def with_seed(self, seed: int) -> Recipe:
        """The same recipe with another seed."""
        return dataclasses.replace(self, seed=seed)

    def base_files(self) -> ModelFiles:
        """The base model's files; raises SourceError if they are not found."""
        files = locate(self.base, self.path.parent, self.revision)
        if self.gguf_file and files.folder and not (files.folder / self.gguf_file).is_file():
            there = [path.name for path in files.folder.glob("*.gguf")]
            said = f"gguf_file: no file {self.gguf_file!r} in {files.folder}"
            raise SourceError(f"{self.path}: {said}, {did_you_mean(self.gguf_file, there)}")
        return files

    def data_files(self) -> list[Path]:
        """The files of training pairs, sorted; empty for a data set of the hub."""
        return self._files("data", self.data)

    def distil_files(self) -> list[Path]:
        """The files of `distil.data`, sorted."""
        return self._files("distil.data", self.distil.data) if self.distil else []

    def replay_files(self) -> list[Path]:
        """The files of `replay.data`, sorted; empty for a data set of the hub."""
        return self._files("replay.data", self.replay.data) if self.replay else []

    def _files(self, key: str, data: DataSpec) -> list[Path]:
        if isinstance(data, Mapping):
            return []
        found: dict[Path, None] = {}
        for pattern in data:
            matches = expand(pattern, self.path.parent)
            if not matches:
                raise UsageError(f"{self.path}: {key}: {nothing_matches(pattern, self.path)}")
            found.update(dict.fromkeys(matches))
        return list(found)

    def settings(self, hashes: FileHashes) -> dict[str, Any]:
        """Every setting by its key in the file (`training.epochs`), for a run's record.

        Files are named without their folders and with a hash of their content, so that recipes in
        different folders can be compared.
        """
        given = {
            FILE_KEYS[name]: value
            for name, value in dataclasses.asdict(self).items()
            if name in FILE_KEYS and name not in ("name", "description")
            if name not in LATER or value != LATER[name]
        }
        _without_later(given[FILE_KEYS["optimisation"]])
        given["base"] = f"{Path(self.base).name} ({self.base_files().hash(hashes)[:8]})"
        if not isinstance(self.data, Mapping):
            given["data"] = [f"{path.name} ({hashes.of(path)[:8]})" for path in self.data_files()]
        if self.distil is not None:
            files = [f"{path.name} ({hashes.of(path)[:8]})" for path in self.distil_files()]
            named = {"teacher": redacted(self.distil.teacher), "data": files or None}
            given["distil"] = {**given["distil"], **named}
        if self.replay and not isinstance(self.replay.data, Mapping):
            names = [f"{path.name} ({hashes.of(path)[:8]})" for path in self.replay_files()]
            given["replay"] = {**given["replay"], "data": names}
        if self.start is not None:
            given["from"] = f"{Path(self.start.name).name} ({self.start.hash(hashes)[:8]})"
        if self.loss_settings:
            given["loss"] = {"name": self.loss, **self.loss_settings}
        return _flat(given)

    def _has_other_layouts(self) -> bool:
        """Whether any data may have another layout than our own; of those that surely do not,
        the layouts' format decides nothing."""
        if isinstance(self.data, Mapping) or (
            self.replay and isinstance(self.replay.data, Mapping)
        ):
            return True
        files = [*self.data_files(), *(self.replay_files() if self.replay else ())]
        return not all(
            ".jsonl" in path.suffixes and begins_as_ours(path, path.name) for path in files
        )

    def fingerprint(self, hashes: FileHashes, teacher: str | None = None) -> str:
        """32 hex digits over all that decides the trained weights; without torch.

        Parameters
        ----------
        teacher
            The fingerprint of the teacher that `distil` names.
        """
        settings = dataclasses.asdict(self)
        for key in ("name", "description", "path", "base", "revision", "data"):
            settings.pop(key)
        usual = {key: default for key, (_, default) in asked_of(self.loss).settings.items()}
        settings["loss_settings"] = {
            key: value for key, value in self.loss_settings.items() if value != usual.get(key)
        }
        settings["objectives"] = decisive(self.objectives, self.loss, self.loss_settings) or {}
        if self.distil is not None:
            assert teacher is not None
            more = [hashes.of(path) for path in self.distil_files()]
            settings["distil"] |= {"teacher": teacher, "data": more}
        for key, default in LATER.items():  # recipes without them keep their hash
            if settings[key] == default:
                settings.pop(key)
        _without_later(settings["optimisation"])
        if self.start is not None:
            settings["start"] = self.start.hash(hashes)
        if self.replay and not isinstance(self.replay.data, Mapping):
            settings["replay"]["data"] = [hashes.of(path) for path in self.replay_files()]
        if self.where is not None:  # keys that a later version adds do not change it
            settings["where"] = _flat(settings["where"])
        drawn = [perturb.version(self.augment.drawn())] if self.augment else []
        data = (
            [hashes.of(path) for path in self.data_files()]
            if not isinstance(self.data, Mapping)
            else sorted(self.data.items())
        )
        extra = [self.gguf_file] if self.gguf_file else []
        base = self.base_files().hash(hashes, extra)
        versions = [(name, _version(name)) for name in DECIDING]
        package = LOSSES.package(self.loss)
        if package is not None:  # another version of that package may have another loss
            versions.append((self.loss, package))
        formats = later_formats(
            trainer=TRAINER_FORMAT,
            template=TEMPLATE_FORMAT,
            layouts=LAYOUTS_FORMAT if self._has_other_layouts() else 1,
            conditions=CONDITIONS_FORMAT if self.where else 1,
        )
        return content_hash("recipe", settings, data, base, versions, *formats, *drawn)


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a training goes on from: the folder of an adapter, or a recipe that is trained first.

    Attributes
    ----------
    name
        As the recipe's file names it.
    """

    name: str
    folder: Path | None = None
    recipe: Recipe | None = None

    def hash(self, hashes: FileHashes) -> str:
        """32 hex digits over the weights that a training begins with; without torch."""
        if self.recipe is not None:
            return content_hash("start", self.recipe.fingerprint(hashes))
        assert self.folder is not None
        config = adapter.read_config(self.folder)
        shape = [config.get(key) for key in ("r", "lora_alpha", "use_rslora")]
        return content_hash("start", hashes.of(adapter.weights_file(self.folder)), *shape)


LATER_OPTIMISATION = {"max_gradient_norm": 1.0}
"""The same among the optimiser's settings, with the value that stands for "not set"."""


def _without_later(optimisation: dict[str, Any]) -> None:
    # Like the device and the number of threads: another one changes the weights by rounding.
    optimisation.pop("processes")
    for key, value in LATER_OPTIMISATION.items():
        if optimisation[key] == value:
            optimisation.pop(key)


def _flat(given: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings by dotted keys; those that are not set are left out."""
    flat: dict[str, Any] = {}
    for key, value in given.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": each for inner, each in _flat(value).items()}
        elif value is not None:
            flat[key] = list(value) if isinstance(value, tuple) else value
    return flat


@cache
def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "none"


FILE_KEYS: Mapping[str, str] = {
    each.name: {"optimisation": "training", "start": "from"}.get(each.name, each.name)
    for each in dataclasses.fields(Recipe)
    if each.name not in ("path", "loss_settings")
}
"""The key in a file for each field of a recipe."""


def epoch_steps(recipe: Recipe, pairs: int) -> int:
    """Optimiser steps of an epoch with `pairs` training pairs; at least one."""
    batches = math.ceil(pairs / recipe.optimisation.batch_size)
    return max(1, math.ceil(batches / recipe.optimisation.gradient_accumulation))


def steps_of(recipe: Recipe, pairs: int) -> int:
    """Optimiser steps for `pairs` training pairs; at least one."""
    size = recipe.optimisation.batch_size * recipe.optimisation.gradient_accumulation
    return max(1, math.floor(recipe.optimisation.epochs * pairs / size))
