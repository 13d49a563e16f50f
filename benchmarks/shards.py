"""Scoring in shards: what the plan and the merge cost, and what a second worker brings.

A project of `--pairs` pairs (three a prompt) is planned, scored by a stub and merged. Then a scorer
that sleeps, and one that computes, score `--small` pairs with one worker and with two.

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
    for _ in range(40):
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


def spent(root: Path, *arguments: str) -> tuple[float, float, float]:
    """`rmcheck` in a process of its own: seconds, those of the processor, peak MB."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(Path(__file__)), "--child", *arguments],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-3000:])
    processor, peak = map(float, done.stdout.rpartition("spent ")[2].split())
    return time.perf_counter() - begun, processor, peak


def child(arguments: list[str]) -> None:
    """The command in this process, and what it took: seconds of the processor, peak MB."""
    from rmcheck.cli import main as command

    code = command(arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"spent {time.process_time():.2f} {peak:.0f}")
    sys.exit(code)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pairs", type=int, default=1_000_000, help="0: leave this part out")
    parser.add_argument("--small", type=int, default=6_000, help="0: leave this part out")


def planned(sizes: tuple[int, ...]) -> str:
    """What planning, scoring by a stub and merging cost, for some numbers of pairs."""
    rows: list[tuple[object, ...]] = []
    score = ("score", "d.jsonl", "--rm", "py:scorer.py:stub", "--shard", "0/1")
    for pairs in sizes:
        with tempfile.TemporaryDirectory() as folder:
            root = project(Path(folder), pairs)
            steps = {
                "plan and score": (*score, "--shard-folder", "shards"),
                "plan (the same again: all shards are there)": (*score, "--shard-folder", "shards"),
                "merge": ("merge", "shards", "-o", "s.jsonl"),
            }
            for step, arguments in steps.items():
                wall, processor, peak = spent(root, *arguments)
                each = f"{1e6 * processor / pairs:.0f}"
                rows.append((pairs, step, wall, processor, each, peak))
            lines = (root / "s.jsonl").read_bytes().count(b"\n")
            if lines != pairs:
                sys.exit(f"{lines} scores of {pairs} pairs")
    return "Each step in a process of its own, the scorer a stub:\n\n" + table(
        ("pairs", "step", "s", "CPU s", "µs of CPU a pair", "peak MB"), rows
    )


def with_two(pairs: int) -> str:
    """What a second worker brings."""
    rows: list[tuple[object, ...]] = []
    for function in ("sleeps", "computes"):
        with tempfile.TemporaryDirectory() as folder:
            root = project(Path(folder), pairs)

            def wall(function: str, workers: int, root: Path = root) -> float:
                return spent(
                    root, "score", "d.jsonl", "-o", "s.jsonl", "--rm", f"py:scorer.py:{function}",
                    "--engine", f"local:{workers}", "--shards", "16",
                    "--rm-cache", f"{function}{workers}",
                )[0]  # fmt: skip

            once = {workers: wall(function, workers) for workers in (1, 2)}
            one, two = (once[workers] - wall("stub", workers) for workers in (1, 2))
            rows.append((f"a scorer that {function}", once[1], once[2], one, two,
                         f"{one / (2 * two):.2f} of linear"))  # fmt: skip
    return (
        f"Two workers against one on {pairs:,} pairs in 16 shards; 'alone' is the time less that "
        "of the same run with the stub, which starts processes, plans and merges:\n\n"
        + table(("scorer", "1 worker, s", "2 workers, s", "alone, 1", "alone, 2", "gain"), rows)
    )


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2:])
    how = options(__doc__, 1, add)
    os.environ["OMP_NUM_THREADS"] = "1"
    pairs, small = (600, 300) if how.quick else (how.given.pairs, how.given.small)
    if pairs:
        publish("Shards: plan and merge", planned((pairs // 10, pairs)), how)
    if small:
        publish("Shards: a second worker", with_two(small), how)


if __name__ == "__main__":
    main()
