"""Where a model's files are, and a hash of them: known without torch and without a download."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rmcheck.data.dialogue import content_hash
from rmcheck.errors import SourceError, nearest
from rmcheck.extras import needed_by
from rmcheck.shipped import anchored

SMALL = 256 * 1024
"""Files below this size are hashed every time; the hash of a larger one is remembered."""

WEIGHTS = ("*.safetensors", "pytorch_model*.bin", "adapter_model.bin")
DESCRIBING = (
    "config.json", "adapter_config.json", "*.index.json",
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "vocab.txt", "merges.txt", "*.model", "*.tiktoken", "chat_template.*",
)  # fmt: skip
_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


class FileHashes:
    """SHA-256 of files; large ones are remembered by path, size and time stamp.

    Parameters
    ----------
    cache
        The folder whose `hashes.json` remembers; a folder that cannot be written to means that
        large files are read again next time, nothing worse.
    """

    def __init__(self, cache: Path) -> None:
        self._path = cache / "hashes.json"
        self._known: dict[str, list[object]] | None = None

    def of(self, path: Path) -> str:
        """32 hex digits for the content of `path`."""
        status = path.stat()
        if status.st_size < SMALL:
            return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
        stamp = [status.st_size, status.st_mtime_ns]
        known = self._remembered()
        key = str(path.resolve())
        entry = known.get(key)
        if isinstance(entry, list) and entry[:2] == stamp:
            return str(entry[2])
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        known[key] = [*stamp, found]
        self._remember(known)
        return found

    def _remembered(self) -> dict[str, list[object]]:
        if self._known is None:
            try:
                known = json.loads(self._path.read_text(encoding="utf-8"))
                self._known = known if isinstance(known, dict) else {}
            except (OSError, ValueError):
                self._known = {}
        return self._known

    def _remember(self, known: dict[str, list[object]]) -> None:
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(known), encoding="utf-8")
            temporary.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()


@dataclass(frozen=True)
class ModelFiles:
    """A model's place: a folder, or a hub id with the commit that it stands at.

    `name` is what `from_pretrained` is given, `revision` the commit (None for a folder).
    """

    name: str
    folder: Path | None = None
    revision: str | None = None

    def hash(self, hashes: FileHashes, extra: Iterable[str] = ()) -> str:
        """32 hex digits for weights, configuration and tokenizer.

        A commit of a hub repository stands for its content. `extra` names further files that
        belong to it (a GGUF file).
        """
        if self.folder is None:
            return content_hash("hub", self.name, self.revision, sorted(extra))
        files = {path for pattern in (*DESCRIBING, *WEIGHTS) for path in self.folder.glob(pattern)}
        files |= {self.folder / name for name in extra if (self.folder / name).is_file()}
        return content_hash(*[(path.name, hashes.of(path)) for path in sorted(files)])


def locate(name: str, base: Path, revision: str | None = None) -> ModelFiles:
    """The files that a path (relative to the folder `base`) or a hub id names.

    ``shipped:models/tiny-gpt2`` is the model that rmcheck ships.

    Raises
    ------
    SourceError
        When it is neither a folder nor something that the hub (its local cache first) knows.
    """
    path, base = anchored(name, base)
    folder = Path(os.path.expanduser(path))
    folder = folder if folder.is_absolute() else base / folder
    if folder.is_dir():
        return ModelFiles(str(folder.resolve()), folder.resolve())
    if not _HUB_ID.fullmatch(name) or name.startswith("."):
        raise SourceError(f"{name}: there is no such folder ({looked_for(folder)})")
    return ModelFiles(name, None, _commit(name, revision or "main", folder))


def _commit(name: str, revision: str, folder: Path) -> str:
    if _COMMIT.fullmatch(revision):
        return revision
    with needed_by(f"{name} is not a folder ({looked_for(folder)}), and a hub's model"):
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


def looked_for(folder: Path) -> str:
    """Where a folder was looked for, and the one beside it that was probably meant."""
    try:
        beside = [path.name for path in folder.parent.iterdir() if path.is_dir()]
    except OSError:
        beside = []
    near = nearest(folder.name, beside)
    meant = f"; did you mean '{folder.parent / near}'?" if near else ""
    return f"looked for {folder}{meant}"


def _unreachable(name: str, revision: str, folder: Path, error: Exception) -> str:
    """The likeliest cause first: a misspelt name of a folder."""
    kind = type(error).__name__
    head = f"{name}: is it misspelt? There is no such folder ({looked_for(folder)})"
    if kind in ("RepositoryNotFoundError", "GatedRepoError"):
        return f"{head}, and the hub has no such model, or it asks for a login (hf auth login)"
    if kind == "RevisionNotFoundError":
        return f"{name}: the model has no revision {revision!r} on the hub"
    return (
        f"{head} and no such model in the local cache; if it is a hub's name, there is no hub in "
        f"reach ({kind}): connect, or download it elsewhere and name its folder"
    )
