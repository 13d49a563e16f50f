"""Time and memory of the cluster bootstrap: 100,000 pairs, 10,000 draws.

Each case runs in a process of its own, so that its peak memory is its own; the interpreter and
numpy are part of it. Exits with 1 when a case takes more than 5 s or 500 MB.

    python benchmarks/bootstrap.py [--write]

With `--write` the table takes its place in benchmarks/RESULTS.md, as the section "Bootstrap".
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from rmcheck.stats.bootstrap import bootstrap_means

RESULTS = Path(__file__).with_name("RESULTS.md")
SECTION = re.compile(r"^## Bootstrap\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)

PAIRS, DRAWS = 100_000, 10_000
MOST_SECONDS, MOST_MB = 5.0, 500.0
CASES = {
    "wins, a prompt a pair": (False, 1),
    "wins, 3 pairs a prompt": (False, 3),
    "margins, a prompt a pair": (True, 1),
    "margins, 3 pairs a prompt": (True, 3),
}


def measure(case: str) -> tuple[float, float]:
    """Seconds of one bootstrap, and the peak memory of this process in MB."""
    continuous, size = CASES[case]
    rng = np.random.default_rng(0)
    margins = rng.normal(0.8, 1.0, PAIRS)
    values = margins if continuous else (margins > 0).astype(np.float64)
    groups = [str(index // size) for index in range(PAIRS)]
    started = time.perf_counter()
    means = bootstrap_means(values, groups, draws=DRAWS, rng=rng)
    seconds = time.perf_counter() - started
    # The spread is known: sd / √n, here of independent pairs.
    expected = float(values.std()) / np.sqrt(PAIRS)
    if not 0.95 < float(means.std()) / expected < 1.05:
        raise SystemExit(f"{case}: spread {means.std():.2e}, expected {expected:.2e}")
    # Kilobytes on Linux, bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def apart(case: str) -> tuple[float, float]:
    """`measure` in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--case", case], capture_output=True, check=True, text=True
    )
    seconds, memory = json.loads(done.stdout)
    return seconds, memory


def _write(text: str) -> None:
    """Replace the section of RESULTS.md, or add it at the end."""
    page = RESULTS.read_text(encoding="utf-8")
    section = f"## Bootstrap\n\n    python benchmarks/bootstrap.py --write\n\n{text}\n"
    page, times = SECTION.subn(lambda _: f"{section}\n", page)
    page = page if times else f"{page.rstrip()}\n\n{section}"
    RESULTS.write_text(f"{page.rstrip()}\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Time the cluster bootstrap.")
    parser.add_argument("--write", action="store_true", help="put the table into RESULTS.md")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(options.case)))
        return 0
    found = {case: apart(case) for case in CASES}
    rows = [f"| {case} | {s:.2f} | {mb:.0f} |" for case, (s, mb) in found.items()]
    text = "\n".join(
        [
            f"{PAIRS:,} pairs, {DRAWS:,} draws, {os.cpu_count()} cores; bounds: "
            f"{MOST_SECONDS:g} s, {MOST_MB:g} MB (interpreter included).",
            "",
            "| values | seconds | peak MB |",
            "|---|---|---|",
            *rows,
        ]
    )
    print(text)
    if options.write:
        _write(text)
    return int(any(s > MOST_SECONDS or mb > MOST_MB for s, mb in found.values()))


if __name__ == "__main__":
    sys.exit(main())
