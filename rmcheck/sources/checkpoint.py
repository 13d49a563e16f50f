"""`hf:PATH-or-hub-id[@revision]`: a sequence-classification checkpoint or a PEFT adapter."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from rmcheck.data.dialogue import content_hash
from rmcheck.errors import SourceError, UsageError
from rmcheck.extras import needed_by
from rmcheck.record.run import TrainingRecord
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import ModelFiles, locate, looked_for
from rmcheck.sources.model_source import Layout, Loaded, ModelSource, resolved
from rmcheck.training import adapter


class CheckpointSource(ModelSource):
    """A trained reward model from files; `rmcheck.json` beside them says how to read it."""

    def __init__(self, spec: str, name: str, revision: str | None, options: SourceOptions) -> None:
        super().__init__(spec, options)
        self.name = name
        self.revision = revision

    @cached_property
    def files(self) -> ModelFiles:
        """Its files. An adapter on the hub is downloaded, since its configuration is needed."""
        found = locate(self.name, self.options.root, self.revision)
        if found.folder is None and _is_hub_adapter(found, self.spec):
            from huggingface_hub import snapshot_download

            folder = Path(snapshot_download(found.name, revision=found.revision))
            return ModelFiles(str(folder), folder)
        return found

    @property
    def training(self) -> TrainingRecord | None:
        """How it was trained, if `rmcheck.json` says so."""
        sidecar = self._sidecar
        return sidecar.training if sidecar else None

    @property
    def _adapter(self) -> Path | None:
        folder = self.files.folder
        return folder if folder is not None and (folder / adapter.CONFIG).is_file() else None

    @cached_property
    def _sidecar(self) -> adapter.Sidecar | None:
        return adapter.read_sidecar(self.files.folder) if self.files.folder else None

    @cached_property
    def layout(self) -> Layout:
        """As `rmcheck.json` says, or else the defaults."""
        sidecar = self._sidecar
        if sidecar is None:
            return Layout()
        if sidecar.num_labels != 1:
            raise SourceError(
                f"{self.files.name}: expected num_labels 1 for a reward model, got "
                f"{sidecar.num_labels}"
            )
        return Layout(sidecar.template, sidecar.max_length, sidecar.pooling)

    def _identity(self) -> str:
        folder = self.files.folder
        if folder is not None and not self._adapter and not (folder / "config.json").is_file():
            raise SourceError(
                f"{folder} is not a model folder: it has neither config.json nor {adapter.CONFIG}"
            )
        layout = self.layout
        parts: list[object] = [self.files.hash(self.hashes)]
        if self._adapter:
            base, gguf = adapter.base_of(self._adapter, self.hashes)
            parts.append(base.hash(self.hashes, [gguf] if gguf else []))
        return content_hash("hf", *parts, layout.template, layout.max_length, layout.pooling)

    def _load(self, device: str) -> Loaded:
        _ = self.fingerprint  # a folder without a model is reported before torch is imported
        from rmcheck.scoring.loading import load_base, load_checkpoint, load_tokenizer

        if self._adapter is None:
            return Loaded(load_checkpoint(self.files), load_tokenizer(self.files), self.layout)
        base, gguf = adapter.base_of(self._adapter, self.hashes)
        model = adapter.attach(load_base(base, seed=0, gguf_file=gguf), self._adapter)
        own = (self._adapter / "tokenizer_config.json").is_file()
        tokenizer = load_tokenizer(self.files) if own else load_tokenizer(base, gguf)
        return Loaded(model, tokenizer, self.layout)


def _is_hub_adapter(files: ModelFiles, spec: str) -> bool:
    with needed_by(spec):
        from huggingface_hub import hf_hub_download

    try:
        hf_hub_download(files.name, adapter.CONFIG, revision=files.revision)
    except Exception:  # not there, or the hub is unreachable: then it must be a cached model
        return False
    return True


def create(rest: str, options: SourceOptions) -> CheckpointSource:
    """A sequence-classification checkpoint or PEFT adapter.

    Raises UsageError if REST is a path that does not exist.
    """
    name, revision = rest, None
    if not resolved(rest, options.root).is_dir():
        name, _, after = rest.partition("@")
        revision = after or None
    folder = resolved(name, options.root)
    is_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    if is_path and not folder.is_dir():
        raise UsageError(f"hf:{rest}: folder not found ({looked_for(folder)})")
    return CheckpointSource(f"hf:{rest}", name, revision, options)
