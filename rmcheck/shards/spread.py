"""What a gate lacks, scored by an engine: `--rm-engine`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import content_hash
from rmcheck.errors import RmcheckError
from rmcheck.reward_source import BothOrders, Partial, Source, SourceOptions
from rmcheck.shards import engines, scores, work
from rmcheck.shards import plan as plans
from rmcheck.sources import create
from rmcheck.spec import redacted

LEAST_SHARDS = 16
"""So many shards at least, as far as there are texts, so that several workers have work."""


@dataclass
class Spread:
    """Has texts scored by an engine, for sources that a worker can open by their spec.

    Parameters
    ----------
    asked
        The engine, `NAME` or `NAME:WORKERS`.
    options
        The options of the session's sources.
    folder
        Below it are the shards while they are scored.
    """

    asked: str
    options: SourceOptions
    folder: Path
    _taken: dict[str, bool] = field(default_factory=dict)

    def takes(self, source: Source) -> bool:
        """Whether workers can open this very source: its spec has its fingerprint."""
        mine = source.fingerprint
        if mine is None or isinstance(source, Partial | BothOrders):
            return False
        if mine not in self._taken:
            again = None
            with suppress(RmcheckError):
                again = create(source.spec, self.options).fingerprint
            self._taken[mine] = again == mine
        return self._taken[mine]

    def stream(
        self, source: Source, dialogues: Sequence[Dialogue]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Indices into `dialogues` and their rewards, a shard at a time.

        Raises
        ------
        SourceError
            If a worker fails for good; shards that were finished are in the cache by then.
        """
        fingerprint = work.unnamed(source)
        texts = sum(len(dialogue.response) for dialogue in dialogues)
        shards = max(plans.number_of_shards(texts), min(LEAST_SHARDS, len(dialogues)))
        name = content_hash(fingerprint, [dialogue.hash for dialogue in dialogues])
        folder = self.folder / f"gate-{name}"
        plan = plans.make(
            folder,
            dialogues,
            shards,
            source=redacted(source.spec),
            fingerprint=fingerprint,
            replace=True,
        )
        job = work.Job(source.spec, self.options, fingerprint)
        order = plan.order
        engine = engines.named(self.asked)
        for shard in work.run(plan, job, engine, self.options.progress):
            members = np.flatnonzero(order == shard).astype(np.int64)
            rows = [json.loads(row)["score"] for row in scores.rows(plan.output(shard))]
            yield members, np.asarray(rows, dtype=np.float64)
        shutil.rmtree(folder, ignore_errors=True)
