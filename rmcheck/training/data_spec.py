"""The keys `data` and `layout` of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Gt, Lt, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict

from rmcheck.data.layouts import LAYOUTS
from rmcheck.errors import did_you_mean
from rmcheck.scoring.files import looked_for
from rmcheck.shipped import anchored
from rmcheck.training.settings import Replay

DataSpec = tuple[str, ...] | Mapping[str, Any]

Patterns = Annotated[list[str], MinLen(1)]
"""Files or globs as a list."""


class Dataset(BaseModel):
    """`data:` as a data set of the hub."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    dataset: str
    subset: str | None = None
    split: str = "train"
    limit: Annotated[int, Ge(1)] | None = None
    seed: int = 0
    columns: dict[str, str] | None = None


def data_spec(given: str | list[str] | Dataset) -> DataSpec:
    """The patterns of files, or the options of a data set."""
    if isinstance(given, Dataset):
        return given.model_dump(exclude_none=True)
    return (given,) if isinstance(given, str) else tuple(given)


def known_layout(value: str) -> str:
    """The name of a layout; raises ValueError for an unknown one."""
    if value not in LAYOUTS:
        raise ValueError(f"unknown layout '{value[:80]}', {did_you_mean(value, LAYOUTS)}")
    return value


class ReplayFile(BaseModel):
    """`replay:` old examples among the new ones, so that a training does not forget them.

    `data` names the old data as the key `data` of a recipe does, in the `layout` that it says;
    `share` is their share of all examples, drawn with the recipe's seed.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    data: str | Patterns | Dataset
    share: Annotated[float, Gt(0), Lt(1)]
    layout: Annotated[str, AfterValidator(known_layout)] | None = None

    def kept(self) -> Replay:
        """As a recipe has it."""
        return Replay(data=data_spec(self.data), share=self.share, layout=self.layout)


def nothing_matches(pattern: str, recipe: Path) -> str:
    """The message for a pattern without files: where it was looked for, and the nearest folder."""
    name, base = anchored(pattern, recipe.parent)
    folder = (base / name).parent
    while not folder.is_dir() and folder.parent != folder:
        if folder.parent.is_dir():
            return f"no file matches {pattern!r}: folder not found ({looked_for(folder)})"
        folder = folder.parent
    return f"no file matches {pattern!r} (in {folder})"
