"""The keys of a suite file beside its checks, and of its `data:` mapping."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)]
RESERVED = ("skip", "skipif", "xfail", "parametrize", "usefixtures", "filterwarnings")
"""Markers that mean something to pytest itself."""


def _free(tag: str) -> str:
    if tag in RESERVED:
        raise ValueError(f"tags become pytest markers and pytest reserves '{tag}'; rename it")
    return tag


Tag = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=80),
    AfterValidator(_free),
]


class DataMapping(BaseModel):
    """`data:` as a mapping: files with renamed columns, or a data set of a hub.

    Parameters
    ----------
    path
        A file or a glob, relative to the suite file.
    dataset
        The name of a data set of the hub, in place of `path`.
    subset
        Its configuration.
    split
        Its split.
    limit
        At most this many pairs, drawn with `seed`.
    seed
        The seed of that draw.
    columns
        Renames: our key to the file's column, such as `{chosen: answer_a}`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str | None = None
    dataset: str | None = None
    subset: str | None = None
    split: str = "test"
    limit: Annotated[int, Ge(1)] | None = None
    seed: Annotated[int, Ge(0)] = 0
    columns: dict[str, str] | None = None


class DataKey(BaseModel):
    """What says which data: they are read even where the rest of a header has mistakes."""

    data: str | DataMapping
    layout: str | None = None


class Header(BaseModel):
    """A suite file, its checks still unread.

    Parameters
    ----------
    rmcheck
        The format's version, 1.
    name
        The suite's name; ids of its checks begin with it.
    description
        One line for the report.
    source
        This suite's own reward model, in place of `--rm`: any spec that `--rm` takes.
    data
        A file or a glob of preference data, relative to this file; `shipped:…` names rmcheck's
        own; or a mapping.
    tags
        Become pytest markers: `pytest -m TAG`.
    objective
        The objective that its checks judge, unless one names another: an output of a model with
        several, or a weighted sum. Pairs that have a label by it are judged by that label.
    gate
        `required` (default), or `advisory`: reported, never fails the run.
    checks
        The requirements; each is a test.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rmcheck: Literal[1]
    name: Name
    description: str = ""
    source: str | None = None
    data: str | DataMapping
    layout: str | None = None
    tags: tuple[Tag, ...] = ()
    objective: Annotated[str, MinLen(1)] | None = None
    gate: Literal["required", "advisory"] = "required"
    checks: Annotated[list[dict[str, Any]], MinLen(1)]
