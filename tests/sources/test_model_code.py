"""The Python code of a model's folder is run if the user allowed it for this source, else never."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scoring.models import dialogues

from rmcheck.errors import SourceError, UsageError

from .readings import Kind, save
from .test_readings import opened

CODE = """
from transformers import GPT2Config, GPT2ForSequenceClassification

class OwnConfig(GPT2Config):
    model_type = "own_gpt2"

class OwnModel(GPT2ForSequenceClassification):
    config_class = OwnConfig

    def forward(self, *arguments, **options):
        found = super().forward(*arguments, **options)
        found.logits = found.logits {change}
        return found
"""


def model_with_code(folder: Path, change: str = "") -> None:
    """A GPT-2 whose class is in its folder; `change` is done to its rewards."""
    save(folder, "gpt2", Kind())
    (folder / "modelling.py").write_text(CODE.format(change=change))
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "own_gpt2"
    config["auto_map"] = {
        "AutoConfig": "modelling.OwnConfig",
        "AutoModelForSequenceClassification": "modelling.OwnModel",
    }
    (folder / "config.json").write_text(json.dumps(config))


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers copies such code into a folder of its own, here one that the test owns."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "m"))
    monkeypatch.syspath_prepend(str(tmp_path / "m"))


def test_code_runs_with_consent_and_is_recorded(tmp_path: Path) -> None:
    save(tmp_path / "plain", "gpt2", Kind())
    model_with_code(tmp_path / "model", "* 2")
    texts = dialogues(6)
    source = opened("hf:model,trust_remote_code=true", tmp_path)
    plain = opened("hf:plain", tmp_path)
    np.testing.assert_allclose(source.score(texts), 2 * plain.score(texts), atol=1e-5)
    record = source.describe()
    assert record.trust_remote_code
    assert "trust_remote_code true (the spec)" in record.reading
    assert not plain.describe().trust_remote_code


def test_without_consent_the_error_says_how_to_give_it(tmp_path: Path) -> None:
    model_with_code(tmp_path / "model")
    for spec in ("hf:model", "hf:model,trust_remote_code=false"):
        with pytest.raises(SourceError, match="read the code, then add trust_remote_code=true"):
            opened(spec, tmp_path).score(dialogues(2))


def test_the_code_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    model_with_code(tmp_path / "model")
    before = opened("hf:model,trust_remote_code=true", tmp_path).fingerprint
    assert before != opened("hf:model", tmp_path).fingerprint
    (tmp_path / "model/modelling.py").write_text(CODE.format(change="* 3"))
    assert before != opened("hf:model,trust_remote_code=true", tmp_path).fingerprint


def test_code_of_another_repository_is_refused(tmp_path: Path) -> None:
    model_with_code(tmp_path / "model")
    file = tmp_path / "model/config.json"
    config = json.loads(file.read_text())
    config["auto_map"]["AutoConfig"] = "somebody/else--modelling.OwnConfig"
    file.write_text(json.dumps(config))
    with pytest.raises(SourceError, match=r"code of another repository.*copy that file"):
        opened("hf:model,trust_remote_code=true", tmp_path).score(dialogues(2))


def test_consent_is_true_or_false(tmp_path: Path) -> None:
    model_with_code(tmp_path / "model")
    with pytest.raises(UsageError, match="trust_remote_code: expected true or false, got 'yes'"):
        opened("hf:model,trust_remote_code=yes", tmp_path)


def test_code_that_ends_the_process_is_an_error_of_the_model(tmp_path: Path) -> None:
    model_with_code(tmp_path / "model")
    file = tmp_path / "model/modelling.py"
    file.write_text(file.read_text() + "\nraise SystemExit(3)\n")
    with pytest.raises(SourceError, match=r"model: cannot be loaded: 3"):
        opened("hf:model,trust_remote_code=true", tmp_path).score(dialogues(2))
