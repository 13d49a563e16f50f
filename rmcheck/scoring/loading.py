"""Models and tokenizers from files: quiet, in float32, with errors that name file and remedy."""

from __future__ import annotations

import contextlib
import importlib
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import transformers
from tokenizers import processors
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from rmcheck.errors import SourceError
from rmcheck.extras import GGUF, needed_by
from rmcheck.scoring.files import ModelFiles
from rmcheck.scoring.objective_weights import weights_of
from rmcheck.scoring.objectives import as_one_reward
from rmcheck.scoring.stored import computes_packed, refuse_unpacked, stored_as
from rmcheck.scoring.transformers_compat import unpacked
from rmcheck.scoring.value_head import normalise, of_openrlhf, value_head, with_value_head
from rmcheck.wording import counted, listed

# transformers and PEFT import torchao where it is installed, which warns of each kernel for a GPU
# that it cannot load; bitsandbytes logs each product that it computes in float16.
for _name in ("torchao", "torch.utils._pytree", "bitsandbytes"):
    logging.getLogger(_name).setLevel(logging.ERROR)

FUSED = {"gelu_new": "gelu_pytorch_tanh"}
"""Activations that PyTorch has as one kernel under another name; the same function."""

_UNKNOWN = re.compile(r"Unrecognized configuration class <class '.*?\.configuration_(\w+)\.")
"""What transformers says of an architecture that it has no such model of."""


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
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        first = str(error).splitlines()[0]
        raise SourceError(f"--rm-device {wanted}: device not available ({first[:120]})") from None
    return wanted


def load_tokenizer(files: ModelFiles, gguf_file: str | None = None) -> Any:
    """The tokenizer of a model, with a padding token."""
    options = _gguf_option(gguf_file)
    with quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                files.name,
                revision=files.revision,
                trust_remote_code=files.trust_remote_code,
                **options,
            )
        except (
            Exception,
            SystemExit,
        ) as error:  # its parsers raise anything
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


def append_end(tokenizer: Any) -> None:
    """Let a tokenizer put its end token after a text, if it does not.

    transformers 5 takes what is put around a text from tokenizer.json alone (4 took
    `add_eos_token` from tokenizer_config.json, too).
    """
    end = tokenizer.eos_token_id
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if end is None or backend is None or tokenizer("a")["input_ids"][-1:] == [end]:
        return
    own = processors.TemplateProcessing(
        single=f"$A {tokenizer.eos_token}",
        pair=f"$A $B {tokenizer.eos_token}",
        special_tokens=[(tokenizer.eos_token, end)],
    )
    before = backend.post_processor
    backend.post_processor = own if before is None else processors.Sequence([before, own])


class Base(NamedTuple):
    """A model, and the names of its weights that no file has."""

    model: Any
    missing: tuple[str, ...]


