"""Preference pairs from a data set of a hub, or from a folder that `datasets` can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.data.layouts.registry import HUB
from rmcheck.data.preferences import PreferenceData
from rmcheck.data.reading import Reading, read_layout
from rmcheck.data.rows import Row, under_our_keys
from rmcheck.extras import needed_by

_TOLD = 3


def load_data(
    dataset: str,
    *,
    subset: str | None = None,
    split: str = "train",
    limit: int | None = None,
    seed: int = 0,
    columns: Mapping[str, str] | None = None,
    layout: str | None = None,
) -> PreferenceData:
    """Load a data set by name and turn its rows into pairs and response sets.

    Parameters
    ----------
    subset
        A configuration of the data set, or the folder of it (`helpful-base` of
        Anthropic/hh-rlhf).
    limit
        Keep this many rows, drawn with `seed`.
    columns
        Our key to the data set's column, `prompt`, `chosen` and `rejected` for example.
    layout
        The name of the layout of its rows; by default the one of a known data set, or else the
        one that is recognised.

    Raises
    ------
    ValueError
        If it cannot be loaded (hub not reachable, no such data set) or does not fit a layout.
    ExtraMissing
        If the package `datasets` is not installed.
    """
    with needed_by(f"data set '{dataset}'"):
        import datasets

    datasets.disable_progress_bars()
    options = {"data_dir": subset} if dataset == "Anthropic/hh-rlhf" else {"name": subset}
    try:
        rows = datasets.load_dataset(dataset, split=split, **(options if subset else {}))
    except Exception as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"data set '{dataset}' (split {split}) cannot be loaded ({said}); check the name "
            "and the connection to the hub, or download the data and set 'data: PATH'"
        ) from None
    if limit is not None and limit < len(rows):
        rows = rows.shuffle(seed=seed).select(range(limit))
    found = from_rows(dataset, rows, columns, layout)
    items: dict[str, PreferencePair | ResponseSet] = {item.id: item for _, item in found.items}
    return PreferenceData(
        tuple(item for item in items.values() if isinstance(item, PreferencePair)),
        tuple(item for item in items.values() if isinstance(item, ResponseSet)),
        (dataset,),
        (found.note,),
    )


def from_rows(
    name: str,
    rows: Iterable[Mapping[str, Any]],
    columns: Mapping[str, str] | None = None,
    layout: str | None = None,
) -> Reading:
    """Rows of the data set `name` as pairs and response sets; rows are counted from 0.

    Raises
    ------
    ValueError
        If no layout fits them, or too many of them are no pairs.
    """
    known = HUB.get(name)
    if layout is None and known is not None and not columns:
        layout = known.name
    kept = [
        under_our_keys(Row(name, number, values), columns or {})
        for number, values in enumerate(rows)
    ]
    total = len(kept)
    found = read_layout(kept, name, columns or {}, layout)
    if found.problems:
        head = next((each.message for each in found.problems if not each.line), "")
        told = [f"row {each.line}: {each.message}" for each in found.problems if each.column]
        more = f" and {len(told) - _TOLD:,} more" if len(told) > _TOLD else ""
        rest = f" ({'; '.join(told[:_TOLD])}{more})" if told else ""
        said = head or f"{len(told):,} of {total:,} rows have mistakes"
        raise ValueError(f"{name}: {said}{rest}")
    return found
