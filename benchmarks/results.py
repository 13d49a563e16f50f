"""What the benchmarks share: timing ways in turn, tables, and their sections of RESULTS.md."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rmcheck.report import table as markdown

KERNELS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
"""What a processor can do that changes which kernels PyTorch takes."""

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True)
class Options:
    """How a benchmark runs: `quick` for a test of a few seconds, whose times mean nothing."""

    quick: bool
    repeats: int
    results: Path | None
    given: argparse.Namespace


def options(
    description: str | None, repeats: int, *more: Callable[[argparse.ArgumentParser], object]
) -> Options:
    """The options of every benchmark, and `more` of this one's own."""
    parser = argparse.ArgumentParser(description=(description or "").strip().splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--repeats", type=int, default=repeats, help="runs of each way, in turn")
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    for add in more:
        add(parser)
    given = parser.parse_args()
    # A quick run measures nothing, so that it writes nothing unless it is asked to.
    results = given.results or (None if given.quick else RESULTS)
    return Options(given.quick, 1 if given.quick else given.repeats, results, given)


def medians(ways: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, float]:
    """The median of what each way returns, run in turn, so that a slow minute hits all."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, run in ways.items():
            found[name].append(run())
    return {name: statistics.median(values) for name, values in found.items()}


def seconds(run: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def pytest_says(folder: Path, *arguments: str, red: bool = False) -> str:
    """What pytest prints in a process of its own; ends the benchmark unless it is green (or `red`).

    A process, because what is measured of it includes the start. Python keeps the bytecode of what
    it imports, as it does by default: else rmcheck would be compiled in each process, and pytest,
    which was when it was installed, would not.
    """
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    if done.returncode not in ((0, 1) if red else (0,)):
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; floats with three digits that count."""
    return markdown.table(head, (map(_cell, row) for row in rows))


def _cell(cell: object) -> str:
    if not isinstance(cell, float):
        return f"{cell:,}" if isinstance(cell, int) else str(cell)
    if cell >= 100:
        return f"{cell:,.0f}"
    return f"{cell:.3g}" if abs(cell) >= 0.001 or cell == 0 else f"{cell:.1e}"


def held(ratio: float, goal: float) -> str:
    """A ratio that should be at least its goal, in words."""
    return f"{ratio:.2f}× (goal {goal:g}×: {'reached' if ratio >= goal else 'missed'})"


def within(value: float, goal: float, unit: str) -> str:
    """A cost that should be at most its goal, in words."""
    return f"{value:.2f} {unit} (goal {goal:g} {unit}: {'reached' if value <= goal else 'missed'})"


def publish(title: str, body: str, how: Options) -> None:
    """Print a section, and put it in the place of the one of that title."""
    text = f"## {title}\n\n    {_command()}\n\n{_machine()}\n\n{body.strip()}\n"
    print(text)
    if how.results is None:
        return
    known = how.results.read_text(encoding="utf-8") if how.results.exists() else "# Results\n"
    section = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.M | re.S)
    if section.search(known):
        known = section.sub(lambda _: text + "\n", known, count=1)
    else:
        known = known.rstrip() + "\n\n" + text
    how.results.write_text(known.rstrip() + "\n", encoding="utf-8")


def _command() -> str:
    """What was typed; a file outside the repository by its name only."""
    root = Path(__file__).resolve().parents[1]
    words = ["python", f"benchmarks/{Path(sys.argv[0]).name}"]
    for word in sys.argv[1:]:
        outside = Path(word).is_absolute() and not Path(word).resolve().is_relative_to(root)
        words.append(Path(word).name if outside else word)
    return shlex.join(words)


def _machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    said = [f"{cores} cores, {_processor()}", f"Python {platform.python_version()}"]
    said += [
        f"{name} {importlib.metadata.version(name)}"
        for name in ("torch", "transformers", "trl", "peft")
    ]
    threads = os.environ.get("OMP_NUM_THREADS")
    said.append(f"OMP_NUM_THREADS={threads}" if threads else "threads as PyTorch chooses")
    return "; ".join(said) + "."


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    known = {key.strip(): value.strip() for key, value in facts.items()}
    flags = [kernel for kernel in KERNELS if kernel in known.get("flags", "").split()]
    return f"{known.get('model name', platform.machine())} ({', '.join(flags) or 'no AVX'})"
