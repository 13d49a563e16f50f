"""Gate and lint of 10,000 to 1,000,000 pairs: time, memory, and the size of what a run leaves.

A project of one data file and two score files, each JSON Lines. The gate is `pytest suites` with
five checks on one score file; then the run is blessed, and the gate runs again on the other score
file with `no_regression` as a sixth check. Each is a process of its own.

    python benchmarks/size.py
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from results import options, publish, table, within

SIZES = (10_000, 100_000, 1_000_000)
GATE_SECONDS, GATE_MB = 120.0, 4_000.0
LINT_SECONDS, LINT_MB = 480.0, 4_000.0
PAGE_MB = 10.0

CHECKS = """\
rmcheck: 1
name: many
data: ../data/pairs.jsonl
checks:
  - {check: win_rate, min: 0.6}
  - {check: score_gap}
  - {check: calibration, max_ece: 0.3}
  - {check: length_bias, max_gap: 0.5}
  - {check: scale_invariance, max_shared: 1.0}
"""
COMPARISON = "  - {check: no_regression}\n"
TEXT = (
    "the a of to and in is that it was for on are as with they be at one have this from or had by "
    "word but what some we can out other were all there when up use your how said an each she"
)
WORDS = TEXT.split()


@dataclass(frozen=True)
class Cost:
    """Of a process: seconds on the clock, of CPU, and its peak of memory in MB."""

    wall: float
    cpu: float
    memory: float


def project(folder: Path, count: int) -> None:
    """`count` pairs, two a prompt, with seven tags; scores of a model, and of one much like it."""
    draw = random.Random(0)
    for name in ("data", "suites"):
        (folder / name).mkdir()
    with (
        (folder / "data" / "pairs.jsonl").open("w", encoding="utf-8") as data,
        (folder / "now.jsonl").open("w", encoding="utf-8") as now,
        (folder / "later.jsonl").open("w", encoding="utf-8") as later,
    ):
        prompt = ""
        for row in range(count):
            if row % 2 == 0:
                prompt = f"question {row // 2} {' '.join(draw.choices(WORDS, k=10))}"
            pair = {
                "id": f"p{row}",
                "prompt": prompt,
                "chosen": f"{' '.join(draw.choices(WORDS, k=20))} {row}",
                "rejected": f"{' '.join(draw.choices(WORDS, k=22))} {row}x",
                "tags": [f"t{row % 7}"],
            }
            data.write(json.dumps(pair) + "\n")
            chosen, rejected = draw.gauss(0.8, 1.5), draw.gauss(0, 0.3)
            for file, moved in ((now, 0.0), (later, draw.gauss(0, 0.2))):
                score = {
                    "id": f"p{row}",
                    "chosen": round(chosen + moved, 4),
                    "rejected": round(rejected, 4),
                }
                file.write(json.dumps(score) + "\n")
    (folder / "suites" / "many.yaml").write_text(CHECKS, encoding="utf-8")


def cost(folder: Path, *arguments: str, allowed: Sequence[int] = (0,)) -> Cost:
    """What a process of Python costs; ends the benchmark if its exit code is not allowed."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    output = folder / "output.txt"
    started = time.perf_counter()
    with output.open("wb") as file:
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", *arguments],
            {**env, "PWD": str(folder)},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, file.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, file.fileno(), 2),
            ],
        )
        _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) not in allowed:
        sys.exit(output.read_text(encoding="utf-8", errors="replace")[-3000:])
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)


def gate(*more: str) -> tuple[str, ...]:
    """The arguments of a gate in the current folder."""
    return ("pytest", "-q", "-p", "no:cacheprovider", "suites", *more)


def measured(count: int) -> list[tuple[object, ...]]:
    """A row for the gate, for the gate with a baseline, and for lint."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project(folder, count)
        os.chdir(folder)
        try:
            first = cost(folder, *gate("--rm", "scores:now.jsonl"))
            sizes = _sizes(folder)
            cost(folder, "rmcheck", "bless")
            suite = folder / "suites" / "many.yaml"
            suite.write_text(CHECKS + COMPARISON, encoding="utf-8")
            second = cost(folder, *gate("--rm", "scores:later.jsonl"))
            later = _sizes(folder)
            lint = cost(folder, "rmcheck", "lint", "data/pairs.jsonl", allowed=(0, 1))
        finally:
            os.chdir(Path(__file__).parent)
    return [
        (f"{count:,}", "gate, five checks", *vars(first).values(), *sizes),
        (f"{count:,}", "gate, with a baseline", *vars(second).values(), *later),
        (f"{count:,}", "lint", *vars(lint).values(), "", "", ""),
    ]


def _sizes(folder: Path) -> tuple[float, ...]:
    """Megabytes of the page, of `results.json` and of `scores.jsonl`."""
    run = folder / "reports" / "latest"
    names = ("index.html", "results.json", "scores.jsonl")
    return tuple((run / name).stat().st_size / 1e6 for name in names)


def main() -> None:
    how = options(__doc__, 1, _add_pairs)
    rows: list[tuple[object, ...]] = []
    sizes = (300,) if how.quick else tuple(how.given.pairs)
    for count in sizes:
        rows += measured(count)
        print(*rows[-3:], sep="\n", file=sys.stderr, flush=True)
    gates, against, lint = rows[-3:]
    goals = [
        f"- gate: {within(_number(gates[2]), GATE_SECONDS, 's')}, "
        f"{within(_number(gates[4]), GATE_MB, 'MB')}",
        f"- gate with a baseline: {within(_number(against[2]), GATE_SECONDS, 's')}, "
        f"{within(_number(against[4]), GATE_MB, 'MB')}",
        f"- lint: {within(_number(lint[2]), LINT_SECONDS, 's')}, "
        f"{within(_number(lint[4]), LINT_MB, 'MB')}",
        f"- page: {within(max(_number(gates[5]), _number(against[5])), PAGE_MB, 'MB')}",
    ]
    head = ("pairs", "what", "s", "CPU s", "peak MB", "page MB", "results MB", "scores MB")
    body = (
        "One data file and one score file; two pairs a prompt. Each row is one process.\n\n"
        f"{table(head, rows)}"
    )
    if sizes[-1] == SIZES[-1]:  # the goals are those of a million pairs
        body += f"\n\nOf {sizes[-1]:,} pairs:\n\n" + "\n".join(goals)
    publish("Size", body, how)


def _add_pairs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pairs", type=int, nargs="+", default=list(SIZES), help="sizes, ascending"
    )


def _number(cell: object) -> float:
    assert isinstance(cell, float)
    return cell


if __name__ == "__main__":
    main()
