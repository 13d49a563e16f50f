"""Linear layers in 8 bits on a CPU: `hf:PATH,quantize=int8`.

Weights are rounded once, per output; a layer's inputs are rounded in each call, per token, so that
no other text decides how a text is rounded. See docs/notes/quantised-by-torchao.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from rmcheck.errors import SourceError
from rmcheck.scoring.loading import quiet
from rmcheck.scoring.stored import computes_packed
from rmcheck.scoring.torchao_compat import speed_up
from rmcheck.scoring.transformers_compat import Conv1D
from rmcheck.wording import counted, listed

LEAST = 0.5
"""The smallest share of the weights outside embeddings that must become int8."""


def quantized(model: Any, spec: str, device: str, dtype: str) -> str:
    """Quantise the linear layers of `model`, in place; what was done, for the user.

    A layer with one output, the head, keeps its weights: its output is the reward.

    Parameters
    ----------
    spec
        What the user asked for: the subject of messages.
    device, dtype
        Where and in which precision the rest of the model computes.

    Raises
    ------
    SourceError
        On another device than a CPU or in another precision than float32, for a checkpoint that is
        quantised already, and where most weights are not in linear layers.
    ModuleNotFoundError
        Where torchao is not installed.
    """
    if device != "cpu":
        raise SourceError(
            f"{spec}: quantize=int8 computes on a CPU, not on {device}; use --rm-device cpu"
        )
    if dtype != "float32":
        raise SourceError(f"{spec}: quantize=int8 expects --rm-dtype float32, got {dtype}")
    if computes_packed(model):
        raise SourceError(
            f"{spec}: this model's weights are quantised already; remove quantize=int8"
        )
    with quiet():
        import torchao
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        speed_up()
        _refuse_overflow(spec, quantize_, Int8DynamicActivationInt8WeightConfig())
        _unfold(model)
        chosen = {name: layer for name, layer in model.named_modules() if _fits(layer)}
        left = list(_left(model, chosen))
        within = sum(layer.weight.numel() for layer in chosen.values())
        outside = sum(count for _, count, embeds in left if not embeds)
        if within < LEAST * (within + outside):
            names = [name for name, _, embeds in left if not embeds]
            raise SourceError(
                f"{spec}: quantize=int8 is for linear layers, and {outside:,} of this model's "
                f"{within + outside:,} weights outside its embeddings are in others "
                f"({listed(names)}); remove quantize=int8"
            )
        picked = set(map(id, chosen.values()))
        quantize_(
            model,
            Int8DynamicActivationInt8WeightConfig(),
            filter_fn=lambda layer, _: id(layer) in picked,
        )
    _refuse_untouched(chosen, spec)
    return (
        f"quantize int8: {counted(len(chosen), 'linear layer')} ({within:,} weights) in 8 bits by "
        f"torchao {torchao.__version__}; left in float32: {listed([name for name, _, _ in left])}"
    )


def _fits(layer: Any) -> bool:
    # A subclass may read its weight otherwise than F.linear does, as the one in attention does.
    return type(layer) is torch.nn.Linear and layer.out_features > 1


def _unfold(model: Any) -> None:
    """Replace GPT-2's Conv1D layers by linear ones with the same weights."""
    found = [(name, layer) for name, layer in model.named_modules() if type(layer) is Conv1D]
    for name, layer in found:
        linear = torch.nn.Linear(*layer.weight.shape)
        with torch.no_grad():
            linear.weight.copy_(layer.weight.t())
            linear.bias.copy_(layer.bias)
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, linear)


def _left(model: Any, chosen: dict[str, Any]) -> Iterator[tuple[str, int, bool]]:
    """Modules with matrices that stay as they are: name, number of weights, whether it embeds."""
    for name, module in model.named_modules():
        count = sum(own.numel() for own in module.parameters(recurse=False) if own.dim() > 1)
        if count and name not in chosen:
            yield name, count, isinstance(module, torch.nn.Embedding)


def _refuse_overflow(spec: str, quantize: Any, config: Any) -> None:
    """Raise SourceError on a CPU that adds products of 8 bits in 16, where they do not fit."""
    layer = torch.nn.Linear(256, 16, bias=False)
    torch.nn.init.ones_(layer.weight)
    probe = torch.nn.Sequential(layer)
    quantize(probe, config)
    with torch.inference_mode():
        found = probe(torch.ones(32, 256))
    if not torch.allclose(found, torch.full_like(found, 256.0), rtol=0.02):
        raise SourceError(
            f"{spec}: quantize=int8 gives wrong sums on this CPU (256 ones add up to "
            f"{float(found[0, 0]):.0f}); score it on another machine, or remove quantize=int8"
        )


def _refuse_untouched(chosen: dict[str, Any], spec: str) -> None:
    untouched = [name for name, layer in chosen.items() if type(layer.weight.data) is torch.Tensor]
    if untouched:
        raise SourceError(f"{spec}: torchao did not quantise {listed(untouched)}")
