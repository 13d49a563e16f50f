"""Adapters on disk: trained once, never half, and every fault told with its remedy."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from scoring.models import dialogues
from scoring.test_scorer import Bar

from rmcheck.errors import SourceError, TrainingError
from rmcheck.progress import NoProgress
from rmcheck.scoring.files import FileHashes
from rmcheck.training import adapter
from training import project

TRAIN = """
import sys, time
from pathlib import Path
from rmcheck.progress import NoProgress
from rmcheck.training import adapter
def train(folder):
    (folder / "half").write_text("")
    print("trains", flush=True)
    time.sleep({seconds})
    (folder / adapter.SIDECAR).write_text("{{}}")
adapter.ensure(Path({folder!r}), train, "recipe:x", NoProgress())
print("has", flush=True)
"""
REALLY_TRAIN = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from training import project
from rmcheck.training import trainer
step = trainer.Curve.step_ended
def told(self, *given, **options):
    print("step", flush=True)
    return step(self, *given, **options)
trainer.Curve.step_ended = told
project.source_of(Path({folder!r})).train()
"""
TESTS = str(Path(__file__).resolve().parents[1])


def child(program: str) -> subprocess.Popen[str]:
    """Another process that wants an adapter."""
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


def untrained(tmp_path: Path, shared: Path) -> Path:
    """A copy of the project without its adapter."""
    folder = Path(shutil.copytree(shared, tmp_path / "p"))
    shutil.rmtree(folder / "cache")
    return folder


def test_the_folder_holds_pefts_files_and_says_how_it_is_read(trained: Path) -> None:
    source = project.source_of(trained)
    folder = source.adapter
    assert folder.parent == trained / "cache" / "adapters"
    names = {path.name for path in folder.iterdir()}
    assert names == {"adapter_config.json", "adapter_model.safetensors", "rmcheck.json"}
    sidecar = adapter.read_sidecar(folder)
    assert sidecar is not None
    assert sidecar.backbone is not None
    assert (folder / sidecar.backbone.name).resolve() == trained / "base"
    assert sidecar.backbone.hash == source.recipe.base_files().hash(source.hashes)
    assert (sidecar.template, sidecar.pooling, sidecar.max_length) == ("default", "last", 64)
    assert sidecar.fingerprint == folder.name
    assert sidecar.training is not None
    assert sidecar.training.fingerprint == folder.name
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_what_is_loaded_is_what_was_trained(trained: Path) -> None:
    """Merged weights from disk against PEFT's own unmerged forward of the trained model."""
    from rmcheck.scoring.loading import load_tokenizer
    from rmcheck.scoring.scorer import Scorer
    from rmcheck.training.trainer import train

    recipe, texts = project.recipe_of(trained), dialogues(20)
    model, _ = train(recipe, project.pairs_in(trained), "cpu", NoProgress())
    tokens = load_tokenizer(recipe.base_files())
    unmerged = Scorer(model.get_base_model(), tokens, max_length=64).score(texts)
    loaded = project.source_of(trained).score(texts)
    assert unmerged.std() > 0.01
    assert loaded == pytest.approx(unmerged, abs=1e-5)


@pytest.mark.ci
def test_processes_that_start_at_once_train_once(tmp_path: Path) -> None:
    program = TRAIN.format(folder=str(tmp_path / "adapters" / "f"), seconds=0.5)
    children = [child(program) for _ in range(3)]
    said = [one.communicate()[0].split() for one in children]
    assert [one.returncode for one in children] == [0, 0, 0]
    assert sorted(said) == [["has"], ["has"], ["trains", "has"]]


def test_a_killed_training_leaves_nothing_that_is_taken_for_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "adapters" / "f"
    first = child(TRAIN.format(folder=str(folder), seconds=600))
    assert first.stdout is not None
    assert first.stdout.readline() == "trains\n"
    (left,) = folder.parent.glob(".*.tmp")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert not folder.exists()
    again = child(TRAIN.format(folder=str(folder), seconds=0))
    assert again.communicate()[0].split() == ["trains", "has"]
    assert adapter.is_complete(folder)
    assert not left.exists()


@pytest.mark.slow
def test_a_real_training_that_is_killed_is_done_again(tmp_path: Path, shared: Path) -> None:
    folder = untrained(tmp_path, shared)
    first = child(REALLY_TRAIN.format(tests=TESTS, folder=str(folder)))
    assert first.stdout is not None
    assert first.stdout.readline() == "step\n"
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    source = project.source_of(folder)
    assert source.training is None
    source.train()
    assert source.training is not None
    assert list(source.adapter.parent.glob(".*.tmp")) == []


