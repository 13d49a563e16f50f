"""`hf:PATH-or-hub-id[@revision]`: a sequence-classification checkpoint or a PEFT adapter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from rmcheck.data.dialogue import content_hash
from rmcheck.errors import SourceError, UsageError
from rmcheck.extras import needed_by
from rmcheck.record.run import TrainingRecord
from rmcheck.reward_source import Source, SourceOptions
from rmcheck.scoring.files import ModelFiles, locate, looked_for
from rmcheck.scoring.model_json import CONFIG, appends_end, of_openrlhf
from rmcheck.sources.cross_encoder import LIMITS, CrossEncoder, cross_encoder
from rmcheck.sources.layout import (
    ASKED,
    DEFAULT,
    KEYS,
    READINGS,
    SIDECAR,
    TOKENIZER_CONFIG,
    Layout,
    Setting,
    asked,
    chat_file,
    is_chat,
    parsed,
    template_text,
    without_options,
)
from rmcheck.sources.model_source import HeadedModel, Loaded, resolved
from rmcheck.sources.peft_adapter import load_adapter, outputs_of, reward_said
from rmcheck.training import adapter


class CheckpointSource(HeadedModel):
    """A trained reward model from files; `rmcheck.json` beside them says how to read it."""

    def __init__(
        self,
        spec: str,
        name: str,
        revision: str | None,
        options: SourceOptions,
        asked: Mapping[str, Setting] | None = None,
        said_in: str = ASKED,
    ) -> None:
        super().__init__(spec, options)
        self.name = name
        self.revision = revision
        self._asked = asked or {}
        self._said_in = said_in
        self._shared: dict[str, Any] = {}

    def with_objective(self, objective: str) -> CheckpointSource:
        """One of the outputs of its head, or a weighted sum; the loaded model is shared."""
        settings = {**self._asked, "objective": objective}
        plain = self._said_in != ASKED
        spec = f"{self.spec} [{objective}]" if plain else self._spec_of(settings)
        side = CheckpointSource(
            spec, self.name, self.revision, self.options, settings, self._said_in
        )
        side._shared = self._shared
        return side

    @cached_property
    def files(self) -> ModelFiles:
        """Its files. An adapter on the hub is downloaded, since its configuration is needed."""
        return self._with_consent(self._found())

    def _with_consent(self, files: ModelFiles) -> ModelFiles:
        """The files, with what the user said of the code among them."""
        if not self._asked.get("trust_remote_code"):
            return files
        if files.folder is not None:
            _refuse_foreign_code(files.folder)
        return replace(files, trust_remote_code=True)

    def _found(self) -> ModelFiles:
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

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes about the scoring that the user should see."""
        crossed = None if self._sidecar is not None else self._crossed
        said = (crossed.remark,) if crossed else ()
        if self.layout.origins.get("objective") == SIDECAR:
            said = (f"{self.spec}: reward {self.layout.objective} (the weights in {SIDECAR})",)
        return (*said, *super().remarks)

    @cached_property
    def _crossed(self) -> CrossEncoder | None:
        return cross_encoder(self._file)

    @cached_property
    def _appends_end(self) -> bool:
        return self._sidecar is None and appends_end(self._file)

    @cached_property
    def _sidecar(self) -> adapter.Sidecar | None:
        return adapter.read_sidecar(self.files.folder) if self.files.folder else None

    @cached_property
    def layout(self) -> Layout:
        """As the spec, `rmcheck.json` or the model's files say, in this order."""
        sidecar = self._sidecar
        settings: dict[str, Any] = dict(self._own(sidecar))
        origins = {key: origin for key, (_, origin) in settings.items()}
        values = {key: value for key, (value, _) in settings.items()}
        template = self._asked.get("template")
        if template and "end" not in self._asked and (sidecar is None or template == "pair"):
            values["end"] = "template" if is_chat(str(template)) else "tokenizer"
            origins["end"] = DEFAULT
        values |= self._asked
        origins |= dict.fromkeys(self._asked, self._said_in)
        named = str(values["template"])
        text = "" if named in READINGS else template_text(named, self.options.root)
        return Layout(**values, text=text, origins=origins, said=frozenset(self._asked))

    def _own(self, sidecar: adapter.Sidecar | None) -> Mapping[str, tuple[Setting | None, str]]:
        """Each setting and its origin, as `rmcheck.json` or the model's files have it."""
        if sidecar is not None:
            said = reward_said(sidecar, self.files.name)
            return {
                "template": (sidecar.template, SIDECAR),
                "end": ("none", SIDECAR),
                "max_length": (sidecar.max_length, SIDECAR),
                "pooling": (sidecar.pooling, SIDECAR),
                **({"objective": (said, SIDECAR)} if said else {}),
            }
        found = chat_file(self._file)
        crossed = None if found else self._crossed
        if crossed is not None:
            crossed.refuse_unread(self.spec, asked="template" in self._asked)
            limited = crossed.max_length is not None
            return {
                "template": ("pair", crossed.file),
                "end": ("tokenizer", crossed.file),
                "max_length": (crossed.max_length, LIMITS if limited else DEFAULT),
                "pooling": ("last", DEFAULT),
            }
        template = ("chat", found) if found else ("default", DEFAULT)
        end = ("template", found) if found else ("tokenizer", DEFAULT)
        if of_openrlhf(self._file):
            template = template if found else ("raw", CONFIG)
            end = ("openrlhf", CONFIG)
        elif self._appends_end and not found:
            end = ("tokenizer", TOKENIZER_CONFIG)
        return {
            "template": template,
            "end": end,
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

    def spec_with(self, layout: Layout) -> str:
        """The spec that reads the same model otherwise; other settings stay as they are."""
        if self._said_in != ASKED:
            return super().spec_with(layout)
        return self._spec_of({**self._asked, "template": layout.template, "end": layout.end})

    def _spec_of(self, settings: Mapping[str, Setting]) -> str:
        path, _ = without_options(self.spec, lambda text: self._is_folder(text.partition(":")[2]))
        said = [f"{key}={_shown(settings[key])}" for key in KEYS if key in settings]
        return ",".join([path, *said])

    def advice(self, layout: Layout) -> str:
        """The option or the lines of the source file that read the model otherwise."""
        if self._said_in != ASKED:
            return f"write into {self._said_in}: template: {layout.template}, end: {layout.end}"
        return f"use --rm '{self.spec_with(layout)}'"

    def _is_folder(self, path: str) -> bool:
        return resolved(path, self.options.root).is_dir()

    def other_readings(self) -> Sequence[Source]:
        """Rivals of its reading; none where `rmcheck.json` says how it was trained."""
        if self._sidecar is not None and not self._asked:
            return ()
        from rmcheck.sources.readings import Reread, rivals

        layouts = rivals(self.layout, has_chat_template=chat_file(self._file) is not None)
        return [Reread(self, layout, self.identity_with(layout)) for layout in layouts]

    def _identity(self) -> str:
        return self.identity_with(self.layout)

    def identity_with(self, layout: Layout) -> str:
        """A hash of the model's files and of a reading, which need not be the current one."""
        return content_hash("hf", *self._file_hashes, *layout.parts)

    @cached_property
    def _file_hashes(self) -> tuple[str, ...]:
        folder = self.files.folder
        if folder is not None and not self._adapter and not (folder / "config.json").is_file():
            raise SourceError(_not_a_model(folder))
        parts = [self.files.hash(self.hashes)]
        if self._adapter:
            base, gguf = adapter.base_of(self._adapter, self.hashes)
            parts.append(base.hash(self.hashes, [gguf] if gguf else []))
        return tuple(parts)

    def _load(self, device: str) -> Loaded:
        _ = self.fingerprint  # a folder without a model is reported before torch is imported
        from rmcheck.scoring.loading import append_end
        from rmcheck.scoring.quantization import quantized

        loaded = self._whole(device)
        if self._appends_end:
            append_end(loaded.tokenizer)
        if not self.layout.quantize:
            return loaded
        remark = quantized(loaded.model, self.spec, device, self.options.dtype)
        return replace(loaded, remarks=(remark,))

    def _whole(self, device: str) -> Loaded:
        """The model with all its weights, an adapter merged into its base."""
        from rmcheck.scoring.loading import load_checkpoint, load_tokenizer, one_reward

        objective, folder, base, gguf = self.layout.objective, self._adapter, self.files, None
        if folder is not None:
            base, gguf = adapter.base_of(folder, self.hashes)
            base = self._with_consent(base)
        # Quantising changes the layers themselves, so that they cannot be shared.
        shared = {} if self.layout.quantize else self._shared
        if device not in shared:
            shared[device] = (
                load_checkpoint(self.files)
                if folder is None
                else load_adapter(folder, base, gguf, self.files.name, self._sidecar)
            )
        found = shared[device]
        if folder is not None and outputs_of(folder, self._sidecar) == 1:
            if objective:
                raise SourceError(
                    f"{self.spec}: objective is for a head with several outputs, and this adapter "
                    "has one; remove it"
                )
            model = found.model
        else:
            model = one_reward(found, self.files, objective)
        own = folder is None or (folder / TOKENIZER_CONFIG).is_file()
        tokenizer = load_tokenizer(self.files) if own else load_tokenizer(base, gguf)
        return Loaded(model, tokenizer, self.layout)


def _shown(value: Setting) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refuse_foreign_code(folder: Path) -> None:
    """Raise SourceError where the configuration names code of another repository.

    That code is not among the files whose hash is the model's fingerprint.
    """
    for name in ("config.json", TOKENIZER_CONFIG):
        try:
            found = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue  # loading the model reports it
        named = found.get("auto_map") if isinstance(found, dict) else None
        for value in named.values() if isinstance(named, dict) else ():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, str) and "--" in each:
                    raise SourceError(
                        f"{folder / name}: auto_map names code of another repository ({each}); "
                        "copy that file into the folder and name it without the repository"
                    )


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


