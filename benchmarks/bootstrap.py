"""Time and memory of the cluster bootstrap: 100,000 pairs, 10,000 draws.

Each case runs in a process of its own, so that its peak memory is its own; the interpreter and
numpy are part of it. Exits with 1 when a case takes more than 5 s or 500 MB.

    python benchmarks/bootstrap.py
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
from results import Options, options, publish, table, within

from rmcheck.stats.bootstrap import bootstrap_means

PAIRS, DRAWS = 100_000, 10_000
QUICK = 2_000, 1_000
MOST_SECONDS, MOST_MB = 5.0, 500.0
CASES = {
    "wins, a prompt a pair": (False, 1),
    "wins, 3 pairs a prompt": (False, 3),
    "margins, a prompt a pair": (True, 1),
    "margins, 3 pairs a prompt": (True, 3),
}


def measure(case: str, pairs: int, draws: int) -> tuple[float, float]:
    """Seconds of one bootstrap, and the peak memory of this process in MB."""
    continuous, size = CASES[case]
    rng = np.random.default_rng(0)
    margins = rng.normal(0.8, 1.0, pairs)
    values = margins if continuous else (margins > 0).astype(np.float64)
    groups = [str(index // size) for index in range(pairs)]
    started = time.perf_counter()
    means = bootstrap_means(values, groups, draws=draws, rng=rng)
    seconds = time.perf_counter() - started
    # The spread is known: sd / √n, here of independent pairs.
    expected = float(values.std()) / np.sqrt(pairs)
    if abs(float(means.std()) / expected - 1) > 5 / np.sqrt(2 * draws) + 0.02:
        raise SystemExit(f"{case}: spread {means.std():.2e}, expected {expected:.2e}")
    # Kilobytes on Linux, bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def apart(case: str, how: Options) -> tuple[float, float]:
    """`measure` in a process of its own."""
    command = [sys.executable, __file__, "--case", case, *(["--quick"] if how.quick else [])]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    seconds, memory = json.loads(done.stdout)
    return seconds, memory


def add_options(parser: argparse.ArgumentParser) -> None:
    """What a process of its own is told."""
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)


def main() -> int:
    how = options(__doc__, 1, add_options)
    pairs, draws = QUICK if how.quick else (PAIRS, DRAWS)
    if how.given.case:
        print(json.dumps(measure(how.given.case, pairs, draws)))
        return 0
    found = {case: apart(case, how) for case in CASES}
    rows = [
        (case, within(seconds, MOST_SECONDS, "s"), within(memory, MOST_MB, "MB"))
        for case, (seconds, memory) in found.items()
    ]
    body = f"{pairs:,} pairs, {draws:,} draws; the interpreter is part of the memory.\n\n" + table(
        ("values", "time", "peak memory"), rows
    )
    publish("Bootstrap", body, how)
    return int(any(s > MOST_SECONDS or mb > MOST_MB for s, mb in found.values()))


if __name__ == "__main__":
    sys.exit(main())