def test_who_waits_for_another_says_so(tmp_path: Path) -> None:
    import filelock

    folder = tmp_path / "adapters" / "f"
    folder.parent.mkdir()
    lock = filelock.FileLock(tmp_path / "adapters" / "f.lock")
    lock.acquire()
    bar = Bar()
    bar.finish = lock.release  # type: ignore[method-assign]
    start = bar.start

    def started(title: str, total: int, unit: str) -> None:
        start(title, total, unit)
        folder.mkdir()
        (folder / adapter.SIDECAR).write_text("{}")
        lock.release()

    bar.start = started  # type: ignore[method-assign]
    adapter.ensure(folder, lambda _: pytest.fail("trained twice"), "recipe:x", bar)
    assert bar.started == [("waiting for another process to train recipe:x", 1, "models")]


def test_a_training_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fails(folder: Path) -> None:
        (folder / "half").write_text("")
        raise TrainingError("the loss is nan")

    with pytest.raises(TrainingError, match="the loss is nan"):
        adapter.ensure(tmp_path / "adapters" / "f", fails, "recipe:x", NoProgress())
    assert [path.name for path in (tmp_path / "adapters").iterdir()] in ([], ["f.lock"])


def test_a_cache_that_cannot_be_written_is_told_with_its_option(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(TrainingError, match="--rm-cache"):
        adapter.ensure(tmp_path / "cache" / "adapters" / "f", lambda _: None, "x", NoProgress())


def test_a_read_only_cache_with_the_adapter_in_it_needs_no_lock(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import filelock

    monkeypatch.setattr(filelock, "FileLock", lambda *_: pytest.fail("locked"))
    project.source_of(trained).train()


def truncate(folder: Path) -> None:
    path = folder / adapter.WEIGHTS
    path.write_bytes(path.read_bytes()[:-100])


def reseal(folder: Path) -> None:
    """As if it had been saved like this."""
    sidecar = adapter.read_sidecar(folder)
    assert sidecar is not None
    (folder / adapter.SIDECAR).write_text(adapter.sealed(folder, sidecar).model_dump_json())


def behead(folder: Path) -> None:
    tensors = load_file(folder / adapter.WEIGHTS)
    kept = {name: tensor for name, tensor in tensors.items() if "score" not in name}
    assert 0 < len(kept) < len(tensors)
    save_file(kept, folder / adapter.WEIGHTS, metadata={"format": "pt"})
    reseal(folder)


def widen(folder: Path) -> None:
    tensors = load_file(folder / adapter.WEIGHTS)
    wider = {name: torch.cat([tensor, tensor], dim=-1) for name, tensor in tensors.items()}
    save_file(wider, folder / adapter.WEIGHTS, metadata={"format": "pt"})
    reseal(folder)


def forget_base(folder: Path) -> None:
    """PEFT noted where the base was when it was trained, which was in the shared project."""
    path = folder / adapter.CONFIG
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "base_model_name_or_path": ""}))


def rebase(folder: Path) -> None:
    path = folder / adapter.SIDECAR
    sidecar = json.loads(path.read_text())
    sidecar["backbone"]["hash"] = "0" * 32
    other = adapter.sealed(folder, adapter.Sidecar.model_validate(sidecar))
    path.write_text(other.model_dump_json())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (truncate, r"adapter_model\.safetensors: damaged, truncated or replaced"),
        (behead, r"adapter_model\.safetensors: weights missing that"),
        (widen, "does not fit its base model"),
        (lambda folder: (folder / adapter.WEIGHTS).unlink(), r"safetensors: missing"),
        (rebase, "has changed since this adapter was"),
        (
            lambda folder: (folder / adapter.SIDECAR).write_text("{"),
            r"rmcheck\.json: cannot be read",
        ),
    ],
)
def test_a_damaged_adapter_of_a_recipe_is_told_with_its_remedy(
    trained: Path, damage: Callable[[Path], None], message: str
) -> None:
    source = project.source_of(trained)
    damage(source.adapter)
    with pytest.raises(SourceError, match=message) as caught:
        source.score(dialogues(1))
    assert "delete" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_base_is_found_from_the_adapters_folder_after_both_were_moved(
    trained: Path, tmp_path: Path
) -> None:
    folder = project.source_of(trained).adapter
    moved = Path(shutil.move(trained, tmp_path / "moved"))
    files, gguf = adapter.base_of(moved / folder.relative_to(trained), FileHashes(tmp_path))
    assert files.folder == moved / "base"
    assert gguf is None


def test_an_adapter_without_its_base_says_where_it_looked(trained: Path, tmp_path: Path) -> None:
    folder = project.source_of(trained).adapter
    alone = Path(shutil.copytree(folder, tmp_path / "alone"))
    shutil.rmtree(trained / "base")
    forget_base(alone)
    with pytest.raises(SourceError, match="base model of this adapter not found"):
        adapter.base_of(alone, FileHashes(tmp_path))


def test_another_base_in_its_place_is_refused_by_its_hash(trained: Path, tmp_path: Path) -> None:
    folder = project.source_of(trained).adapter
    shutil.rmtree(trained / "base")
    project.base(trained / "base", seed=9)
    forget_base(folder)
    with pytest.raises(SourceError, match="hash differs"):
        adapter.base_of(folder, FileHashes(tmp_path))
