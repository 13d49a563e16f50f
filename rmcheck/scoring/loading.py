"""Models and tokenizers from files: quiet, in float32, with errors that name file and remedy."""

from __future__ import annotations

import contextlib
import importlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from rmcheck.errors import SourceError
from rmcheck.extras import GGUF, needed_by
from rmcheck.scoring.files import ModelFiles
from rmcheck.scoring.transformers_compat import unpacked

FUSED = {"gelu_new": "gelu_pytorch_tanh"}
"""Activations that PyTorch has as one kernel under another name; the same function."""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence progress bars and warnings of the libraries below."""
    level = transformers.logging.get_verbosity()
    bars = transformers.logging.is_progress_bar_enabled()
    noisy = [logging.getLogger(name) for name in ("accelerate", "peft", "trl", "datasets")]
    levels = [logger.level for logger in noisy]
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for logger in noisy:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers.logging.set_verbosity(level)
        if bars:
            transformers.logging.enable_progress_bar()
        for logger, known in zip(noisy, levels, strict=True):
            logger.setLevel(known)


def pick_device(wanted: str | None) -> str:
    """`wanted`, or by default CUDA if it is available, else the CPU.

    Raises
    ------
    SourceError
        If the device is not available.
    """
    if wanted is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        raise SourceError(f"--rm-device {wanted}: device not available ({first[:120]})") from None
    return wanted


def load_tokenizer(files: ModelFiles, gguf_file: str | None = None) -> Any:
    """The tokenizer of a model, with a padding token."""
    options = _gguf_option(gguf_file)
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                files.name, revision=files.revision, **options
            )
        except Exception as error:  # from_pretrained raises whatever its parsers raise
            raise SourceError(
                f"{files.name}: its tokenizer cannot be loaded: {_said(error)}"
            ) from None
    # transformers 5 makes a GPT-2 tokenizer without a vocabulary where its files are missing.
    if not tokenizer("A text.", add_special_tokens=False)["input_ids"] or len(tokenizer) < 16:
        raise SourceError(
            f"{files.name}: tokenizer missing (tokenizer.json, or a vocabulary); save it into the "
            "model's folder with tokenizer.save_pretrained"
        )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def load_base(files: ModelFiles, *, seed: int, gguf_file: str | None = None) -> Any:
    """A language model with a fresh reward head, drawn from a generator of its own.

    Raises
    ------
    SourceError
        When the files cannot be read as a model.
    """
    model, _ = _load(files, gguf_file, num_labels=1)
    from rmcheck.scoring.reading import head_of

    head = head_of(model)
    if head is not None:
        generator = torch.Generator().manual_seed(seed)
        spread = float(getattr(model.config.get_text_config(), "initializer_range", 0.02))
        with torch.no_grad():
            head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * spread)
    return model


def load_checkpoint(files: ModelFiles) -> Any:
    """A trained reward model: sequence classification with one label and a stored head.

    Raises
    ------
    SourceError
        When it has another number of labels, no head, or cannot be read.
    """
    model, missing = _load(files, None)
    labels = int(model.config.num_labels)
    if labels != 1:
        raise SourceError(
            f"{files.name}: expected num_labels 1 for a reward model, got {labels}; use a reward "
            "model, or train a head on this one with a recipe (base: …)"
        )
    if missing:
        raise SourceError(
            f"{files.name} is not a trained reward model (weights missing: "
            f"{', '.join(missing[:3])}); train one with a recipe (base: …)"
        )
    return model


def _load(files: ModelFiles, gguf_file: str | None, **overrides: Any) -> tuple[Any, list[str]]:
    """The model, and the names of weights missing from its files."""
    extra = _gguf_option(gguf_file)
    packed = unpacked() if gguf_file else {}
    with quiet():
        try:
            config = AutoConfig.from_pretrained(
                files.name, revision=files.revision, **extra, **overrides
            )
            fuse(config)
            model, loaded = AutoModelForSequenceClassification.from_pretrained(
                files.name,
                revision=files.revision,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                **extra,
                **packed,
            )
        except Exception as error:  # from_pretrained raises whatever its parsers raise
            raise SourceError(f"{files.name}: cannot be loaded: {_said(error)}") from None
    return model, sorted(loaded["missing_keys"])


def _gguf_option(gguf_file: str | None) -> dict[str, str]:
    """The arguments of `from_pretrained` for a GGUF file; empty without one.

    Raises
    ------
    ExtraMissing
        Where the package that reads such files is not installed.
    """
    if not gguf_file:
        return {}
    with needed_by(f"the GGUF file {gguf_file}"):
        importlib.import_module(GGUF)
    return {"gguf_file": gguf_file}


def fuse(config: Any) -> None:
    """Replace activations in `config` by PyTorch's fused kernels of the same function."""
    text = config.get_text_config()
    for key in ("activation_function", "hidden_act"):
        known = getattr(text, key, None)
        if known in FUSED:
            setattr(text, key, FUSED[known])


@contextlib.contextmanager
def head_scaled(model: Any, factor: float) -> Iterator[None]:
    """In this context, weights and bias of the last layer with one output are times `factor`.

    They are restored bit for bit afterwards, so that one loaded model serves every factor.
    """
    if factor == 1.0:
        yield
        return
    heads = [
        module
        for module in model.modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == 1
    ]
    if not heads:
        raise SourceError(f"{type(model).__name__}: no layer with one output found to scale")
    known = [(parameter, parameter.detach().clone()) for parameter in heads[-1].parameters()]
    with torch.no_grad():
        for parameter, _ in known:
            parameter.mul_(factor)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, before in known:
                parameter.copy_(before)


def _said(error: Exception) -> str:
    """An error on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "trust_remote_code" in text:
        text = "the model needs its own code (trust_remote_code), which rmcheck does not run"
    return text if len(text) <= 300 else text[:299] + "…"
