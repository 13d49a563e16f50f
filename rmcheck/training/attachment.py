"""An adapter on its base model: each weight in its place, then merged, or refused by name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rmcheck.errors import SourceError
from rmcheck.training.adapter import OLD_WEIGHTS, WEIGHTS, read_config, remedy, verify
from rmcheck.wording import counted, listed

Shape = tuple[int, ...]

_PEFT = re.compile(
    r"^base_model\.model\.|(?<=\.)(modules_to_save|original_module)\.(default\.)?"
    r"|(?<=\.)base_layer\."
)
"""What PEFT adds to the name of a weight that an adapter has in full."""
_SHARED = ("vblora_vector_bank", ".tinylora_v.", ".unilora_theta_d.")
"""Weights of PEFT that many layers share; each layer's name for them is missing from the file."""


def attach(base: Any, folder: Path, missing: Sequence[str]) -> Any:
    """`base` with the adapter of `folder` merged into its weights; beside quantised ones.

    `missing` are the names of weights that the base's files do not have: the adapter must.

    Raises
    ------
    SourceError
        If weights are missing, changed or truncated, do not fit the base model, or are of a kind
        that cannot be merged.
    """
    from peft import PeftConfig, PeftModel

    from rmcheck.scoring.loading import quiet
    from rmcheck.scoring.stored import computes_packed

    verify(folder)
    path, shapes = weights_in(folder)
    brought = {plain_name(name): shape for name, shape in shapes.items()}
    _refuse_random(folder, path, missing, brought)
    kind = str(read_config(folder).get("peft_type") or "adapter")
    with quiet():
        try:
            _resize(base, folder, brought)
            config = PeftConfig.from_pretrained(str(folder))
            if config.task_type != "SEQ_CLS":  # PEFT's class for another task asks for its methods
                config.task_type = None
            model = PeftModel.from_pretrained(base, str(folder), config=config)
            if not hasattr(model.base_model, "merge_and_unload"):
                raise _Unmergeable
            # `from_pretrained` ignores what does not belong to the model; loading again tells it.
            found = model.load_adapter(str(folder), "default")
        except _Unmergeable:
            raise SourceError(
                f"{folder}: an adapter of PEFT's type {kind} adds to a model's input, and cannot "
                "be merged into its weights; compute its scores and give them as a file "
                "(scores:FILE)"
            ) from None
        except SourceError:
            raise
        except Exception as error:  # PEFT raises whatever loading a state dict raises
            said = " ".join(str(error).split())[:200]
            raise SourceError(
                f"{folder}: the adapter does not fit its base model ({said}); {remedy(folder)}"
            ) from None
        _refuse_unread(folder, path, found)
        if computes_packed(base) and not read_config(folder).get("alora_invocation_tokens"):
            return model.eval().get_base_model()  # merging would round the sum of both again
        try:
            if read_config(folder).get("lora_bias"):
                _with_biases(model)
            return model.merge_and_unload()
        except Exception as error:  # as above: what each kind of adapter raises
            said = " ".join(str(error).split())[:200] or type(error).__name__
            raise SourceError(
                f"{folder}: this adapter of PEFT's type {kind} cannot be merged into its base "
                f"({said}); compute its scores and give them as a file (scores:FILE)"
            ) from None


def plain_name(name: str) -> str:
    """The name in the base model of a weight that an adapter has in full."""
    return _PEFT.sub("", name)


def _with_biases(model: Any) -> None:
    """A bias of zeros for each adapted layer without one, to merge the adapter's own bias into."""
    import torch

    for module in model.modules():
        ups = getattr(module, "lora_B", None) or {}
        biased = any(getattr(up, "bias", None) is not None for up in ups.values())
        if biased and module.get_base_layer().bias is None:
            layer = module.get_base_layer()
            layer.bias = torch.nn.Parameter(layer.weight.new_zeros(layer.weight.shape[0]))


class _Unmergeable(Exception):
    """An adapter that has no weights to merge."""