def is_path(name: str) -> bool:
    """Whether a name can only be that of a folder, not a hub id."""
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def create(rest: str, options: SourceOptions) -> CheckpointSource:
    """A sequence-classification checkpoint or PEFT adapter.

    Raises UsageError if REST is a path that does not exist.
    """

    def is_folder(path: str) -> bool:
        return resolved(path, options.root).is_dir()

    whole, said = without_options(rest, is_folder)
    settings = asked(parsed(said, f"hf:{rest}"), f"hf:{rest}", options.root)
    name, revision = named(whole, f"hf:{rest}", options.root)
    return CheckpointSource(f"hf:{rest}", name, revision, options, settings)


def named(model: str, spec: str, root: Path) -> tuple[str, str | None]:
    """A model's path or hub id, and the revision after an `@`.

    Raises UsageError if it is a path that does not exist.
    """
    name, revision = model, None
    if not resolved(model, root).is_dir():
        name, _, after = model.partition("@")
        revision = after or None
    folder = resolved(name, root)
    if folder.suffix == ".gguf" and folder.is_file():
        raise UsageError(f"{spec}: {_gguf(folder)}")
    if is_path(name) and not folder.is_dir():
        raise UsageError(f"{spec}: folder not found ({looked_for(folder)})")
    return name, revision
