"""An adapter merged into its base: a checkpoint that needs no adapter, for tools that read none."""

from __future__ import annotations

from pathlib import Path

from rmcheck.errors import SourceError, UsageError
from rmcheck.scoring.files import FileHashes, ModelFiles
from rmcheck.sources.layout import TOKENIZER_CONFIG
from rmcheck.sources.peft_adapter import load_adapter
from rmcheck.training import adapter


def write_merged(folder: Path, target: Path, hashes: FileHashes) -> None:
    """Write the base of an adapter with the adapter merged into its weights, and how it is read.

    Parameters
    ----------
    folder
        Of the adapter.
    target
        A folder that is empty or does not exist.

    Raises
    ------
    UsageError
        If `target` has files in it.
    SourceError
        If the adapter is damaged, does not fit its base, or stays beside quantised weights.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target}: already exists and is not an empty folder; choose another one")
    from rmcheck.scoring.loading import load_tokenizer, quiet
    from rmcheck.scoring.stored import computes_packed

    base, gguf = adapter.base_of(folder, hashes)
    sidecar = adapter.read_sidecar(folder)
    model = load_adapter(folder, base, gguf, str(folder), sidecar).model
    if computes_packed(model):
        raise SourceError(
            f"{folder}: its base {base.name} has quantised weights, into which nothing is merged; "
            "name the adapter itself (hf:FOLDER)"
        )
    own = (folder / TOKENIZER_CONFIG).is_file()
    here = ModelFiles(str(folder), folder)
    tokenizer = load_tokenizer(here) if own else load_tokenizer(base, gguf)
    target.mkdir(parents=True, exist_ok=True)
    with quiet():
        model.save_pretrained(str(target))
        tokenizer.save_pretrained(str(target))
    if sidecar is not None:
        adapter.complete(target, sidecar.model_copy(update={"backbone": None}))
