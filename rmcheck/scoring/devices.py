"""Devices to compute on; without transformers, whose import takes seconds."""

from __future__ import annotations

import torch

from rmcheck.errors import SourceError


def pick_device(wanted: str | None) -> str:
    """`wanted`, or by default CUDA if it is available, else the CPU.

    Raises
    ------
    SourceError
        If the device is not available.
    """
    if wanted is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        first = str(error).splitlines()[0]
        raise SourceError(f"--rm-device {wanted}: device not available ({first[:120]})") from None
    return wanted
