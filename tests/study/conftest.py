"""One small project for all tests here, in which trainings take a second."""

from __future__ import annotations

from pathlib import Path

import pytest
from training import project as small

RECIPE = """recipe: 1
base: ../base
data: ../pairs.jsonl
max_length: 64
pooling: mean
lora: {r: 2, alpha: 4, targets: [c_attn]}
training: {learning_rate: 1.0e-2, batch_size: 8, epochs: 2}
held_out: 0
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a base model, 40 pairs of 40 prompts and the recipe `recipes/mine.yaml`."""
    made = tmp_path_factory.mktemp("study")
    small.base(made / "base", width=16)
    small.pairs(made)
    (made / "recipes").mkdir()
    (made / "recipes" / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    (made / "pytest.ini").write_text("[pytest]\nrm_device = cpu\n", encoding="utf-8")
    return made


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as the current folder."""
    monkeypatch.chdir(folder)
    return folder