def load_base(
    files: ModelFiles,
    *,
    seed: int,
    gguf_file: str | None = None,
    fresh_head: bool = True,
    outputs: int = 1,
) -> Base:
    """A language model with a reward head; what its files lack is drawn, the same for each seed.

    `fresh_head` draws the head even where the files have one; it has `outputs` outputs.

    Raises
    ------
    SourceError
        When the files cannot be read as a model.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        base = _load(files, gguf_file, num_labels=outputs)
    if fresh_head and computes_packed(base.model):
        raise SourceError(
            f"{files.name}: its weights are quantised, and training changes weights; name the "
            "model before it was quantised as the recipe's base"
        )
    from rmcheck.scoring.reading import head_of

    head = head_of(base.model)
    if head is not None and (fresh_head or "score.weight" in base.missing):
        generator = torch.Generator().manual_seed(seed)
        spread = float(getattr(base.model.config.get_text_config(), "initializer_range", 0.02))
        with torch.no_grad():
            head.weight.copy_(torch.randn(head.weight.shape, generator=generator) * spread)
    return base


def load_checkpoint(files: ModelFiles) -> Base:
    """A sequence-classification model with all its outputs, or one with a value head."""
    base = _load(files, None)
    if base.missing == ("score.weight",) and files.folder is not None:
        head = value_head(files.folder, getattr(base.model.config, "value_head_prefix", ""))
        if head is not None:
            with_value_head(base.model, head, files.name)
            base = Base(base.model, ())
    if not base.missing:
        normalise(base.model, files.name)
    return base


def one_reward(base: Base, files: ModelFiles, objective: str = "") -> Any:
    """A checkpoint as a reward model: with one output.

    `objective` names one of several labels, or a weighted sum of them, see
    `rmcheck.scoring.objectives`; the model made for it shares its weights with `base`.

    Raises
    ------
    SourceError
        When it has several labels and no objective is named, no head, or cannot be read.
    """
    model, missing = base
    labels = int(model.config.num_labels)
    if labels != 1 and not missing and not objective:
        names = listed([str(name) for name in model.config.id2label.values()])
        raise SourceError(
            f"{files.name}: expected num_labels 1 for a reward model, got {labels} ({names}); name "
            "one, or a weighted sum (hf:PATH,objective=NAME), or one in each check (objective: "
            "NAME), or train a head on this model with a recipe (base: …)"
        )
    if missing:
        raise SourceError(
            f"{files.name} is not a trained reward model (weights missing: "
            f"{listed(missing)}); train one with a recipe (base: …)"
        )
    if objective:
        named = {int(place): str(name) for place, name in model.config.id2label.items()}
        return as_one_reward(model, weights_of(objective, named, files.name), files.name)
    return model


def load_language_model(files: ModelFiles, gguf_file: str | None = None) -> Base:
    """A causal language model with the head that predicts tokens.

    Raises
    ------
    SourceError
        For a reward model, and for files that cannot be read as a language model.
    """
    base = _load(files, gguf_file, AutoModelForCausalLM)
    built = [str(name) for name in getattr(base.model.config, "architectures", None) or ()]
    if any("SequenceClassification" in name for name in built):
        raise SourceError(
            f"{files.name}: expected a language model, got a reward model ({listed(built)}); "
            "use hf:PATH"
        )
    return base


def _load(
    files: ModelFiles,
    gguf_file: str | None,
    auto: Any = AutoModelForSequenceClassification,
    **overrides: Any,
) -> Base:
    """The model, and the names of weights missing from its files."""
    extra = _gguf_option(gguf_file)
    packed = unpacked() if gguf_file else {}
    with quiet():
        try:
            config = AutoConfig.from_pretrained(
                files.name,
                revision=files.revision,
                trust_remote_code=files.trust_remote_code,
                **extra,
                **overrides,
            )
            if auto is AutoModelForSequenceClassification and of_openrlhf(config):
                config.num_labels = 1
            packing = "" if gguf_file else stored_as(config, files.name)
            fuse(config)
            model, loaded = auto.from_pretrained(
                files.name,
                revision=files.revision,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # told below, with their names
                trust_remote_code=files.trust_remote_code,
                **extra,
                **packed,
            )
        except SourceError:
            raise
        except (
            Exception,
            SystemExit,
        ) as error:  # its parsers raise anything
            raise SourceError(f"{files.name}: cannot be loaded: {_said(error)}") from None
    refuse_unpacked(model, packing, loaded["unexpected_keys"], files.name)
    wrong = sorted(loaded["mismatched_keys"])
    if wrong:
        name, stored, wanted = wrong[0]
        raise SourceError(
            f"{files.name}: {name} has the shape {tuple(stored)} in the files, and {tuple(wanted)} "
            f"by config.json{_more(len(wrong) - 1)}; the files are not of one model, or it has "
            "another number of labels"
        )
    return Base(model, tuple(sorted(loaded["missing_keys"])))


def _more(count: int) -> str:
    return f" (and {counted(count, 'more weight')})" if count else ""


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
        if isinstance(module, torch.nn.Linear)
        and module.out_features in (1, getattr(model, "num_labels", 1))
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


def in_float32(head: torch.nn.Module) -> None:
    """Have a head compute in float32, whatever the precision of the states that it reads."""
    head.float().register_forward_pre_hook(_as_float32)


def _as_float32(_: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return (args[0].float(), *args[1:])


def _said(error: BaseException) -> str:
    """An error on one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    unknown = _UNKNOWN.search(text)
    if unknown:
        kind = "language model" if "AutoModelForCausalLM" in text else "reward model"
        text = (
            f"transformers has no {kind} of the architecture {unknown[1]!r}; compute its scores "
            "and give them as a file (scores:FILE)"
        )
    if "trust_remote_code" in text:
        text = (
            "the model needs the Python code in its folder, which is run only if you allow it; "
            "read the code, then add trust_remote_code=true (hf:PATH,trust_remote_code=true)"
        )
    return text if len(text) <= 300 else text[:299] + "…"
