"""What a run says of its machine, without importing anything to find out."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from rmcheck.engine.environment import environment
from rmcheck.engine.settings import Settings


def test_torch_is_named_only_when_something_was_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    found = environment(Settings.below(tmp_path))
    assert (found.torch, found.transformers, found.device) == (None, None, None)
    assert (found.python, found.dtype) == (platform.python_version(), "float32")
    assert "torch" not in sys.modules
    fake = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True))
    monkeypatch.setitem(sys.modules, "torch", fake)  # type: ignore[arg-type]
    found = environment(Settings.below(tmp_path))
    assert (found.torch, found.device) == (importlib.metadata.version("torch"), "cuda")
    assert environment(Settings.below(tmp_path, device="cpu")).device == "cpu"


def test_torch_alone_is_no_reason_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A function of the user's scores with torch, and transformers is not installed.
    def version(package: str) -> str:
        if package == "transformers":
            raise importlib.metadata.PackageNotFoundError(package)
        return "2.0"

    fake = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, "torch", fake)  # type: ignore[arg-type]
    monkeypatch.setattr(importlib.metadata, "version", version)
    found = environment(Settings.below(tmp_path))
    assert (found.torch, found.transformers, found.device) == ("2.0", None, "cpu")


def test_settings_below_a_root(tmp_path: Path) -> None:
    made = Settings.below(tmp_path, seed=3, dtype="bfloat16", device="cpu")
    assert made.cache == tmp_path / ".rmcheck"
    assert made.baselines == tmp_path / "fixtures/baselines"
    options = made.options
    assert (options.root, options.cache) == (tmp_path, tmp_path / ".rmcheck")
    assert (options.device, options.dtype) == ("cpu", "bfloat16")
