"""`hf:PATH-or-hub-id[@revision]`: a sequence-classification checkpoint or a PEFT adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rmcheck.data.dialogue import content_hash
from rmcheck.data.template import TEMPLATES
from rmcheck.errors import SourceError, UsageError
from rmcheck.extras import needed_by
from rmcheck.record.run import TrainingRecord
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import ModelFiles, locate, looked_for
from rmcheck.sources.layout import (
    ASKED,
    DEFAULT,
    SIDECAR,
    TOKENIZER_CONFIG,
    Layout,
    asked,
    chat_file,
    template_text,
    without_options,
)
from rmcheck.sources.model_source import Loaded, ModelSource, resolved
from rmcheck.training import adapter, attachment


class CheckpointSource(ModelSource):
    """A trained reward model from files; `rmcheck.json` beside them says how to read it."""

    def __init__(
        self,
        spec: str,
        name: str,
        revision: str | None,
        options: SourceOptions,
        asked: Mapping[str, str | int] | None = None,
    ) -> None:
        super().__init__(spec, options)
        self.name = name
        self.revision = revision
        self._asked = asked or {}

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
        """As the spec, `rmcheck.json` or the model's files say, in this order."""
        sidecar = self._sidecar
        if sidecar is not None and sidecar.num_labels != 1:
            raise SourceError(
                f"{self.files.name}: expected num_labels 1 for a reward model, got "
                f"{sidecar.num_labels}"
            )
        settings: dict[str, Any] = dict(self._own(sidecar))
        origins = {key: origin for key, (_, origin) in settings.items()}
        values = {key: value for key, (value, _) in settings.items()}
        if "template" in self._asked and "end" not in self._asked and sidecar is None:
            chat = self._asked["template"] not in TEMPLATES or self._asked["template"] == "chat"
            values["end"] = "template" if chat else "tokenizer"
            origins["end"] = DEFAULT
        values |= self._asked
        origins |= dict.fromkeys(self._asked, ASKED)
        named = str(values["template"])
        text = "" if named in TEMPLATES else template_text(named, self.options.root)
        return Layout(**values, text=text, origins=origins)

    def _own(self, sidecar: adapter.Sidecar | None) -> Mapping[str, tuple[str | int | None, str]]:
        """Each setting and its origin, as `rmcheck.json` or the model's files have it."""
        if sidecar is not None:
            return {
                "template": (sidecar.template, SIDECAR),
                "end": ("none", SIDECAR),
                "max_length": (sidecar.max_length, SIDECAR),
                "pooling": (sidecar.pooling, SIDECAR),
            }
        found = chat_file(self._file)
        return {
            "template": ("chat", found) if found else ("default", DEFAULT),
            "end": ("template", found) if found else ("tokenizer", DEFAULT),
            "max_length": (None, DEFAULT),
            "pooling": ("last", DEFAULT),
        }

    def _file(self, name: str) -> Path | None:
        """A file of the model (of the adapter first, where that brings a tokenizer)."""
        files = self.files
        if self._adapter and not (self._adapter / TOKENIZER_CONFIG).is_file():
            files, _ = adapter.base_of(self._adapter, self.hashes)
        if files.folder is not None:
            path = files.folder / name
            return path if path.is_file() else None
        with needed_by(self.spec):
            from huggingface_hub import hf_hub_download
        try:
            return Path(hf_hub_download(files.name, name, revision=files.revision))
        except Exception:  # not there, or the hub cannot be reached and it was never downloaded
            return None

    def _identity(self) -> str:
        folder = self.files.folder
        if folder is not None and not self._adapter and not (folder / "config.json").is_file():
            raise SourceError(_not_a_model(folder))
        layout = self.layout
        parts: list[object] = [self.files.hash(self.hashes)]
        if self._adapter:
            base, gguf = adapter.base_of(self._adapter, self.hashes)
            parts.append(base.hash(self.hashes, [gguf] if gguf else []))
        return content_hash("hf", *parts, *layout.parts)

    def _load(self, device: str) -> Loaded:
        _ = self.fingerprint  # a folder without a model is reported before torch is imported
        from rmcheck.scoring.quantization import quantized

        loaded = self._whole()
        if not self.layout.quantize:
            return loaded
        remark = quantized(loaded.model, self.spec, device, self.options.dtype)
        return replace(loaded, remarks=(remark,))

    def _whole(self) -> Loaded:
        """The model with all its weights, an adapter merged into its base."""
        from rmcheck.scoring.loading import load_base, load_checkpoint, load_tokenizer
        from rmcheck.scoring.value_head import value_head, with_value_head

        objective = self.layout.objective
        if objective and self._adapter:
            raise SourceError(
                f"{self.spec}: objective is for a head with several outputs, and an adapter has "
                "one; remove it"
            )
        if self._adapter is None:
            return Loaded(
                load_checkpoint(self.files, objective), load_tokenizer(self.files), self.layout
            )
        base, gguf = adapter.base_of(self._adapter, self.hashes)
        found, missing = load_base(base, seed=0, gguf_file=gguf, fresh_head=False)
        head = None
        if "score.weight" in missing:
            head = value_head(self._adapter)
            if head is None and base.folder is not None:
                head = value_head(base.folder)
        if head is not None:
            missing = tuple(name for name in missing if name != "score.weight")
        model = attachment.attach(found, self._adapter, missing)
        if head is not None:
            with_value_head(model, head, self.files.name)
        own = (self._adapter / "tokenizer_config.json").is_file()
        tokenizer = load_tokenizer(self.files) if own else load_tokenizer(base, gguf)
        return Loaded(model, tokenizer, self.layout)


def _not_a_model(folder: Path) -> str:
    packed = sorted(path.name for path in folder.glob("*.gguf"))
    if packed:
        return _gguf(folder / packed[0])
    return f"{folder} is not a model folder: it has neither config.json nor {adapter.CONFIG}"


def _gguf(path: Path) -> str:
    """Why a GGUF file is not a reward model: transformers does not read the head in it."""
    return (
        f"{path}: a GGUF file is read as a language model, and a reward head in it (cls.output, "
        "cls) is not read; name the checkpoint that it was made from (hf:FOLDER), or train a head "
        f"on it with a recipe (base: {path.parent.name}, gguf_file: {path.name})"
    )


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

    def is_folder(path: str) -> bool:
        return resolved(path, options.root).is_dir()

    whole, said = without_options(rest, is_folder)
    settings = asked(said, f"hf:{rest}", options.root)
    name, revision = whole, None
    if not is_folder(whole):
        name, _, after = whole.partition("@")
        revision = after or None
    folder = resolved(name, options.root)
    if folder.suffix == ".gguf" and folder.is_file():
        raise UsageError(f"hf:{rest}: {_gguf(folder)}")
    is_path = name.startswith((".", "/", "~")) or name.count("/") > 1
    if is_path and not folder.is_dir():
        raise UsageError(f"hf:{rest}: folder not found ({looked_for(folder)})")
    return CheckpointSource(f"hf:{rest}", name, revision, options, settings)
