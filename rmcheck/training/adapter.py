"""A trained adapter on disk: PEFT's files and `rmcheck.json`; trained once, then reused."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rmcheck.errors import OTHER_CACHE, SourceError, TrainingError, os_reason
from rmcheck.progress import Progress
from rmcheck.record.run import TrainingRecord
from rmcheck.scoring.files import FileHashes, ModelFiles, locate
from rmcheck.scoring.seal import KEY_VARIABLE, holds, seal
from rmcheck.shipped import shipped

SIDECAR = "rmcheck.json"
CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
OLD_WEIGHTS = "adapter_model.bin"


class Backbone(BaseModel):
    """The base model of an adapter: a hub id and commit, or a path from the adapter's folder."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    name: str
    revision: str | None = None
    gguf_file: str | None = None
    hash: str


class Sidecar(BaseModel):
    """`rmcheck.json`: how to read an adapter, as far as PEFT's files do not say it.

    `files` has the SHA-256 hashes of the other files by name, `seal` a checksum of the rest (see
    `rmcheck.scoring.seal`). An adapter without them was made by an older version or another tool.
    `weights` are those of the `objectives` in the reward, as the recipe had them when it trained.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    backbone: Backbone | None = None
    template: str = "default"
    pooling: str = "last"
    max_length: int | None = None
    num_labels: int = 1
    objectives: tuple[str, ...] = ()
    weights: dict[str, float] = Field(default_factory=dict)
    recipe: str = ""
    fingerprint: str = ""
    training: TrainingRecord | None = None
    files: dict[str, str] = Field(default_factory=dict)
    seal: str = ""


def read_sidecar(folder: Path) -> Sidecar | None:
    """The sidecar of an adapter or checkpoint folder; None if it is missing. Without torch.

    Raises
    ------
    SourceError
        If it exists and cannot be read.
    """
    path = folder / SIDECAR
    try:
        return Sidecar.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise SourceError(f"{path}: cannot be read ({first}); {remedy(folder)}") from None


def adapter_folder(cache: Path, fingerprint: str) -> Path:
    """The folder of the adapter of a recipe with this fingerprint."""
    return cache / "adapters" / fingerprint


def ensure(
    folder: Path,
    train: Callable[[Path], None],
    name: str,
    progress: Progress,
    doubt: Callable[[Path], str] = lambda _: "",
) -> Path:
    """Train into `folder` in exactly one process; other processes wait and use the result.

    Parameters
    ----------
    train
        Fills the empty folder that it is given, which is then renamed to `folder`, so that a
        killed training leaves nothing that looks like a model.
    name
        What is trained, for messages.
    doubt
        Why an existing adapter is not trusted and must be trained again; empty if it is trusted.

    Raises
    ------
    TrainingError
        If the cache folder cannot be written to.
    """
    if is_complete(folder) and not doubt(folder):
        return folder
    with _locked(folder, name, progress):
        if is_complete(folder) and not doubt(folder):
            return folder
        for stale in folder.parent.glob(f".{folder.name}.*.tmp"):
            shutil.rmtree(stale, ignore_errors=True)
        temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
        try:
            temporary.mkdir()
            train(temporary)
            if folder.exists():
                shutil.rmtree(folder)
            temporary.replace(folder)
        except OSError as error:
            raise TrainingError(_unwritable(folder, error)) from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return folder


def is_complete(folder: Path) -> bool:
    """Whether the folder has a complete adapter: the sidecar is written last.

    Raises
    ------
    TrainingError
        If the folder cannot be read.
    """
    try:
        return (folder / SIDECAR).is_file()
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be read: {os_reason(error, OTHER_CACHE)}") from None


@contextlib.contextmanager
def _locked(folder: Path, name: str, progress: Progress) -> Iterator[None]:
    import filelock

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder.with_name(f"{folder.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            progress.start(f"waiting for another process to train {name}", 1, "models")
            try:
                lock.acquire()
            finally:
                progress.finish()
    except OSError as error:
        raise TrainingError(_unwritable(folder.parent, error)) from None
    try:
        yield
    finally:
        lock.release()


def save(model: Any, folder: Path, sidecar: Sidecar) -> None:
    """Write a PEFT model, then its sidecar; see `write` and `complete`."""
    write(model, folder)
    complete(folder, sidecar)


def write(model: Any, folder: Path) -> None:
    """Write a PEFT model.

    Raises
    ------
    TrainingError
        If the disk is full.
    """
    from safetensors import SafetensorError

    try:
        model.save_pretrained(str(folder), save_embedding_layers=False)
    except SafetensorError as error:  # what it raises for a full disk
        raise TrainingError(_unwritable(folder, error)) from None
    (folder / "README.md").unlink(missing_ok=True)


def complete(folder: Path, sidecar: Sidecar) -> None:
    """Write the sidecar of a folder's adapter, with the hashes of its files."""
    text = sealed(folder, sidecar).model_dump_json(indent=1)
    (folder / SIDECAR).write_text(text + "\n", encoding="utf-8")


