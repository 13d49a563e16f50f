"""A training that goes on from an adapter: whether it fits, its weights, and the old examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import SourceError
from rmcheck.scoring.files import FileHashes
from rmcheck.training import adapter
from rmcheck.training.recipe import Recipe
from rmcheck.wording import listed


def fit(folder: Path, recipe: Recipe, hashes: FileHashes) -> None:
    """Raise SourceError if the adapter of `folder` is not of this recipe's base and LoRA shape.

    All that does not fit is told at once. The layers are compared by `take_over`.
    """
    adapter.verify(folder)
    config, sidecar = adapter.read_config(folder), adapter.read_sidecar(folder)
    apart = []
    files, gguf = adapter.base_of(folder, hashes)
    extra = [recipe.gguf_file] if recipe.gguf_file else []
    own = recipe.base_files()
    if files.hash(hashes, [gguf] if gguf else []) != own.hash(hashes, extra):
        apart.append(f"base: expected {own.name}, got {files.name}")
    kind = str(config.get("peft_type"))
    if kind != "LORA" or config.get("use_rslora"):
        got = kind if kind != "LORA" else "LORA with use_rslora"
        apart.append(f"kind: expected plain LoRA, got PEFT's {got}")
    elif (config.get("r"), config.get("lora_alpha")) != (recipe.lora.r, recipe.lora.alpha):
        apart.append(
            f"lora: expected {{r: {recipe.lora.r}, alpha: {recipe.lora.alpha}}}, got "
            f"{{r: {config.get('r')}, alpha: {config.get('lora_alpha')}}}"
        )
    apart += [
        f"{key}: expected {getattr(recipe, key)}, got {getattr(sidecar, key)}"
        for key in ("template", "pooling")
        if sidecar is not None and getattr(sidecar, key) != getattr(recipe, key)
    ]
    if sidecar is not None and sidecar.objectives != tuple(recipe.objectives):
        had, has = (
            listed(list(names)) or "none" for names in (sidecar.objectives, recipe.objectives)
        )
        apart.append(f"objectives: expected {has}, got {had}")
    if apart:
        raise SourceError(
            f"{recipe.path}: from: {folder} cannot be continued by this recipe: "
            f"{'; '.join(apart)}; change these keys of the recipe to those of the adapter, or "
            "name another adapter"
        )


def begin(recipe: Recipe, hashes: FileHashes, train: Callable[[Recipe], Path]) -> Path | None:
    """The folder of the adapter that a training goes on from; None without `from`.

    Parameters
    ----------
    train
        Gives the adapter of a recipe, trained if it is missing.

    Raises
    ------
    SourceError
        If it does not fit the recipe.
    """
    start = recipe.start
    if start is None:
        return None
    folder = start.folder if start.recipe is None else train(start.recipe)
    assert folder is not None
    fit(folder, recipe, hashes)
    return folder


def take_over(model: Any, folder: Path, recipe: Recipe) -> None:
    """Give a PEFT model the weights of an adapter.

    Raises
    ------
    SourceError
        If it adapts other layers, or its weights have other shapes.
    """
    from peft import get_peft_model_state_dict

    from rmcheck.training.attachment import weights_in

    path, found = weights_in(folder)
    own = get_peft_model_state_dict(model, save_embedding_layers=False)
    expected = {name: tuple(value.shape) for name, value in own.items()}
    if found != expected:
        lacking, more = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected)
        other = [name for name in expected if found.get(name, expected[name]) != expected[name]]
        said = [
            f"{text} {listed([name.removeprefix('base_model.model.') for name in names])}"
            for text, names in (
                ("it lacks", lacking), ("only there:", more), ("of another shape:", other),
            )
            if names
        ]  # fmt: skip
        raise SourceError(
            f"{recipe.path}: from: {path} has other weights than this recipe trains: "
            f"{'; '.join(said)}; give the recipe the base and the lora targets of the adapter"
        )
    model.load_adapter(str(folder), model.active_adapter, is_trainable=True)


def with_replay(new: PreferenceData, old: PreferenceData, recipe: Recipe) -> PreferenceData:
    """New data with old examples among them.

    They are drawn with the recipe's seed from those whose texts are not in the new data, so many
    that they are `share` of all; all of them if there are fewer.
    """
    assert recipe.replay is not None
    here: list[PreferencePair | ResponseSet] = [*new.pairs, *new.sets]
    known = {each.hash for each in here}
    there: list[PreferencePair | ResponseSet] = [*old.pairs, *old.sets]
    pool = [each for each in there if each.hash not in known]
    share = recipe.replay.share
    count = min(round(share / (1 - share) * len(here)), len(pool))
    drawn = np.random.default_rng([recipe.seed, 4]).permutation(len(pool))[:count]
    kept: Sequence[PreferencePair | ResponseSet] = [pool[place] for place in sorted(drawn)]
    return replace(
        new,
        pairs=(*new.pairs, *(each for each in kept if isinstance(each, PreferencePair))),
        sets=(*new.sets, *(each for each in kept if isinstance(each, ResponseSet))),
        paths=(*new.paths, *old.paths),
        notes=(*new.notes, *old.notes),
    )
