"""The extras of rmcheck: the packages of each, and the error where one is missing."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator, Mapping

from rmcheck.errors import ExtraMissing

MODELS = "models"
GGUF = "gguf"
QUANTIZE = "quantize"
HTTP = "http"
RAY = "ray"
SERVE = "serve"
SLICES = "slices"
SWEEP = "sweep"

EXTRAS: Mapping[str, tuple[str, ...]] = {
    MODELS: (
        "torch",
        "transformers",
        "peft",
        "trl",
        "datasets",
        "accelerate",
        "tokenizers",
        "safetensors",
        "huggingface_hub",
    ),
    GGUF: ("gguf",),
    QUANTIZE: ("torchao",),
    HTTP: ("pycurl",),
    RAY: ("ray",),
    SERVE: ("fastapi", "uvicorn", "prometheus_client"),
    SLICES: ("sklearn",),
    SWEEP: ("optuna",),
}
"""The packages that code outside of the core imports, by the extra that installs them."""


def missing(extra: str) -> list[str]:
    """The packages of an extra that are not installed; imports none of them."""
    return [name for name in EXTRAS[extra] if importlib.util.find_spec(name) is None]


@contextlib.contextmanager
def needed_by(what: str) -> Iterator[None]:
    """In this context, a missing package of an extra raises an error with the install command.

    Parameters
    ----------
    what
        What the user asked for: the subject of the message.

    Raises
    ------
    ExtraMissing
        Instead of ModuleNotFoundError for such a package; other errors are not changed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        for extra, packages in EXTRAS.items():
            # A module missing from an installed package is a bug, or a wrong version.
            if package in packages and package in (absent := missing(extra)):
                raise ExtraMissing(what, extra, absent) from None
        raise