def sealed(folder: Path, sidecar: Sidecar) -> Sidecar:
    """`sidecar` with the hashes of all other files in `folder`, and its seal."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    files = {name: _hash(folder / name) for name in names if name != SIDECAR}
    whole = sidecar.model_copy(update={"files": files, "seal": ""})
    return whole.model_copy(update={"seal": seal(*_parts(json.loads(whole.model_dump_json())))})


def _parts(sidecar: dict[str, Any]) -> tuple[str, str]:
    """What the seal covers: the JSON of the file, including keys of other versions."""
    rest = {key: value for key, value in sidecar.items() if key != "seal"}
    return "adapter", json.dumps(rest, sort_keys=True)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def doubt(folder: Path) -> str:
    """Why the cached adapter in `folder` must be trained again; empty if it is trusted.

    Raises
    ------
    SourceError
        If its sidecar cannot be read.
    """
    sidecar = read_sidecar(folder)
    if sidecar is None or not sidecar.files:
        return "written by an older version of rmcheck, without hashes of its files"
    raw = json.loads((folder / SIDECAR).read_text(encoding="utf-8"))
    if not holds(sidecar.seal, *_parts(raw)):
        return f"{SIDECAR} was changed, or written without this run's {KEY_VARIABLE}"
    return ""


def verify(folder: Path) -> None:
    """Check an adapter's files against the hashes in its sidecar, if it has any.

    Raises
    ------
    SourceError
        For a file that is missing or was changed, and for an adapter of another recipe in a
        recipe's folder.
    """
    sidecar = read_sidecar(folder)
    if sidecar is None:
        return
    if folder.parent.name == "adapters" and sidecar.fingerprint not in ("", folder.name):
        raise SourceError(
            f"{folder}: the adapter belongs to another recipe ({sidecar.fingerprint}); "
            f"{remedy(folder)}"
        )
    for name, expected in sidecar.files.items():
        path = folder / Path(name).name
        try:
            found = _hash(path)
        except FileNotFoundError:
            raise SourceError(f"{path}: missing; {remedy(folder)}") from None
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {os_reason(error)}") from None
        if found != expected:
            raise SourceError(
                f"{path}: damaged, truncated or replaced after training (its hash is not the one "
                f"in {SIDECAR}); {remedy(folder)}"
            )


def base_of(folder: Path, hashes: FileHashes) -> tuple[ModelFiles, str | None]:
    """The base model of an adapter folder, and its GGUF file if it has one.

    Tried in turn: the sidecar's path (relative to the adapter's folder), the one in PEFT's
    configuration, a shipped model of that name. If the sidecar has the base's hash, the base must
    have it.

    Raises
    ------
    SourceError
        If no base model is found, or only one with other weights.
    """
    config = read_config(folder)
    sidecar = read_sidecar(folder)
    known = sidecar.backbone if sidecar else None
    noted = str(config.get("base_model_name_or_path") or "")
    names = [known.name, noted] if known else [noted]
    names += [str(shipped("models", Path(name).name)) for name in names if name]
    revision = known.revision if known else config.get("revision")
    gguf = known.gguf_file if known else None
    said: list[str] = []
    for name in dict.fromkeys(name for name in names if name):
        try:
            files = locate(name, folder, revision)
        except SourceError as error:
            said.append(str(error))
            continue
        if known is None or files.hash(hashes, [gguf] if gguf else []) == known.hash:
            return files, gguf
        said.append(f"{name}: not the weights that the adapter was trained on (hash differs)")
    raise SourceError(
        f"{folder}: base model of this adapter not found: "
        f"{'; '.join(said) or f'{CONFIG} does not name one'}"
    )


def read_config(folder: Path) -> dict[str, Any]:
    """PEFT's `adapter_config.json`."""
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read ({error}); {remedy(folder)}") from None
    if not isinstance(config, dict):
        raise SourceError(f"{path} is not an adapter configuration; {remedy(folder)}")
    return config


def weights_file(folder: Path) -> Path:
    """The file of an adapter's weights: safetensors, or else PyTorch's older form."""
    old, new = folder / OLD_WEIGHTS, folder / WEIGHTS
    return old if old.is_file() and not new.is_file() else new


def _unwritable(folder: Path, error: Exception) -> str:
    # A library that fails to write raises an error of its own, with the system's words in it.
    if not isinstance(error, OSError):
        said = " ".join(str(error).split())[:200]
        error = OSError(errno.ENOSPC if "No space left" in said else None, said)
    return f"{folder}: cannot be written: {os_reason(error, OTHER_CACHE)}"


def remedy(folder: Path) -> str:
    """What to do about a damaged adapter, to end a message with."""
    if folder.parent.name == "adapters":
        return f"delete {folder} to train it again"
    return "save or copy the folder again"
