"""Checkpoints whose weights are stored quantised: computed with as they are meant, or refused."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping
from typing import Any

import torch

from rmcheck.errors import SourceError
from rmcheck.wording import listed

LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "aqlm": ("aqlm",),
    "auto-round": ("auto_round",),
    "awq": ("gptqmodel",),
    "bitsandbytes": ("bitsandbytes",),
    "compressed-tensors": ("compressed_tensors",),
    "eetq": ("kernels",),
    "fbgemm_fp8": ("fbgemm_gpu",),
    "fouroversix": ("fouroversix",),
    "fp8": ("kernels",),
    "fp_quant": ("fp_quant",),
    "gptq": ("gptqmodel", "optimum"),
    "higgs": ("flute", "fast_hadamard_transform"),
    "hqq": ("hqq",),
    "mxfp4": ("kernels",),
    "mxfp8": ("kernels",),
    "nvfp4": ("kernels",),
    "quanto": ("optimum.quanto",),
    "quark": ("quark",),
    "sinq": ("sinq",),
    "spqr": ("spqr_quant",),
    "torchao": ("torchao",),
    "vptq": ("vptq",),
}
"""Modules that compute with a format's weights, by `quant_method` in `config.json`."""
PACKAGES = {
    "fast_hadamard_transform": "fast-hadamard-transform",
    "fbgemm_gpu": "fbgemm-gpu",
    "flute": "flute-kernel",
    "optimum.quanto": "optimum-quanto",
    "quark": "amd-quark",
}
"""Names of packages that are not their module's with `-` for `_`."""
BESIDE = ("qweight", "SCB", "weight_packed", "weight_scale", "weight_scale_inv", "qzeros", "absmax")
"""What such formats store beside a weight, or in its place."""


def stored_as(config: Any, name: str) -> str:
    """The format in which a checkpoint's weights are quantised; empty where they are not.

    Parameters
    ----------
    config
        The model's configuration, from its files.
    name
        What messages call the model.

    Raises
    ------
    SourceError
        For a format that cannot be computed with here: unknown, or without its library.
    """
    said = getattr(config, "quantization_config", None) or getattr(
        config.get_text_config(), "quantization_config", None
    )
    if said is None and getattr(config, "compression_config", None) is None:
        return ""
    settings = dict(said) if isinstance(said, Mapping) else {}
    method = str(settings.get("quant_method") or "")
    if settings.get("load_in_8bit") or settings.get("load_in_4bit"):
        method = "bitsandbytes"
    if not method:
        what = "compression_config" if said is None else "quantization_config without quant_method"
        raise SourceError(
            f"{name}: its weights are quantised, but config.json has a {what}, which transformers "
            "does not read; save it again with the library that quantised it"
        )
    modules = LIBRARIES.get(method)
    if modules is None or not _known(method):
        raise SourceError(
            f"{name}: its weights are quantised as {method!r}, which rmcheck cannot compute with; "
            f"expected {listed(list(LIBRARIES))}, or the model before it was quantised"
        )
    absent = [module for module in modules if not _installed(module)]
    if absent:
        packages = [PACKAGES.get(module, module.replace("_", "-")) for module in absent]
        raise SourceError(
            f"{name}: its weights are quantised as {method!r}, which needs {listed(packages)}; "
            f"install: pip install {' '.join(packages)}, or name the model before it was quantised"
        )
    return method


def _known(method: str) -> bool:
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    return any(name == method or name.startswith(f"{method}_") for name in AUTO_QUANTIZER_MAPPING)


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ModuleNotFoundError, ValueError):  # its parent is missing, or it was blocked
        return False


def refuse_unpacked(model: Any, method: str, unexpected: Collection[str], name: str) -> None:
    """Raise SourceError where a quantised checkpoint was not loaded as one.

    Parameters
    ----------
    model
        The loaded model.
    method
        Its format, see `stored_as`.
    unexpected
        Names of weights in the files that have no place in the model.
    """
    if not method:
        beside = sorted(key for key in unexpected if key.rpartition(".")[2] in BESIDE)
        if beside:
            raise SourceError(
                f"{name}: its files have quantised weights ({listed(beside)}), but config.json has "
                "no quantization_config to read them by; save it again with the library that "
                "quantised it"
            )
        return
    quantizer = getattr(model, "hf_quantizer", None)
    asked = getattr(getattr(quantizer, "quantization_config", None), "dequantize", False)
    if quantizer is None or asked or not getattr(model, "is_quantized", False):
        raise SourceError(
            f"{name}: its weights are quantised as {method!r}, and this machine can only unpack "
            "them, which gives other scores; score it where its kernels run (a GPU), or name the "
            "model before it was quantised"
        )


def computes_packed(model: Any) -> bool:
    """Whether a model computes with quantised weights of its files."""
    return bool(getattr(model, "is_quantized", False))


def placed(model: Any, device: str, dtype: str, wanted: torch.dtype) -> Any:
    """`model` on a device in a precision; quantised weights keep theirs.

    Raises
    ------
    SourceError
        For quantised weights in another precision than float32, in which the rest is loaded.
    """
    if not computes_packed(model):
        return model.to(device=device, dtype=wanted)
    if dtype != "float32":
        name = getattr(model, "name_or_path", "") or type(model).__name__
        raise SourceError(
            f"{name}: its weights are quantised, so it is scored with --rm-dtype float32, not "
            f"{dtype}"
        )
    return model if model.device.type == torch.device(device).type else model.to(device)