def _resize(base: Any, folder: Path, brought: Mapping[str, Shape]) -> None:
    """Give the base as many embeddings as the adapter was trained with.

    Raises
    ------
    SourceError
        Where the adapter was trained with tokens that neither it nor the base has embeddings of.
    """
    embeddings = base.get_input_embeddings()
    name = next(name for name, module in base.named_modules() if module is embeddings)
    known = int(embeddings.weight.shape[0])
    whole, low_rank = brought.get(f"{name}.weight"), brought.get(f"{name}.lora_embedding_A")
    trained = _token_indices(folder, name) if whole is None else []
    wanted = known
    if whole is not None:
        wanted = whole[0]
    elif low_rank is not None:
        wanted = low_rank[1]
    wanted = max([wanted, *(index + 1 for index in trained)])
    random = set(range(known, wanted)) - set(trained) if whole is None else set()
    if random:
        raise SourceError(
            f"{folder}: the adapter was trained with {counted(wanted, 'token')}, its base model "
            f"has embeddings of {known}, and those of the others are not in the adapter, so scores "
            "would be random; save it with save_pretrained(…, save_embedding_layers=True)"
        )
    if wanted != known:
        base.resize_token_embeddings(wanted, mean_resizing=False)


def _token_indices(folder: Path, name: str) -> list[int]:
    """Tokens of which the adapter has an embedding of its own (`trainable_token_indices`)."""
    config = read_config(folder)
    said = config.get("trainable_token_indices") or config.get("token_indices") or []
    if isinstance(said, dict):
        said = [
            index
            for layer, indices in said.items()
            if f".{name}".endswith(f".{layer}")
            for index in indices
        ]
    return [int(index) for index in said]


def _refuse_random(
    folder: Path, path: Path, missing: Sequence[str], brought: Mapping[str, Shape]
) -> None:
    """Raise SourceError for weights that neither base nor adapter has: they would be random."""
    lacking = [name for name in missing if name not in brought]
    if lacking:
        modules = sorted({name.rpartition(".")[0] for name in lacking})
        raise SourceError(
            f"{path}: weights missing that the base model does not have either, so scores would be "
            f"random: {listed(lacking)}; save the adapter with modules_to_save={modules!r} and "
            f'task_type="SEQ_CLS", or {remedy(folder)}'
        )


def _refuse_unread(folder: Path, path: Path, found: Any) -> None:
    """Raise SourceError for weights without a place in the model, and places without a weight."""
    lacking = [name for name in found.missing_keys if not any(part in name for part in _SHARED)]
    if lacking:
        raise SourceError(
            f"{path}: {counted(len(lacking), 'weight')} of the adapter missing: "
            f"{listed([_plain(name) for name in lacking])}; {remedy(folder)}"
        )
    unread = [_plain(name) for name in sorted(found.unexpected_keys)]
    # A language model's adapter may have its output layer, which a reward model does not have.
    unread = [name for name in unread if not name.startswith("lm_head.")]
    if unread:
        raise SourceError(
            f"{path}: {counted(len(unread), 'weight')} with no place in its base model: "
            f"{listed(unread)}; the adapter belongs to a model of "
            "another kind, or was saved around a wrapper of it"
        )


def _plain(name: str) -> str:
    return name.removeprefix("base_model.model.").replace(".default.", ".")


def weights_in(folder: Path) -> tuple[Path, dict[str, Shape]]:
    """The file of an adapter's weights, their names and shapes; of a pickle, only tensors."""
    path, old = folder / WEIGHTS, folder / OLD_WEIGHTS
    try:
        if not path.is_file() and old.is_file():
            return old, _pickled(old)
        if not path.is_file():
            raise SourceError(f"{path}: missing; {remedy(folder)}")
        from safetensors import safe_open

        with safe_open(str(path), framework="pt") as tensors:
            names = list(tensors.keys())
            return path, {name: tuple(tensors.get_slice(name).get_shape()) for name in names}
    except SourceError:
        raise
    except Exception as error:  # each format's reader raises errors of its own
        said = " ".join(str(error).split())[:200]
        shown = path if path.is_file() else old
        raise SourceError(f"{shown}: damaged or truncated ({said}); {remedy(folder)}") from None


def _pickled(path: Path) -> dict[str, Shape]:
    """Names and shapes of a pickle's tensors; whatever else is in it is refused, never run."""
    import pickle

    import torch

    try:
        loaded = torch.load(path, map_location="meta", weights_only=True)
    except pickle.UnpicklingError:
        raise SourceError(
            f"{path}: a pickle of more than tensors, which could run code and is not loaded; save "
            f"the adapter again as {WEIGHTS} (PEFT's default)"
        ) from None
    return {str(name): tuple(value.shape) for name, value in loaded.items()}
