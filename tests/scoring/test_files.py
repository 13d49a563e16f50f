"""Where model files are, and hashes of them without reading large ones twice."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from rmcheck.errors import SourceError
from rmcheck.scoring import files
from rmcheck.scoring.files import FileHashes, ModelFiles, locate
from rmcheck.scoring.seal import KEY_VARIABLE, seal

COMMIT = "0123456789abcdef0123456789abcdef01234567"


SHIPPED_SMALL = files.SMALL


@pytest.fixture(autouse=True)
def every_size_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 256 bytes on, and remembered at once."""
    monkeypatch.setattr(files, "SMALL", 256)
    monkeypatch.setattr(files, "SETTLED", -1.0)


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
    assert (tmp_path / "cache" / "hashes.json").is_file()

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


def rewritten(path: Path) -> bytes:
    """Another content of the same size and time stamp, in place."""
    status, content = path.stat(), os.urandom(path.stat().st_size)
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return content


def replaced(path: Path) -> bytes:
    """As `rsync -t` does it: another file, moved over the old one."""
    status, content = path.stat(), os.urandom(path.stat().st_size)
    path.with_suffix(".new").write_bytes(content)
    os.utime(path.with_suffix(".new"), ns=(status.st_atime_ns, status.st_mtime_ns))
    path.with_suffix(".new").replace(path)
    return content


@pytest.mark.parametrize("change", [rewritten, replaced])
@pytest.mark.parametrize("small", [256, SHIPPED_SMALL])
def test_a_file_changed_under_its_size_and_time_stamp_is_read_again(
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], bytes],
    small: int,
) -> None:
    assert SHIPPED_SMALL == 64 * 1024 * 1024
    monkeypatch.setattr(files, "SMALL", small)
    path = model / "model.safetensors"
    FileHashes(tmp_path / "cache").of(path)
    time.sleep(0.02)  # a tick of the file system's clock
    content = change(path)
    found = FileHashes(tmp_path / "cache").of(path)
    assert found == hashlib.sha256(content).hexdigest()[:32]


def test_a_file_that_changed_just_now_is_not_remembered(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second change within one tick of the clock would leave no trace."""
    monkeypatch.setattr(files, "SETTLED", 2.0)
    FileHashes(tmp_path / "cache").of(model / "model.safetensors")
    assert not (tmp_path / "cache" / "hashes.json").exists()


@pytest.mark.parametrize("change", [rewritten, replaced])
def test_a_small_file_is_read_once_by_an_object_until_it_changes(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], bytes]
) -> None:
    monkeypatch.setattr(files, "SMALL", SHIPPED_SMALL)
    path, hashes, read = model / "model.safetensors", FileHashes(tmp_path / "cache"), []
    digest = hashlib.file_digest

    def counted(file: BinaryIO, name: str) -> object:
        read.append(file.name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    first = hashes.of(path)
    assert hashes.of(path) == first
    assert len(read) == 1
    assert FileHashes(tmp_path / "cache").of(path) == first  # another run reads it again
    assert len(read) == 2
    time.sleep(0.02)  # a tick of the file system's clock
    content = change(path)
    assert hashes.of(path) == hashlib.sha256(content).hexdigest()[:32] != first
    monkeypatch.setattr(files, "SETTLED", 2.0)  # what changed just now may change again unseen
    fresh = FileHashes(tmp_path / "cache")
    assert fresh.of(path) == fresh.of(path)
    assert len(read) == 5


@pytest.mark.parametrize(
    "memory",
    [
        b"[1, 2", b"[]", b"3", b"null", b'"x"', b"\xff\xfe\x00", b"[" * 100_000, b"1" * 5000,
        b'{"PATH": []}', b'{"PATH": [1]}', b'{"PATH": "x"}', b'{"PATH": {"0": 1}}',
        b'{"PATH": [STAMP]}', b'{"PATH": [STAMP, null, null]}', b'{"PATH": [STAMP, 7, "x"]}',
        b'{"PATH": [STAMP, "' + b"0" * 32 + b'", "' + b"0" * 32 + b'"]}',
        b'{"PATH": [[NaN, 1e999], "x", "x"]}',
    ],
)  # fmt: skip
def test_a_damaged_memory_is_no_obstacle_and_not_believed(
    model: Path, tmp_path: Path, memory: bytes
) -> None:
    path = model / "model.safetensors"
    expected = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    assert FileHashes(tmp_path / "one").of(path) == expected
    whole = json.loads((tmp_path / "one" / "hashes.json").read_text())
    stamp = json.dumps(whole[str(path)][0]).encode()
    (tmp_path / "two").mkdir()
    damaged = memory.replace(b"PATH", str(path).encode()).replace(b"STAMP", stamp)
    (tmp_path / "two" / "hashes.json").write_bytes(damaged)
    assert FileHashes(tmp_path / "two").of(path) == expected


def test_a_memory_written_without_the_secret_is_not_believed(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = model / "model.safetensors"
    expected = FileHashes(tmp_path / "one").of(path)
    memory = tmp_path / "one" / "hashes.json"
    stamp, *_ = json.loads(memory.read_text())[str(path)]
    forged = [stamp, "0" * 32, seal("file", str(path), *stamp, "0" * 32)]
    memory.write_text(json.dumps({str(path): forged}))
    assert FileHashes(tmp_path / "one").of(path) == "0" * 32
    monkeypatch.setenv(KEY_VARIABLE, "k")
    assert FileHashes(tmp_path / "one").of(path) == expected


def test_a_file_that_cannot_be_read_is_told_with_its_path(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(SourceError, match=r"model\.safetensors: cannot be read: permission denied"):
        FileHashes(tmp_path).of(model / "model.safetensors")


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
    with pytest.raises(SourceError, match="folder not found"):
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
        f"model 'somebody/reward-model' not found locally (looked for {folder}/reward-model; did "
        f"you mean '{folder}/reward_model'?)"
    )
    assert said.endswith(
        ", and the hub could not be reached (ConnectionError); check the name, or download the "
        "model and pass its folder"
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
