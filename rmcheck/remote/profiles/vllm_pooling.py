"""vLLM's `POST /pooling` with the task `classify`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rmcheck.remote.profile import Outputs, numbered, of_index
from rmcheck.remote.profiles.vllm import Vllm


class VllmPooling(Vllm):
    """vLLM's `/pooling` with the task `classify`.

    Notes
    -----
    vLLM 0.32 (vllm/entrypoints/pooling/pooling); otherwise as `/classify`.
    """

    path: ClassVar[str] = "/pooling"

    def read(self, answer: Any, count: int) -> Sequence[Outputs]:
        """`data[i].data`, in the order of `index`."""
        return [numbered(values) for values in of_index(answer, count, "data")]

    def _task(self) -> dict[str, Any]:
        return {"task": "classify", "encoding_format": "float"}
