"""Names of `transformers` that are not part of its public API.

If a release renames them, only this file changes. `tests/scoring/test_transformers_compat.py` fails
if one of them is missing.
"""

from __future__ import annotations

from typing import Any

import transformers

# Attention as the library computes it, for whatever is not a row of trees: the registry of
# attention functions is public, the functions in it are not.
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

# GPT-2's linear layer, whose weight is transposed; no public module has it.
from transformers.pytorch_utils import Conv1D

__all__ = [
    "Conv1D",
    "attention_of",
    "repeat_kv",
    "sdpa_attention_forward",
    "sdpa_mask",
    "unpacked",
]


def attention_of(model: Any) -> str | None:
    """The name of the attention that a model uses; `set_attn_implementation` has no public twin."""
    found: str | None = model.config._attn_implementation
    return found


def unpacked() -> dict[str, Any]:
    """Options of `from_pretrained` for a GGUF file, so that its weights can be trained.

    Weights left in their blocks cannot; versions without `GgufConfig` always unpack them.
    """
    if not hasattr(transformers, "GgufConfig"):
        return {}
    return {"quantization_config": transformers.GgufConfig(dequantize=True)}
