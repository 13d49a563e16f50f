"""Run the benchmarks one after another, each in a process of its own.

About half an hour on two idle cores, and the hours of the trainings that `seeds`, `losses` and
`domains` do not find in their cache. Threads: leave OMP_NUM_THREADS unset, so that PyTorch
takes every core; whatever else runs on the machine is measured along with it.

    python benchmarks/all.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ORDER = (
    "gate_overhead", "report_size", "size", "bootstrap", "arithmetic_rate", "score_copies --counts",
    "score_copies",
    "score_pairs", "score_pairs --shape rm-bench", "score_pairs --shape apart", "train", "rounding",
    "served",
    "serve", "gpu", "large", "shards", "adversary",
    "behaviour", "seeds", "more_flips", "losses", "domains", "slices", "early_stop",
    "bisect_series", "over_time", "monitor",
)  # fmt: skip


def main() -> int:
    failed = []
    for name in ORDER:
        script_name, *more = name.split()
        script = Path(__file__).with_name(f"{script_name}.py")
        if not script.exists():
            continue
        started = time.perf_counter()
        done = subprocess.run([sys.executable, str(script), *more, *sys.argv[1:]], check=False)
        print(f"{name}: {time.perf_counter() - started:.0f} s\n", flush=True)
        if done.returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all ran")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
