"""An adapter on its base as one model, with a head of one or several outputs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rmcheck.errors import SourceError
from rmcheck.scoring.files import ModelFiles
from rmcheck.scoring.objective_weights import shown
from rmcheck.training import attachment
from rmcheck.training.adapter import SIDECAR, Sidecar, remedy
from rmcheck.wording import listed

if TYPE_CHECKING:
    from rmcheck.scoring.loading import Base

HEADS = ("score", "classifier", "classifier.out_proj", "classification_head.out_proj")
"""Names of the last layer of a sequence classifier's head."""


def reward_said(sidecar: Sidecar | None, name: str) -> str:
    """The weighted sum of outputs that `rmcheck.json` says is the reward; empty for one output.

    It is empty, too, where an older version did not write the weights: then the user names them.

    Raises
    ------
    SourceError
        For several outputs without names.
    """
    if sidecar is None or sidecar.num_labels == 1:
        return ""
    if len(sidecar.objectives) != sidecar.num_labels:
        raise SourceError(
            f"{name}: expected num_labels 1 for a reward model, got {sidecar.num_labels}, and "
            f"{SIDECAR} names {listed(sidecar.objectives) or 'no objectives'}"
        )
    return shown(sidecar.weights)


def outputs_of(folder: Path, sidecar: Sidecar | None) -> int:
    """How many outputs the head of an adapter has, by `rmcheck.json` or by its weights."""
    if sidecar is not None:
        return sidecar.num_labels
    _, shapes = attachment.weights_in(folder)
    brought = {attachment.plain_name(name): shape for name, shape in shapes.items()}
    return next((brought[f"{name}.weight"][0] for name in HEADS if f"{name}.weight" in brought), 1)


def load_adapter(
    folder: Path, base: ModelFiles, gguf: str | None, name: str, sidecar: Sidecar | None
) -> Base:
    """The base with the adapter merged into it, with all outputs of the head.

    Parameters
    ----------
    name
        The adapter's, for messages.

    Raises
    ------
    SourceError
        For weights that are missing, damaged, or do not fit.
    """
    from rmcheck.scoring.loading import Base, load_base
    from rmcheck.scoring.value_head import value_head, with_value_head

    outputs = outputs_of(folder, sidecar)
    try:
        found, missing = load_base(base, seed=0, gguf_file=gguf, fresh_head=False, outputs=outputs)
    except SourceError as error:
        if outputs == 1:
            raise
        raise SourceError(
            f"{folder}: the adapter's head has {outputs} outputs and does not fit its base model "
            f"({error}); {remedy(folder)}"
        ) from None
    head = None
    if "score.weight" in missing:
        head = value_head(folder)
        if head is None and base.folder is not None:
            head = value_head(base.folder)
    if head is not None:
        missing = tuple(each for each in missing if each != "score.weight")
    model = attachment.attach(found, folder, missing)
    if head is not None:
        with_value_head(model, head, name)
    if sidecar is not None and sidecar.objectives:
        model.config.id2label = dict(enumerate(sidecar.objectives))
        model.config.label2id = {each: place for place, each in enumerate(sidecar.objectives)}
    return Base(model, ())
