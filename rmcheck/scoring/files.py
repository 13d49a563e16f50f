"""A model's files and their hash, found without torch and without a download."""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rmcheck.data.dialogue import content_hash
from rmcheck.errors import SourceError, nearest, os_reason
from rmcheck.extras import needed_by
from rmcheck.scoring.seal import holds, seal
from rmcheck.shipped import anchored

SMALL = 64 * 1024 * 1024
"""Files below this size are hashed in every run; the hash of a larger one is remembered."""
SETTLED = 2.0
"""Minimum age in seconds of a file's last change before its hash is remembered: a second change
within one tick of the file system's clock would leave no trace."""

NOT_READ = (
    # documentation
    "*.md", "*.rst", "*.pdf", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.svg", "*.html",
    "license*", "licence*", "notice*", "copying*",
    # by-products of training
    "optimizer*", "scheduler*", "scaler*", "rng_state*", "trainer_state.json", "training_args.*",
    "*.log", "events.out.*", "train_results.json", "eval_results.json", "all_results.json",
    # settings of text generation, our own sidecar, locks
    "generation_config.json", "rmcheck.json", "*.lock",
    # weights in the formats of other libraries; a GGUF file counts where it is named
    "*.msgpack", "*.h5", "*.onnx", "*.onnx_data", "*.ot", "*.tflite", "*.mlmodel", "*.gguf",
)  # fmt: skip
"""Files in a model folder that do not affect scores, by name in lower case."""
NOT_ENTERED = ("runs", "logs", "wandb", "__pycache__", "onnx", "openvino", "coreml", "checkpoint-*")
"""Folders in a model folder whose files do not affect scores, unless an index or configuration
names one of them."""
NAMING = ("*config*.json", "*.index.json", "modules.json")
"""Files that may name others that the loader reads."""
MOST_NAMING = 64 * 1024 * 1024
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


class FileHashes:
    """SHA-256 of files; hashes of large files are remembered until the file changes.

    Those of small files are remembered by this object alone, so each run hashes them again.

    A file counts as unchanged if size, modification time, change time, inode and device are all
    the same; a copy that keeps size and modification time (`cp -p`, `rsync -t`) is another file.
    Each entry has a checksum (see `rmcheck.scoring.seal`); damaged entries are ignored.

    Parameters
    ----------
    cache
        The folder of `hashes.json`; if it cannot be written to, large files are hashed again in
        the next run.
    """

    def __init__(self, cache: Path) -> None:
        self._path = cache / "hashes.json"
        self._known: dict[str, object] | None = None
        self._small: dict[tuple[str, ...], str] = {}

    def of(self, path: Path) -> str:
        """32 hex digits for the content of `path`.

        Raises
        ------
        SourceError
            When it cannot be read.
        """
        try:
            return self._of(path)
        except OSError as error:
            raise SourceError(f"{path}: cannot be read: {os_reason(error)}") from None

    def _of(self, path: Path) -> str:
        started = time.time()
        with path.open("rb") as file:
            before = _stamp(file.fileno())
            settled = started - max(before[1], before[2]) / 1e9 >= SETTLED
            if before[0] < SMALL:
                return self._of_small(file, (str(path), *map(str, before)), settled)
            known = self._remembered()
            key = str(path.resolve())
            entry = known.get(key)
            if isinstance(entry, list) and len(entry) == 3 and entry[0] == before:
                found = entry[1]
                if isinstance(found, str) and holds(entry[2], "file", key, *before, found):
                    return found
            found = hashlib.file_digest(file, "sha256").hexdigest()[:32]
            if settled and _stamp(file.fileno()) == before:
                known[key] = [before, found, seal("file", key, *before, found)]
                self._remember(known)
            return found

    def _of_small(self, file: BinaryIO, key: tuple[str, ...], settled: bool) -> str:
        if key not in self._small:
            found = hashlib.file_digest(file, "sha256").hexdigest()[:32]  # type: ignore[arg-type]
            if not settled:
                return found
            self._small[key] = found
        return self._small[key]

    def _remembered(self) -> dict[str, object]:
        if self._known is None:
            try:
                known = json.loads(self._path.read_text(encoding="utf-8"))
                self._known = known if isinstance(known, dict) else {}
            except (OSError, ValueError, RecursionError):
                self._known = {}
        return self._known

    def _remember(self, known: dict[str, object]) -> None:
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(known), encoding="utf-8")
            temporary.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _stamp(file: int) -> list[int]:
    """The attributes of an open file that change whenever its content does."""
    status = os.fstat(file)
    return [
        status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev
    ]  # fmt: skip


