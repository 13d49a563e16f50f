"""The keys of a recipe, as a recipe file in another folder says them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rmcheck.shipped import PREFIX, shipped


def relocated(values: Mapping[str, Any], here: Path, there: Path) -> dict[str, Any]:
    """The keys of a recipe file in the folder `here` for one in `there`, in types that YAML has."""
    changed: dict[str, Any] = plain(values)
    changed["base"] = moved(str(changed["base"]), here, there, model=True)
    if "from" in changed:
        changed["from"] = moved(str(changed["from"]), here, there, model=True)
    holders: list[dict[str, Any]] = [
        changed,
        changed.get("replay") or {},
        changed.get("distil") or {},
    ]
    for holder in holders:
        if "data" in holder:
            holder["data"] = moved_data(holder["data"], here, there)
    return changed


def moved_data(data: Any, here: Path, there: Path) -> Any:
    """The value of a key `data`: a path, a list of them, or a data set of a hub."""
    if isinstance(data, str):
        return moved(data, here, there)
    return [moved(str(each), here, there) for each in data] if isinstance(data, list) else data


def moved(name: str, here: Path, there: Path, *, model: bool = False) -> str:
    """A path or glob relative to the folder `here`, as it is relative to `there`.

    What rmcheck ships is named with its prefix; a model that is not a path here is of the hub.
    """
    if name.startswith(PREFIX) or Path(name).expanduser().is_absolute():
        return name
    path = Path(os.path.normpath(here / name))
    if model and not path.exists():
        return name
    if path.is_relative_to(shipped()):
        return f"{PREFIX}{path.relative_to(shipped()).as_posix()}"
    return Path(os.path.relpath(path, there.resolve())).as_posix()


def plain(value: Any) -> Any:
    """The value in types that YAML has."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
