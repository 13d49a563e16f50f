"""What is wrong with a checkpoint is told in one line, and none of its code is ever run."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from scoring.models import dialogues, random_model, tokenizer

from rmcheck.data import Dialogue
from rmcheck.errors import SourceError, UsageError
from rmcheck.scoring.scorer import Scorer
from rmcheck.scoring.tokens import length_limit

from .readings import Kind, save
from .test_readings import opened


def refused(root: Path, spec: str = "hf:model") -> str:
    """The error of a source."""
    with pytest.raises(SourceError) as caught:
        opened(spec, root).score(dialogues(3))
    assert "\n" not in str(caught.value)
    return str(caught.value)


HOSTILE = """
from pathlib import Path
Path({mark!r}).write_text("ran")
from transformers import PretrainedConfig
class Own(PretrainedConfig):
    model_type = "own"
"""


@pytest.mark.parametrize("known", [True, False], ids=["a known model type", "its own model type"])
def test_code_in_a_model_folder_is_not_run_and_nothing_is_asked(
    tmp_path: Path, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "model", "gpt2", Kind())
    mark = tmp_path / "ran"
    (tmp_path / "model/own.py").write_text(HOSTILE.format(mark=str(mark)))
    file = tmp_path / "model/config.json"
    config = json.loads(file.read_text())
    config["auto_map"] = {
        "AutoConfig": "own.Own",
        "AutoModelForSequenceClassification": "own.Own",
        "AutoTokenizer": "own.Own",
    }
    if not known:
        config["model_type"] = "own"
    file.write_text(json.dumps(config))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question was asked"))
    if known:
        assert len(opened("hf:model", tmp_path).score(dialogues(3))) == 3
    else:
        assert "run only if you allow it" in refused(tmp_path)
    assert not mark.exists()


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.write_text, (self.mark, "ran")


def test_a_pickle_of_more_than_tensors_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "model", "gpt2", Kind())
    weights = load_file(tmp_path / "model/model.safetensors")
    (tmp_path / "model/model.safetensors").unlink()
    mark = tmp_path / "ran"
    torch.save({**weights, "extra": Bomb(mark)}, tmp_path / "model/pytorch_model.bin")
    assert "cannot be loaded" in refused(tmp_path)
    (tmp_path / "model/pytorch_model.bin").write_bytes(pickle.dumps(Bomb(mark)))
    assert "cannot be loaded" in refused(tmp_path)
    assert not mark.exists()


def test_a_token_without_an_embedding_is_named_with_its_text(tmp_path: Path) -> None:
    save(tmp_path / "model", "gpt2", Kind())
    more = tokenizer()
    more.add_tokens([f"<x{number}>" for number in range(401 - len(more))])
    assert len(more) == 401
    more.save_pretrained(tmp_path / "model")
    texts = [
        Dialogue("Why?", "rain", "p1/chosen"),
        Dialogue("Why?", more.decode([400]), "p2/chosen"),
    ]
    with pytest.raises(SourceError) as caught:
        opened("hf:model", tmp_path).score(texts)
    told = "p2/chosen has the token 400, but the model has embeddings for 400 tokens only"
    assert told in str(caught.value)
    plain = [Dialogue("Why?", "the cat sat")]
    assert len(opened("hf:model", tmp_path).score(plain)) == 1


def test_a_head_of_another_shape_is_named_with_both_shapes(tmp_path: Path) -> None:
    save(tmp_path / "model", "gpt2", Kind())
    file = tmp_path / "model/model.safetensors"
    weights = load_file(file)
    weights["score.weight"] = torch.zeros(3, 32)
    save_file(weights, file, metadata={"format": "pt"})
    said = refused(tmp_path)
    assert "score.weight has the shape (3, 32) in the files, and (1, 32) by config.json" in said


def test_no_limit_of_positions_is_none() -> None:
    class Config:
        max_position_embeddings = -1  # as XLNet has it

    assert length_limit(Config(), None, None) == 1_000_000
    assert length_limit(Config(), None, 300) == 300


def test_an_encoder_decoder_needs_the_end_token_at_which_it_reads() -> None:
    from training.test_bases import OTHERS
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.for_model("bart", **OTHERS["bart"], num_labels=1)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(config)
    with pytest.raises(SourceError, match=r"reads the reward at the end token \(0\)"):
        Scorer(model, tokenizer())
    assert len(Scorer(model, tokenizer(encloses=True)).score(dialogues(3))) == 3
    assert len(Scorer(random_model("gpt2"), tokenizer()).score(dialogues(3))) == 3


def test_a_gguf_file_is_no_reward_model_even_with_a_head(tmp_path: Path) -> None:
    """transformers reads the layers of a language model from it and leaves `cls.output` out."""
    (tmp_path / "model").mkdir()
    (tmp_path / "model/small.gguf").write_bytes(b"GGUF")
    with pytest.raises(SourceError) as caught:
        opened("hf:model", tmp_path).score(dialogues(1))
    said = "a GGUF file is read as a language model, and a reward head in it (cls.output, cls)"
    assert str(caught.value).startswith(f"{tmp_path / 'model/small.gguf'}: {said} is not read; ")
    assert "(base: model, gguf_file: small.gguf)" in str(caught.value)
    with pytest.raises(UsageError, match="a reward head in it"):
        opened("hf:model/small.gguf", tmp_path)
