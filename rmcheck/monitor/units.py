"""From rows to what is compared: one response of each prompt, so that rows are independent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from rmcheck.monitor.log import LogRow


def units(rows: Iterable[LogRow], rng: np.random.Generator) -> Iterator[tuple[LogRow, int]]:
    """One row, drawn at random, of each run of rows with the same prompt, and the run's length.

    Responses to one prompt have scores that are alike; counted one by one, they would look like
    more evidence than they are. A log without prompts has runs of one row.
    """
    kept: LogRow | None = None
    length = 0
    for row in rows:
        if kept is not None and row.prompt is not None and row.prompt == kept.prompt:
            length += 1
            if rng.random() * length < 1.0:
                kept = row
            continue
        if kept is not None:
            yield kept, length
        kept, length = row, 1
    if kept is not None:
        yield kept, length
