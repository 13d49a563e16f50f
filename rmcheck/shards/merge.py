"""From the scores of all shards to one score file, in the order of the data."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rmcheck.errors import SourceError, UsageError, os_reason
from rmcheck.progress import Progress
from rmcheck.shards import scores
from rmcheck.shards.plan import Plan
from rmcheck.wording import counted

STEP = 10_000
"""Rows between two reports of progress."""
HELD = 32_000_000
"""Bytes that are read ahead, over all shards, as long as each may read `SMALLEST`."""
SMALLEST = 4096


def merge(plan: Plan, target: Path, progress: Progress) -> tuple[int, int]:
    """Write the score file of a plan; the bytes are the same whoever scored the shards.

    Returns
    -------
    How many pairs there are, and in how many of them chosen scores higher.

    Raises
    ------
    UsageError
        If shards are missing or damaged; names them.
    SourceError
        If the file cannot be written.
    """
    missing = [shard for shard in range(plan.shards) if not scores.whole(plan.output(shard))]
    if missing:
        some = ", ".join(map(str, missing[:8])) + (", …" if len(missing) > 8 else "")
        raise UsageError(
            f"{plan.folder}: {counted(len(missing), 'shard')} of {plan.shards:,} not scored yet "
            f"(number {some}); run `rmcheck score DATA --shard I/N --shard-folder {plan.folder}` "
            "for the I that are missing (shard modulo N), or run it again where it was killed"
        )
    block = max(SMALLEST, min(scores.BLOCK, HELD // plan.shards))
    streams = [scores.rows(plan.output(shard), block) for shard in range(plan.shards)]
    staging = target.with_name(f".{target.name}.{os.getpid()}")
    pairs = right = 0
    progress.start("merging", plan.items, "rows")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with staging.open("wb") as file:
            order = plan.order
            for start in range(0, len(order), STEP):  # as a list, the order takes ten times more
                places = order[start : start + STEP].tolist()
                for shard in places:
                    line = next(streams[shard])
                    file.write(line)
                    row = json.loads(line)
                    if "chosen" in row:
                        pairs += 1
                        right += row["chosen"] > row["rejected"]
                progress.advance(len(places))
            file.flush()
            os.fsync(file.fileno())
        staging.replace(target)
    except StopIteration:
        raise SourceError(f"{plan.folder}: has fewer rows than its plan; score again") from None
    except OSError as error:
        raise SourceError(f"{target}: cannot be written: {os_reason(error)}") from None
    finally:
        staging.unlink(missing_ok=True)
        progress.finish()
    return pairs, right
