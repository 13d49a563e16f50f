"""The private names of torchao that are used, and the exact product in place of a slow one."""

from __future__ import annotations

import importlib

import pytest
import torch

from rmcheck.extras import QUANTIZE, missing
from rmcheck.scoring import torchao_compat


@pytest.mark.skipif(bool(missing(QUANTIZE)), reason="torchao is not installed")
def test_the_kernel_is_where_it_is_looked_for() -> None:
    workflow = importlib.import_module(torchao_compat.WORKFLOW)
    assert callable(getattr(workflow, torchao_compat.KERNEL))


@pytest.mark.parametrize("width", [1, 7, 1024, 1025, 3000])
def test_the_product_is_that_of_integers(width: int) -> None:
    torch.manual_seed(width)
    a = torch.randint(-128, 128, (33, width), dtype=torch.int8)
    b = torch.randint(-128, 128, (20, width), dtype=torch.int8).t()
    assert torch.equal(torchao_compat.product(a, b).long(), a.long() @ b.long())


def test_it_is_exact_where_sums_are_largest() -> None:
    a = torch.full((17, 4096), -128, dtype=torch.int8)
    b = torch.full((4096, 24), -128, dtype=torch.int8)
    assert (torchao_compat.product(a, b) == 128 * 128 * 4096).all()
    scales = torch.linspace(0.1, 2, 17)[:, None]
    expected = (a.int() @ b.int()).float() * scales
    assert torch.equal(torchao_compat.scaled_product(a, b, scales), expected)


@pytest.mark.skipif(bool(missing(QUANTIZE)), reason="torchao is not installed")
@pytest.mark.parametrize(("capability", "replaced"), [("AVX2", True), ("AVX512", False)])
def test_a_layer_gives_the_same_bits(
    monkeypatch: pytest.MonkeyPatch, capability: str, replaced: bool
) -> None:
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    workflow = importlib.import_module(torchao_compat.WORKFLOW)
    torch.manual_seed(0)
    layer, inputs = torch.nn.Linear(1100, 24), torch.randn(19, 1100)
    quantize_(layer, Int8DynamicActivationInt8WeightConfig())
    own = importlib.import_module("torchao.kernel").int_scaled_matmul
    monkeypatch.setattr(workflow, torchao_compat.KERNEL, own)
    expected = layer(inputs)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert torchao_compat.speed_up() == replaced
    assert (getattr(workflow, torchao_compat.KERNEL) is own) != replaced
    assert torch.equal(layer(inputs), expected)
