"""Preference pairs from a data set of a hub, or from a folder that `datasets` can read."""

from __future__ import annotations

from collections.abc import Mapping

from rmcheck.data import PreferencePair
from rmcheck.data.layouts import pairs_from_rows
from rmcheck.extras import needed_by


def load_pairs(
    dataset: str,
    *,
    subset: str | None = None,
    split: str = "train",
    limit: int | None = None,
    seed: int = 0,
    columns: Mapping[str, str] | None = None,
) -> list[PreferencePair]:
    """Load a data set by name and turn its rows into pairs.

    Parameters
    ----------
    subset
        A configuration of the data set, or the folder of it (`helpful-base` of
        Anthropic/hh-rlhf).
    limit
        Keep this many rows, drawn with `seed`.
    columns
        See `rmcheck.data.layouts.pairs_from_rows`.

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
    pairs = pairs_from_rows(dataset, rows, columns)
    seen: dict[str, PreferencePair] = {pair.id: pair for pair in pairs}
    return list(seen.values())
