"""Time and memory of the cluster bootstrap: 100,000 pairs, 10,000 draws.

Each case runs in a process of its own, so that its peak memory is its own; the interpreter and
numpy are part of it. Exits with 1 when a case takes more than 5 s or 500 MB.

    python benchmarks/bootstrap.py
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from results import Options, options, publish, table, within

from rmcheck.stats.bootstrap import bootstrap_means

PAIRS, DRAWS = 100_000, 10_000
MOST_SECONDS, MOST_MB = 5.0, 500.0
CASES = {
    "wins, a prompt a pair": (False, 1),
    "wins, 3 pairs a prompt": (False, 3),
    "margins, a prompt a pair": (True, 1),
    "margins, 3 pairs a prompt": (True, 3),
}


def measure(case: str, draws: int) -> tuple[float, float]:
    """Seconds of one bootstrap, and the peak memory of this process in MB."""
    continuous, size = CASES[case]
    rng = np.random.default_rng(0)
    margins = rng.normal(0.8, 1.0, PAIRS)
    values = margins if continuous else (margins > 0).astype(np.float64)
    groups = [str(index // size) for index in range(PAIRS)]
    started = time.perf_counter()
    means = bootstrap_means(values, groups, draws=draws, rng=rng)
    seconds = time.perf_counter() - started
    # The spread is known: sd / √n, here of independent pairs.
    expected = float(values.std()) / np.sqrt(PAIRS)
    if not 0.85 < float(means.std()) / expected < 1.15:
        raise SystemExit(f"{case}: spread {means.std():.2e}, expected {expected:.2e}")
    # Kilobytes on Linux, bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def apart(case: str, how: Options) -> tuple[float, float]:
    """`measure` in processes of their own: the median time, and the largest peak."""
    command = [sys.executable, __file__, "--case", case, *(["--quick"] if how.quick else [])]
    runs = [
        json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        for _ in range(how.repeats)
    ]
    return statistics.median(run[0] for run in runs), max(run[1] for run in runs)


def main() -> int:
    how = options(__doc__, 3, lambda p: p.add_argument("--case", help=argparse.SUPPRESS))
    draws = DRAWS // 20 if how.quick else DRAWS
    if how.given.case:
        print(json.dumps(measure(how.given.case, draws)))
        return 0
    found = {case: apart(case, how) for case in CASES}
    rows = [
        (case, within(seconds, MOST_SECONDS, "s"), within(memory, MOST_MB, "MB"))
        for case, (seconds, memory) in found.items()
    ]
    body = (
        f"{PAIRS:,} pairs, {draws:,} draws, median of {how.repeats}; each in a process of its own, "
        "whose memory includes interpreter and numpy.\n\n"
    )
    publish("Bootstrap", body + table(("values", "time", "peak memory"), rows), how)
    return int(any(s > MOST_SECONDS or mb > MOST_MB for s, mb in found.values()))


if __name__ == "__main__":
    sys.exit(main())
