"""Folders that are data: Parquet files, or a data set that `datasets.save_to_disk` wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rmcheck.documents.regular import regular_bytes
from rmcheck.errors import UsageError
from rmcheck.wording import listed

STATE, SPLITS = "state.json", "dataset_dict.json"
_SHARD = re.compile(r"^(?P<split>[A-Za-z][\w.-]*?)-\d{5}-of-\d{5}")


def data_files(folder: Path, shown: str) -> list[Path]:
    """The files of a folder that is data, in the order of their rows; empty for another folder.

    Raises
    ------
    UsageError
        If it has several splits; names them.
    """
    if (folder / SPLITS).is_file():
        names = _json_names(folder / SPLITS, "splits")
        here = [name for name in names if (folder / name).is_dir()]
        if len(here) == 1:
            return data_files(folder / here[0], shown)
        raise _several(shown, [f"{shown.rstrip('/')}/{name}" for name in here])
    if (folder / STATE).is_file():
        entries = _json_names(folder / STATE, "_data_files")
        return [folder / name for name in entries if (folder / name).is_file()]
    found = sorted(path for path in folder.glob("*.parquet") if path.is_file())
    inside = sorted(path for path in (folder / "data").glob("*.parquet") if path.is_file())
    found, below = (found, "") if found else (inside, "data/")
    splits: dict[str, None] = {}
    for path in found:
        match = _SHARD.match(path.name)
        splits[match["split"] if match else ""] = None
    if len(splits) > 1:
        names = [f"{shown.rstrip('/')}/{below}{split}-*.parquet" for split in splits if split]
        raise _several(shown, names)
    return [path.resolve() for path in found]


def _several(shown: str, choices: Sequence[str]) -> UsageError:
    quoted = [f"'{choice}'" for choice in choices]
    return UsageError(f"'{shown}' has several splits; name one: {listed(quoted) or 'none found'}")


def _json_names(path: Path, key: str) -> list[str]:
    """The names in a list of an object, as texts or as `{"filename": ...}`."""
    with suppress(OSError, ValueError, AttributeError, TypeError):
        entries = json.loads(regular_bytes(path).decode("utf-8"))[key]
        names = [each["filename"] if isinstance(each, dict) else each for each in entries]
        return [name for name in names if isinstance(name, str) and ".." not in Path(name).parts]
    return []
