"""Groups of keys of a recipe: the adapter, the label noise, the optimiser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import ConfigDict

CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False)
"""How keys of a recipe are read: unknown ones and infinite numbers are mistakes."""

Seed = Annotated[int, Ge(0)]
Processes = Annotated[int, Ge(1), Le(1024)] | Literal["auto"]


@dataclass(frozen=True)
class Lora:
    """The low-rank adapter.

    Parameters
    ----------
    r
        Its rank.
    alpha
        Its scale is alpha / r.
    targets
        The layers that it adapts; PEFT's choice by default.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG

    r: Annotated[int, Ge(1), Le(1024)] = 16
    alpha: Annotated[int, Ge(1)] = 32
    targets: tuple[str, ...] | None = None


@dataclass(frozen=True)
class LabelNoise:
    """Training labels that are flipped at random.

    Parameters
    ----------
    rate
        Their share.
    seed
        Seed of the random draw.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG

    rate: Annotated[float, Ge(0), Le(1)] = 0.0
    seed: Seed = 0


@dataclass(frozen=True, kw_only=True)
class EarlyStopping:
    """When a training stops before its last step; it keeps the weights with the least loss.

    Parameters
    ----------
    patience
        It stops after so many measurements in a row without a smaller held-out loss.
    measurements
        How often the held-out loss is measured over the whole training.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG

    patience: Annotated[int, Ge(1)] = 3
    measurements: Annotated[int, Ge(2), Le(1000)] = 20


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Old examples among the new ones, so that a training does not forget them.

    Parameters
    ----------
    data
        The old data, as the key `data` of a recipe names data.
    share
        Their share of all examples; fewer if there are not so many.
    layout
        The layout of the old data; by default it is recognised.
    """

    data: tuple[str, ...] | Mapping[str, Any]
    share: float
    layout: str | None = None


@dataclass(frozen=True, kw_only=True)
class Optimisation:
    """The optimiser's settings.

    Parameters
    ----------
    learning_rate
        The peak learning rate, after the warm-up.
    batch_size
        Pairs per batch.
    gradient_accumulation
        Batches per optimiser step.
    epochs
        Number of times that the training pairs are used.
    warmup
        The share of steps in which the learning rate rises.
    schedule
        How the learning rate falls after that.
    weight_decay
        Weight decay of the optimiser.
    max_gradient_norm
        A larger gradient is scaled down to this norm.
    gradient_checkpointing
        Recomputes activations to save memory.
    precision
        Of the arithmetic; `auto` is bf16 on a GPU that supports it, else fp32.
    processes
        How many processes train it together, each on a share of every batch: a number, or `auto`,
        one for each GPU. Not part of the hash.
    """

    __pydantic_config__: ClassVar[ConfigDict] = CONFIG

    learning_rate: Annotated[float, Gt(0)] = 1e-4
    batch_size: Annotated[int, Ge(1)] = 8
    gradient_accumulation: Annotated[int, Ge(1)] = 1
    epochs: Annotated[float, Gt(0)] = 1.0
    warmup: Annotated[float, Ge(0), Lt(1)] = 0.05
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = "linear"
    weight_decay: Annotated[float, Ge(0)] = 0.0
    max_gradient_norm: Annotated[float, Gt(0)] = 1.0
    gradient_checkpointing: bool = False
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    processes: Processes = 1
