"""An adapter in the cache is believed as long as its files are those that were trained."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from scoring.models import dialogues

from rmcheck.errors import OTHER_CACHE, SourceError, TrainingError, os_reason
from rmcheck.progress import NoProgress
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.seal import KEY_VARIABLE
from rmcheck.sources import create
from rmcheck.sources.recipe import RecipeSource
from rmcheck.training import adapter
from training import project


@pytest.fixture
def untrainable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that must not train: what it has is refused, or used."""
    import rmcheck.training.trainer as trainer

    monkeypatch.setattr(trainer, "train", lambda *_: pytest.fail("trained again"))


def refused(source: RecipeSource, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        source.score(dialogues(1))
    message = str(caught.value)
    assert str(source.adapter) in message
    assert "delete" in message
    assert "\n" not in message


@pytest.mark.usefixtures("untrainable")
@pytest.mark.parametrize("place", [0, 9, 0.2, 0.4, 0.6, 0.8, 1])
def test_a_flipped_bit_in_the_weights_is_refused(trained: Path, place: float) -> None:
    source = project.source_of(trained)
    path = source.adapter / adapter.WEIGHTS
    content = bytearray(path.read_bytes())
    byte = int(place) if place > 1 else int(place * (len(content) - 1))
    content[byte] ^= 1 << (byte % 8)
    path.write_bytes(bytes(content))
    refused(source, r"adapter_model\.safetensors: damaged")


def drop_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / adapter.WEIGHTS)
    del tensors[sorted(name for name in tensors if "lora_B" in name)[0]]
    save_file(tensors, folder / adapter.WEIGHTS, metadata={"format": "pt"})


def silence(folder: Path) -> None:
    path = folder / adapter.CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text()), "lora_alpha": 0}))


def turn_around(folder: Path) -> None:
    tensors = load_file(folder / adapter.WEIGHTS)
    turned = {n: -tensor if "score" in n else tensor for n, tensor in tensors.items()}
    save_file(turned, folder / adapter.WEIGHTS, metadata={"format": "pt"})


@pytest.mark.usefixtures("untrainable")
@pytest.mark.parametrize(
    ("change", "name"),
    [(drop_a_tensor, adapter.WEIGHTS), (turn_around, adapter.WEIGHTS), (silence, adapter.CONFIG)],
)
def test_other_files_than_were_trained_are_refused(
    trained: Path, change: Callable[[Path], None], name: str
) -> None:
    source = project.source_of(trained)
    change(source.adapter)
    refused(source, name.replace(".", r"\."))


@pytest.mark.usefixtures("untrainable")
def test_the_whole_folder_of_another_recipe_is_refused(trained: Path) -> None:
    source = project.source_of(trained)
    path = source.adapter / adapter.SIDECAR
    other = adapter.Sidecar.model_validate(
        {**json.loads(path.read_text()), "fingerprint": "0" * 32}
    )
    path.write_text(adapter.sealed(source.adapter, other).model_dump_json())
    refused(source, r"the adapter belongs to another recipe \(0{32}\)")


def forget_hashes(folder: Path) -> None:
    path = folder / adapter.SIDECAR
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in raw.items() if k not in ("files", "seal")}))


def forge(folder: Path) -> None:
    """Other weights, and a sidecar that somebody wrote for them by hand."""
    turn_around(folder)
    path = folder / adapter.SIDECAR
    raw = json.loads(path.read_text())
    raw["files"][adapter.WEIGHTS] = adapter._hash(folder / adapter.WEIGHTS)
    path.write_text(json.dumps(raw))


@pytest.mark.parametrize(
    ("change", "said"),
    [(forget_hashes, "older version of rmcheck"), (forge, r"rmcheck\.json was changed")],
)
def test_an_adapter_without_a_seal_that_holds_is_trained_again_once(
    trained: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], said: str
) -> None:
    expected = project.source_of(trained).score(dialogues(5)).tolist()
    change(project.source_of(trained).adapter)
    source = project.source_of(trained)
    assert source.score(dialogues(5)).tolist() == pytest.approx(expected, abs=1e-6)
    assert re.search(said, source.remarks[0])
    assert "trained again" in source.remarks[0]
    again = project.source_of(trained)
    monkeypatch.setattr(
        "rmcheck.training.trainer.train", lambda *_: pytest.fail("trained a second time")
    )
    again.train()
    assert again.remarks == ()


def test_a_secret_keeps_out_an_adapter_that_was_trained_without_it(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "k")
    source = project.source_of(trained)
    source.train()
    assert KEY_VARIABLE in source.remarks[0]
    assert not adapter.doubt(source.adapter)


def test_a_checkpoint_is_checked_too_where_its_sidecar_has_hashes(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(project.source_of(trained).adapter, trained / "cache" / "mine"))
    folder = Path(shutil.move(folder, trained / "cache" / "adapters" / "mine"))
    options = SourceOptions(root=trained, cache=trained / "c2", device="cpu")
    monkeypatch.setenv(KEY_VARIABLE, "k")  # a seal is the cache's matter
    sidecar = adapter.Sidecar.model_validate(json.loads((folder / adapter.SIDECAR).read_text()))
    whole = adapter.sealed(folder, sidecar.model_copy(update={"fingerprint": ""}))
    (folder / adapter.SIDECAR).write_text(whole.model_dump_json())
    assert create(f"hf:{folder}", options).score(dialogues(2)).shape == (2,)
    turn_around(folder)
    with pytest.raises(SourceError, match=r"adapter_model\.safetensors: damaged"):
        create(f"hf:{folder}", options).score(dialogues(2))
    forget_hashes(folder)
    assert create(f"hf:{folder}", options).score(dialogues(2)).shape == (2,)


@pytest.mark.parametrize("kind", [OSError, "safetensors"])
def test_a_full_disk_while_an_adapter_is_saved_is_one_line_and_leaves_nothing(
    tmp_path: Path, kind: object
) -> None:
    from safetensors import SafetensorError

    class Model:
        def save_pretrained(self, folder: str, **_: object) -> None:
            (Path(folder) / adapter.WEIGHTS).write_bytes(b"half")
            if kind is OSError:
                raise OSError(errno.ENOSPC, "No space left on device")
            raise SafetensorError("Error while serializing: I/O error: No space left on device")

    folder = tmp_path / "adapters" / "f"
    with pytest.raises(TrainingError, match="no space left on the disk; free some space") as caught:
        adapter.ensure(
            folder, lambda there: adapter.save(Model(), there, adapter.Sidecar()), "x", NoProgress()
        )
    assert "--rm-cache" in str(caught.value)
    assert str(folder.parent) in str(caught.value)
    assert not folder.exists()
    assert list(folder.parent.glob(".*.tmp")) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("step", ["mkdir", "replace"])
def test_a_disk_that_refuses_an_adapter_is_one_line_at_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, step: str
) -> None:
    def refused(self: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(self))

    folder = tmp_path / "adapters" / "f"
    monkeypatch.setattr(Path, step, refused)
    with pytest.raises(
        TrainingError, match=os_reason(OSError(number, os.strerror(number)), OTHER_CACHE)
    ) as caught:
        adapter.ensure(folder, lambda _: None, "recipe:x", NoProgress())
    assert str(folder.parent) in str(caught.value)
    assert "--rm-cache" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_adapter_of_somebody_else_is_told_with_its_path_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(self: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_file", denied)
    folder = tmp_path / "adapters" / "f"
    with pytest.raises(TrainingError, match=r"permission denied.*--rm-cache") as caught:
        adapter.ensure(folder, lambda _: None, "recipe:x", NoProgress())
    assert str(folder) in str(caught.value)