@dataclass(frozen=True)
class ModelFiles:
    """A model's location: a folder, or a hub id with a commit.

    `name` is the argument of `from_pretrained`, `revision` the commit (None for a folder).
    `trust_remote_code` says that the user allows the Python code among them to be run.
    """

    name: str
    folder: Path | None = None
    revision: str | None = None
    trust_remote_code: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files that the loader may read; 0 for a hub repository."""
        found = _below(self.folder) if self.folder else ()
        return sum(path.stat().st_size for path in found)

    def hash(self, hashes: FileHashes, extra: Iterable[str] = ()) -> str:
        """32 hex digits over all files that the loader may read: weights, configuration, tokenizer.

        These are all files below the folder except hidden ones and `NOT_READ`, and every file that
        an index or a configuration names, wherever it is. For a hub repository the commit is
        hashed instead. `extra` names further files that belong to the model (a GGUF file).
        """
        if self.folder is None:
            return content_hash("hub", self.name, self.revision, sorted(extra))
        files = set(_below(self.folder))
        files |= {self.folder / name for name in extra if (self.folder / name).is_file()}
        waiting = [path for path in files if _fits(path.name, NAMING)]
        while waiting:
            new = set(_named_in(waiting.pop(), self.folder)) - files
            files |= new
            waiting += [path for path in new if path.suffix == ".json"]
        names = {os.path.relpath(path, self.folder): path for path in files}
        return content_hash(
            *[(Path(name).as_posix(), hashes.of(names[name])) for name in sorted(names)]
        )


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name.lower(), pattern) for pattern in patterns)


def _below(folder: Path) -> Iterator[Path]:
    """The files in a model folder that may affect scores; links to folders are followed."""
    entered: set[str] = set()
    for here, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in entered:  # a link that leads back
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(
            name for name in folders if name[0] != "." and not _fits(name, NOT_ENTERED)
        )
        for name in names:
            path = Path(here, name)
            if name[0] != "." and not _fits(name, NOT_READ) and path.is_file():
                yield path


def _named_in(path: Path, folder: Path) -> Iterator[Path]:
    """The files that an index or a configuration names, from its own folder or the model's."""
    try:
        if path.stat().st_size > MOST_NAMING:
            return
        waiting: list[object] = [json.loads(path.read_bytes())]
    except (OSError, ValueError, RecursionError):
        return  # loading the model reports it
    texts: set[str] = set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            texts.add(value)
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    for text in texts:
        # A class of `auto_map` is named as MODULE.CLASS, from another repository as REPO--MODULE.
        module = text.rpartition("--")[2].partition(".")[0] + ".py"
        for name in (text, module):
            for base in (path.parent, folder):
                found = Path(os.path.normpath(base / name))
                with contextlib.suppress(OSError, ValueError):  # too long a text, a zero byte
                    if found.is_file():
                        yield found


def locate(name: str, base: Path, revision: str | None = None) -> ModelFiles:
    """The files of a model given by a path (relative to the folder `base`) or a hub id.

    ``shipped:models/tiny-gpt2`` is the model that rmcheck ships.

    Raises
    ------
    SourceError
        If it is neither a folder nor known to the hub (its local cache is searched first).
    """
    path, base = anchored(name, base)
    folder = Path(os.path.expanduser(path))
    folder = folder if folder.is_absolute() else base / folder
    if folder.is_dir():
        return ModelFiles(str(folder.resolve()), folder.resolve())
    if not _HUB_ID.fullmatch(name) or name.startswith("."):
        raise SourceError(f"{name}: folder not found ({looked_for(folder)})")
    return ModelFiles(name, None, _commit(name, revision or "main", folder))


def _commit(name: str, revision: str, folder: Path) -> str:
    if _COMMIT.fullmatch(revision):
        return revision
    with needed_by(f"{name} is not a folder ({looked_for(folder)}), and a model on the hub"):
        from huggingface_hub import HfApi, constants

    stored = Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"
    reference = stored / "refs" / revision
    try:
        return reference.read_text(encoding="utf-8").strip()
    except OSError:
        pass
    try:
        found = HfApi().model_info(name, revision=revision, timeout=15).sha
    except Exception as error:  # the client raises its transport's errors as they come
        raise SourceError(_unreachable(name, revision, folder, error)) from None
    return str(found)


def nearest_path(path: Path, *, files: bool = False) -> Path | None:
    """The existing folder (or `files`: file) that `path` is probably a misspelling of.

    Each part of the path is corrected in turn, so a typo may be in any folder of it.
    """
    found = Path(path.anchor)
    parts = path.parts[1:] if path.anchor else path.parts
    for place, part in enumerate(parts):
        wanted = Path.is_file if files and place == len(parts) - 1 else Path.is_dir
        if part == ".." or wanted(found / part):
            found /= part
            continue
        try:
            beside = [each.name for each in found.iterdir() if wanted(each)]
        except OSError:
            return None
        # Names of files share their endings, which say nothing about what was meant.
        stems = {Path(name).stem if wanted is Path.is_file else name: name for name in beside}
        near = nearest(Path(part).stem if wanted is Path.is_file else part, stems)
        if near is None:
            return None
        found /= stems[near]
    return found


def looked_for(path: Path) -> str:
    """Where a folder was looked for, and the nearest existing one."""
    near = nearest_path(path)
    return f"looked for {path}" + (f"; did you mean '{near}'?" if near else "")


def _unreachable(name: str, revision: str, folder: Path, error: Exception) -> str:
    """The likeliest cause first: a misspelt name of a folder."""
    kind = type(error).__name__
    head = f"model '{name}' not found locally ({looked_for(folder)})"
    if kind in ("RepositoryNotFoundError", "GatedRepoError"):
        return f"{head} or on the hub; check the name, or log in (hf auth login) if it is private"
    if kind == "RevisionNotFoundError":
        return f"{name}: revision {revision!r} not found on the hub"
    return (
        f"{head}, and the hub could not be reached ({kind}); check the name, or download the "
        "model and pass its folder"
    )
