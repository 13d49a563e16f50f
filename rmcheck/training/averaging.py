"""Several LoRA adapters of one base model as one: the average of what they add to its weights."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rmcheck.errors import SourceError, UsageError
from rmcheck.scoring.files import FileHashes
from rmcheck.training.adapter import (
    CONFIG,
    SIDECAR,
    WEIGHTS,
    Backbone,
    Sidecar,
    base_of,
    read_config,
    read_sidecar,
    sealed,
    verify,
)

_LAYER = ("use_dora", "rank_pattern", "alpha_pattern", "trainable_token_indices", "lora_bias")
"""Keys of PEFT's configuration with which an adapter is more than sums of products A B."""
_READING = ("template", "pooling", "max_length", "num_labels", "objectives")


def average(
    folders: Sequence[Path],
    target: Path,
    hashes: FileHashes,
    weights: Sequence[float] | None = None,
) -> int:
    """Write the average of LoRA adapters to the new folder `target`.

    Parameters
    ----------
    folders
        Two or more adapters of one base model, read in one way.
    target
        A folder that is empty or does not exist.
    hashes
        Of the base models' files.
    weights
        How much each counts, in any unit: they are divided by their sum. None: all alike.

    Returns
    -------
    The rank of the average: the sum of the ranks.

    Raises
    ------
    UsageError
        If they are fewer than two, do not belong together, or `target` has files in it; for
        weights that are not as many, not finite, or do not add up to more than 0.
    SourceError
        If a folder is not an adapter, is damaged, or is of a kind that cannot be averaged.

    Notes
    -----
    Rame et al., *WARM: On the Benefits of Weight Averaged Reward Models*, ICML 2024: the average of
    the weights of models trained from one base, in place of an ensemble of their rewards, at the
    cost of one model. The average of the products s_i B_i A_i is itself a product, of the A_i one
    below another and the s_i B_i / k side by side; averaging the A_i and B_i by themselves would
    be another model. What adapters bring in full (the head) is averaged entry by entry.
    """
    if len(folders) < 2:
        raise UsageError("expected two or more adapters, got one")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: already exists and is not an empty folder; choose another one")
    shares = _shares(weights, len(folders))
    configs = [_lora(folder) for folder in folders]
    sidecars = [read_sidecar(folder) or Sidecar() for folder in folders]
    bases = [base_of(folder, hashes) for folder in folders]
    stamps = [files.hash(hashes, [gguf] if gguf else []) for files, gguf in bases]
    for folder, sidecar, stamp in zip(folders, sidecars, stamps, strict=True):
        if stamp != stamps[0]:
            raise UsageError(f"{folder}: its base model is not that of {folders[0]}")
        for key in _READING:
            first, here = getattr(sidecars[0], key), getattr(sidecar, key)
            if first != here:
                raise UsageError(f"{folder}: expected {key} {first} as in {folders[0]}, got {here}")
    tensors = _averaged(folders, configs, shares)
    target.mkdir(parents=True, exist_ok=True)
    from safetensors.torch import save_file

    rank = sum(int(config["r"]) for config in configs)
    config = {**configs[0], "r": rank, "lora_alpha": rank, "use_rslora": False}
    save_file(tensors, target / WEIGHTS, metadata={"format": "pt"})
    (target / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    files, gguf = bases[0]
    name = files.name
    if files.folder is not None:
        name = os.path.relpath(files.folder, target.resolve())
    backbone = Backbone(name=name, revision=files.revision, gguf_file=gguf, hash=stamps[0])
    given = {key: getattr(sidecars[0], key) for key in _READING}
    if all(each.weights == sidecars[0].weights for each in sidecars):
        given["weights"] = sidecars[0].weights
    text = sealed(target, Sidecar(backbone=backbone, **given)).model_dump_json(indent=1)
    (target / SIDECAR).write_text(text + "\n", encoding="utf-8")
    return rank


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    """What each adapter's share of the average is; they add up to 1."""
    given = [1.0] * count if weights is None else list(weights)
    if len(given) != count:
        raise UsageError(f"--weights: expected {count} numbers, one for each adapter, got {given}")
    total = math.fsum(given)
    if not (math.isfinite(total) and total > 0):
        raise UsageError(f"--weights: expected finite numbers with a sum above 0, got {given}")
    return [each / total for each in given]


def _lora(folder: Path) -> Mapping[str, Any]:
    """The configuration of a plain LoRA adapter whose files are sound."""
    config = read_config(folder)
    verify(folder)
    kind = str(config.get("peft_type"))
    if kind != "LORA":
        raise SourceError(f"{folder}: expected a LoRA adapter, got PEFT's type {kind}")
    more = [key for key in _LAYER if config.get(key)]
    if more:
        raise SourceError(f"{folder}: LoRA with {more[0]} cannot be averaged")
    if not (folder / WEIGHTS).is_file():
        raise SourceError(f"{folder / WEIGHTS}: file not found; save the adapter as safetensors")
    return config


def _averaged(
    folders: Sequence[Path], configs: Sequence[Mapping[str, Any]], shares: Sequence[float]
) -> dict[str, Any]:
    """The weights of the average, by their names."""
    import torch
    from safetensors.torch import load_file

    parts = [load_file(folder / WEIGHTS) for folder in folders]
    for folder, part in zip(folders, parts, strict=True):
        if part.keys() != parts[0].keys():
            raise UsageError(f"{folder}: adapts other layers than {folders[0]}")
    scales = [
        float(config["lora_alpha"]) / float(config["r"]) ** (0.5 if config.get("use_rslora") else 1)
        for config in configs
    ]
    found: dict[str, Any] = {}
    for name in parts[0]:
        each = [part[name].float() for part in parts]
        if ".lora_A." in name:
            found[name] = torch.cat(each, dim=0).contiguous()
        elif ".lora_B." in name:
            factors = [scale * share for scale, share in zip(scales, shares, strict=True)]
            scaled = [one * factor for one, factor in zip(each, factors, strict=True)]
            found[name] = torch.cat(scaled, dim=1).contiguous()
        elif ".lora_" in name:
            raise SourceError(f"{folders[0]}: LoRA of embeddings ({name}) cannot be averaged")
        else:
            scaled = [one * share for one, share in zip(each, shares, strict=True)]
            found[name] = torch.stack(scaled).sum(dim=0)
    return found
