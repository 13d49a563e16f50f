"""The precision in which a model computes, and the memory that it may run out of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from rmcheck.stats.precision import PRECISIONS

DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in PRECISIONS}
TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}
"""Largest difference between forest and one-by-one scores, per unit of reward."""


@contextlib.contextmanager
def full_precision(dtype: str) -> Iterator[None]:
    """No TF32 while scoring in float32, whatever the process has set."""
    if dtype != "float32" or not torch.cuda.is_available():
        yield
        return
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def is_out_of_memory(error: BaseException) -> bool:
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate" in said)
    )
