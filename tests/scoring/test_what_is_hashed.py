"""A model's hash covers whatever its loader may read, and nothing that changes no score."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from rmcheck.cache.store import ScoreStore
from rmcheck.engine.book import ScoreBook
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import FileHashes, locate
from rmcheck.sources import create
from scoring.models import dialogues, save


def put(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder of many files; the weights are in places that an index and configurations name."""
    folder = tmp_path / "model"
    for name, content in {
        "config.json": {
            "transformers_weights": "named.bin",
            "auto_map": {"AutoModel": "modeling_own.Own", "AutoConfig": "who/what--far.Config"},
            "deep": [{"er": "checkpoint-9/extra.json"}],
            "outside": "../beside/shared.bin",
        },
        "model.safetensors.index.json": {"weight_map": {"a": "parts/1.bin", "b": "logs/2.bin"}},
        "modules.json": [{"path": "1_Pooling", "type": "Pooling"}],
        "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
        "1_Pooling/pytorch_model.bin": "p",
        "named.bin": "n", "parts/1.bin": "1", "logs/2.bin": "2", "modeling_own.py": "m",
        "far.py": "f", "checkpoint-9/extra.json": {"weights": "deeper.bin"},
        "checkpoint-9/deeper.bin": "d", "../beside/shared.bin": "s", "tokenizer.model": "t",
        "vocab/words.txt": "w", "sentence_bert_config.json": {}, "chat_template.jinja": "c",
    }.items():  # fmt: skip
        put(folder / name, content)
    return folder


def hashed(folder: Path) -> str:
    return locate(str(folder), folder).hash(FileHashes(folder.parent / "cache"))


@pytest.mark.parametrize(
    "name",
    [
        "config.json", "model.safetensors.index.json", "modules.json", "1_Pooling/config.json",
        "1_Pooling/pytorch_model.bin", "named.bin", "parts/1.bin", "logs/2.bin", "modeling_own.py",
        "far.py", "checkpoint-9/extra.json", "checkpoint-9/deeper.bin", "../beside/shared.bin",
        "tokenizer.model", "vocab/words.txt", "sentence_bert_config.json", "chat_template.jinja",
    ],
)  # fmt: skip
def test_a_change_of_any_file_that_is_read_changes_the_hash(model: Path, name: str) -> None:
    before = hashed(model)
    path = model / name
    path.write_text(path.read_text() + " ")
    assert hashed(model) != before


@pytest.mark.parametrize(
    "name",
    [
        "README.md", ".git/config", ".cache/x.bin", "optimizer.pt", "logs/other.bin",
        "checkpoint-9/optimizer.pt", "checkpoint-9/unnamed.bin", "rng_state.pth", "runs/events",
        "generation_config.json", "rmcheck.json", "model.onnx", "LICENSE", "a.log", "tiny.gguf",
    ],
)  # fmt: skip
def test_what_no_loader_reads_changes_nothing(model: Path, name: str) -> None:
    before = hashed(model)
    put(model / name, "x")
    assert hashed(model) == before


def test_two_files_that_change_places_change_the_hash(model: Path) -> None:
    before = hashed(model)
    for name, content in (("parts/1.bin", "2"), ("logs/2.bin", "1")):
        put(model / name, content)
    assert hashed(model) != before


def test_links_to_files_and_folders_are_followed_and_loops_end(model: Path, tmp_path: Path) -> None:
    put(tmp_path / "blobs" / "x.bin", "1")
    os.symlink(tmp_path / "blobs", model / "linked")
    os.symlink(model, model / "loop")
    before = hashed(model)
    put(tmp_path / "blobs" / "x.bin", "2")
    assert hashed(model) != before


@pytest.mark.parametrize(
    "content", ["{", "[" * 100_000, "3", '{"a": "\\u0000"}', '["' + "x" * 9999]
)
def test_a_configuration_of_any_content_ends_in_a_hash(model: Path, content: str) -> None:
    put(model / "config.json", content)
    assert len(hashed(model)) == 32


def test_weights_swapped_in_a_sub_folder_are_scored_anew(tmp_path: Path) -> None:
    """As it was met: an index names its parts in a folder below, and the cache gave old scores."""
    import torch
    from safetensors.torch import load_file, save_file

    model = save(tmp_path / "model")
    weights = load_file(model / "model.safetensors")
    (model / "model.safetensors").unlink()
    (model / "parts").mkdir()
    part = model / "parts" / "one.safetensors"
    save_file(weights, part, metadata={"format": "pt"})
    index = {
        "metadata": {"total_size": 1},
        "weight_map": dict.fromkeys(weights, "parts/one.safetensors"),
    }
    put(model / "model.safetensors.index.json", index)

    def scores() -> list[float]:
        options = SourceOptions(root=tmp_path, cache=tmp_path / "cache", device="cpu")
        book = ScoreBook(tmp_path / "cache")
        return [float(s) for s in book.scores(create("hf:model", options), dialogues(4))]

    before = scores()
    torch.manual_seed(5)
    other = {name: tensor + 0.1 * torch.randn(tensor.shape) for name, tensor in weights.items()}
    save_file(other, part, metadata={"format": "pt"})
    assert scores() != before
    assert ScoreStore(tmp_path / "cache").remarks == []
