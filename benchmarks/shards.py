"""Scoring in shards: what the plan and the merge cost, and what a second worker brings.

A project of `--pairs` pairs (three a prompt) is planned, scored by a stub and merged. Then a scorer
that sleeps, and one that computes, score a smaller one with one worker and with two.

    python benchmarks/shards.py
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import options, publish, table

CODE = """
import hashlib, time


def stub(texts):
    return [float(len(response)) for _, response in texts]


def sleeps(texts):
    time.sleep(0.002 * len(texts))
    return stub(texts)


def computes(texts):
    for _ in range(120):
        found = [hashlib.sha256(f"{p}|{r}".encode() * 200).digest()[0] for p, r in texts]
    return found
"""
WORDS = ("the", "a", "of", "to", "and", "in", "is", "that", "it", "was", "for", "on", "are", "as")


def project(root: Path, pairs: int) -> Path:
    """Pairs of about 60 words a text, three a prompt."""
    (root / "scorer.py").write_text(CODE)
    (root / "pytest.ini").write_text("[pytest]\n")
    text = " ".join(WORDS * 5)
    with (root / "d.jsonl").open("w") as file:
        for i in range(pairs):
            row = {
                "id": f"p{i}", "prompt": f"question {i // 3}: {text}",
                "chosen": f"{text} {i}.", "rejected": f"{text} {i}",
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")
    return root


def seconds(root: Path, function: str, *more: str) -> tuple[float, float, float]:
    """Wall seconds of `rmcheck score` in a process of its own, its peak memory, its output."""
    begun = time.perf_counter()
    child = subprocess.run(
        [sys.executable, str(Path(__file__)), "--child", "score", "d.jsonl", "-o", "s.jsonl",
         "--rm", f"py:scorer.py:{function}", *more],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if child.returncode:
        sys.exit(child.stdout[-2000:] + child.stderr[-3000:])
    peak = float(child.stdout.rpartition("peak ")[2])
    return time.perf_counter() - begun, peak, (root / "s.jsonl").stat().st_size / 1e6


def child(arguments: list[str]) -> None:
    """The command in this process, and the peak memory of it in MB."""
    from rmcheck.cli import main as command

    code = command(arguments)
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}")
    sys.exit(code)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=6_000)


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    how = options(__doc__, 1, add)
    os.environ["OMP_NUM_THREADS"] = "1"
    sizes = (300, 600) if how.quick else (how.given.pairs // 10, how.given.pairs)
    rows: list[tuple[object, ...]] = []
    for pairs in sizes:
        with tempfile.TemporaryDirectory() as folder:
            root = project(Path(folder), pairs)
            spent, peak, size = seconds(root, "stub", "--engine", "local:1")
            rows.append((pairs, spent, f"{1e6 * spent / pairs:.0f}", peak, size))
    body = "What planning, a stub and merging cost, in one process:\n\n" + table(
        ("pairs", "seconds", "µs a pair", "peak MB", "score file, MB"), rows
    )
    rows = []
    small = 300 if how.quick else how.given.small
    for function in ("sleeps", "computes"):
        with tempfile.TemporaryDirectory() as folder:
            root = project(Path(folder), small)
            more = ("--shards", "16")
            once = {
                workers: seconds(root, function, *more, "--engine", f"local:{workers}",
                                 "--rm-cache", f"c{workers}")[0]
                for workers in (1, 2)
            }  # fmt: skip
            empty = {
                workers: seconds(root, "stub", *more, "--engine", f"local:{workers}",
                                 "--rm-cache", f"e{workers}")[0]
                for workers in (1, 2)
            }  # fmt: skip
            one, two = once[1] - empty[1], once[2] - empty[2]
            rows.append((f"a scorer that {function}", once[1], once[2], one, two,
                         f"{one / (2 * two):.2f} of linear"))  # fmt: skip
    body += (
        f"\n\nTwo workers against one on {small:,} pairs in 16 shards; 'alone' is the time less "
        "that of the same run with the stub, which starts processes, plans and merges:\n\n"
        + table(("scorer", "1 worker, s", "2 workers, s", "alone, 1", "alone, 2", "gain"), rows)
    )
    publish("Scoring in shards", body, how)


if __name__ == "__main__":
    main()
