"""Names of torchao that are not part of its public API.

If a release renames them, only this file changes; without them torchao's own kernel is used, which
gives the same numbers. `tests/scoring/test_torchao_compat.py` fails if one of them is missing.
"""

from __future__ import annotations

import importlib

import torch

WORKFLOW = "torchao.quantization.quantize_.workflows.int8.int8_tensor"
KERNEL = "int_scaled_matmul"
EXACT = 1024
"""So many products of two bytes add up exactly in float32: 2⁷ · 2⁷ · 2¹⁰ = 2²⁴."""


def speed_up() -> bool:
    """Let torchao multiply bytes in float32 where a CPU has no instructions for it; if it was done.

    torch multiplies matrices of bytes without such instructions one by one, several times slower
    than floats. The sums are the same integers either way.
    """
    if torch.backends.cpu.get_cpu_capability() not in ("DEFAULT", "AVX2"):
        return False
    workflow = importlib.import_module(WORKFLOW)
    if not hasattr(workflow, KERNEL):
        return False
    setattr(workflow, KERNEL, scaled_product)
    return True


def scaled_product(a: torch.Tensor, b: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """(a b) · scales for int8 matrices (m, k), (k, n) and scales (m, 1), in the scales' dtype."""
    return product(a, b).to(scales.dtype) * scales


def product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a b as exact int32, shape (m, n), of int8 matrices (m, k) and (k, n)."""
    total = torch.zeros(a.shape[0], b.shape[1], dtype=torch.int32)
    for start in range(0, a.shape[1], EXACT):
        part = slice(start, start + EXACT)
        total += (a[:, part].float() @ b[part].float()).to(torch.int32)
    return total
