"""Where model files are, and hashes of them without reading large ones twice."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from rmcheck.errors import SourceError
from rmcheck.scoring import files
from rmcheck.scoring.files import FileHashes, ModelFiles, locate

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(os.urandom(files.SMALL + 1))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_a_hash_is_sha256_of_the_content(model: Path, tmp_path: Path) -> None:
    hashes = FileHashes(tmp_path / "cache")
    for name in ("config.json", "model.safetensors"):
        expected = hashlib.sha256((model / name).read_bytes()).hexdigest()[:32]
        assert hashes.of(model / name) == expected


def test_a_large_file_is_read_once(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = FileHashes(tmp_path / "cache").of(model / "model.safetensors")

    def unread(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(hashlib, "file_digest", unread)
    assert FileHashes(tmp_path / "cache").of(model / "model.safetensors") == first


def test_a_changed_large_file_is_read_again(model: Path, tmp_path: Path) -> None:
    path = model / "model.safetensors"
    first = FileHashes(tmp_path / "cache").of(path)
    path.write_bytes(os.urandom(files.SMALL + 1))
    os.utime(path, ns=(1, 1))
    assert FileHashes(tmp_path / "cache").of(path) != first


def test_a_broken_memory_and_an_unwritable_one_are_no_obstacle(model: Path, tmp_path: Path) -> None:
    path = model / "model.safetensors"
    expected = FileHashes(tmp_path / "one").of(path)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "hashes.json").write_text("[1, 2")
    assert FileHashes(tmp_path / "two").of(path) == expected
    (tmp_path / "three").write_text("a file in the way")
    assert FileHashes(tmp_path / "three" / "cache").of(path) == expected


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_every_file_that_matters_changes_a_models_hash(
    model: Path, tmp_path: Path, name: str
) -> None:
    hashes = FileHashes(tmp_path / "cache")
    before = locate("model", tmp_path).hash(hashes)
    (model / name).write_bytes(b"{ }" + os.urandom(8))
    assert locate("model", tmp_path).hash(hashes) != before


def test_a_readme_does_not(model: Path, tmp_path: Path) -> None:
    hashes = FileHashes(tmp_path / "cache")
    before = locate(str(model), tmp_path).hash(hashes)
    (model / "README.md").write_text("words")
    assert locate(str(model), tmp_path).hash(hashes) == before


def test_a_gguf_file_that_is_named_counts(model: Path, tmp_path: Path) -> None:
    hashes = FileHashes(tmp_path / "cache")
    (model / "tiny.gguf").write_bytes(b"one")
    before = locate(str(model), tmp_path).hash(hashes, ["tiny.gguf"])
    (model / "tiny.gguf").write_bytes(b"two")
    assert locate(str(model), tmp_path).hash(hashes, ["tiny.gguf"]) != before


@pytest.mark.parametrize("name", ["./nothing", "a/b/c", "/no/such/folder"])
def test_a_path_where_nothing_lies_says_where_it_looked(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="no such folder"):
        locate(name, tmp_path)


def test_a_hub_id_without_a_hub_says_so_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("Name or service not known\nsecond line")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    (tmp_path / "somebody/reward_model").mkdir(parents=True)
    with pytest.raises(SourceError) as caught:
        locate("somebody/reward-model", tmp_path)
    # The likeliest cause first, and a remedy for each.
    said = str(caught.value)
    folder = tmp_path / "somebody"
    assert said.startswith(
        "somebody/reward-model: is it misspelt? There is no such folder (looked for "
        f"{folder}/reward-model; did you mean '{folder}/reward_model'?) and no such model"
    )
    assert said.endswith(
        "there is no hub in reach (ConnectionError): connect, or download it elsewhere and name "
        "its folder"
    )
    assert "\n" not in str(caught.value)


def test_a_hub_id_stands_at_the_commit_that_the_local_cache_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    reference = tmp_path / "models--somebody--model" / "refs" / "main"
    reference.parent.mkdir(parents=True)
    reference.write_text(COMMIT)
    found = locate("somebody/model", tmp_path)
    assert found == ModelFiles("somebody/model", None, COMMIT)
    hashes = FileHashes(tmp_path / "cache")
    other = ModelFiles("somebody/model", None, COMMIT[::-1])
    assert found.hash(hashes) != other.hash(hashes)


def test_a_commit_is_asked_of_nobody(tmp_path: Path) -> None:
    assert locate("somebody/model", tmp_path, COMMIT).revision == COMMIT
