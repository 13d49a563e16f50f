"""The versions and the device of a run, found without importing anything heavy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from rmcheck.engine.settings import Settings
from rmcheck.record.inputs import InputsRecord
from rmcheck.record.run import EnvironmentRecord
from rmcheck.registry import entry_points

DECIDING = ("hypothesis", "numpy", "peft", "scipy", "tokenizers", "torch", "transformers")
"""The packages that compute scores and verdicts."""
KINDS = tuple(
    f"rmcheck.{name}" for name in ("checks", "losses", "profiles", "sources", "transformations")
)
"""The groups of entry points of other packages that can change a verdict."""


def environment(settings: Settings) -> EnvironmentRecord:
    """What is known now; torch and device are None as long as nothing had to be computed."""
    torch = sys.modules.get("torch")
    device = settings.device
    if torch is not None and device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return EnvironmentRecord(
        python=platform.python_version(),
        torch=_version("torch") if torch is not None else None,
        transformers=_version("transformers") if torch is not None else None,
        device=device if torch is not None else None,
        dtype=settings.dtype,
        platform=f"{platform.system()} {platform.machine()}",
    )


def inputs(settings: Settings, comparisons: int) -> InputsRecord:
    """What the verdicts depend on besides models, data and suites."""
    return InputsRecord(
        comparisons=comparisons,
        device=settings.device,
        examples=settings.examples,
        seeds=settings.seeds,
        early_stop=settings.early_stop,
        packages=dict(_packages()),
    )


@cache
def _packages() -> Mapping[str, str]:
    """The installed versions of what scores and decides, also of other packages' kinds."""
    found = {name: _version(name) for name in DECIDING}
    for group in KINDS:
        for point in entry_points(group):
            if point.dist is not None:
                found[point.dist.name] = point.dist.version
    return {name: version for name, version in found.items() if version is not None}


def _version(package: str) -> str | None:
    """None where it is not installed: a function of the user's may score with torch alone."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit(root: Path) -> str | None:
    """The git commit of the project, with `-dirty` behind it where files differ; else None."""
    command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        told = subprocess.run(
            command, cwd=root, env=quiet, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None
