"""What rmcheck adds to pytest: a gate whose scores are cached, and collecting a hundred suites.

Each is a process of its own, in turn with pytest on one empty test with rmcheck switched off. Fails
when a gate that had nothing to compute imported torch. The gate of all shipped suites needs the
scores of the shipped recipe: they come from the cache of this checkout, and what is not there is
trained and scored first, which takes minutes.

    python benchmarks/gate_overhead.py [--cache FOLDER]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from results import options, publish, pytest_says, table, within
from workload import SMALL, tokenizer

from rmcheck.shipped import shipped

CHECKS = 10
HEAVY = "torch", "transformers", "datasets"
GATE, COLLECT, EMPTY = "a gate, all scores cached", "--collect-only", "empty pytest run"
SHIPPED = "all shipped suites, all scores cached"
ROOT = Path(__file__).resolve().parents[1]
KEPT = shutil.ignore_patterns("__pycache__", "latest")

CONFTEST = f"""
import sys

def pytest_unconfigure():
    print("heavy:", [name for name in {HEAVY!r} if name in sys.modules])
"""

GATED = """rmcheck: 1
name: conversation
data: conversation.jsonl
checks:
  - check: win_rate
    min: 0.01
  - check: win_rate
    name: win_rate_again
    min: 0.02
  - check: scale_invariance
"""


def suite(number: int) -> str:
    """A suite of ten checks."""
    lines = ["rmcheck: 1", f"name: suite{number}", "data: conversation.jsonl", "checks:"]
    for check in range(CHECKS):
        lines += ["  - check: win_rate", f"    name: win_rate_{check}", f"    min: 0.{check}"]
    return "\n".join(lines) + "\n"


def project(folder: Path, suites: int) -> None:
    """A gate on a small model, a folder of many suites, and an empty test."""
    known = tokenizer(None)
    SMALL.model(fused=False, pad=known.pad_token_id).save_pretrained(folder / "model")
    known.save_pretrained(folder / "model")
    data = (shipped("preferences") / "conversation.jsonl").read_text(encoding="utf-8")
    gate, many, empty = (folder / name for name in ("gate/suites", "many/suites", "empty"))
    for made in (gate, many):
        made.mkdir(parents=True)
        (made / "conversation.jsonl").write_text(data, encoding="utf-8")
    empty.mkdir()
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (gate / "conversation.yaml").write_text(GATED, encoding="utf-8")
    for number in range(suites):
        (many / f"suite{number}.yaml").write_text(suite(number), encoding="utf-8")
    (empty / "test_empty.py").write_text("def test_empty():\n    pass\n", encoding="utf-8")


def shipped_project(folder: Path, cache: Path) -> None:
    """The shipped suites with their data, baseline and scores, as `pytest suites/` finds them."""
    for name in ("suites", "fixtures"):
        shutil.copytree(ROOT / name, folder / name, ignore=KEPT)
    if cache.is_dir():
        shutil.copytree(cache, folder / ".rmcheck")
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")


def cached(folder: Path, *gate: str) -> None:
    """Run a gate twice; end the benchmark unless the second run found every score it needs."""
    pytest_says(folder, *gate, red=True)
    said = pytest_says(folder, *gate, red=True)
    if "heavy: []" not in said or " 0 computed" not in said:
        sys.exit(f"a gate whose scores are cached computed or imported something:\n{said}")


def spent(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and seconds of processor time of the processes that `run` started."""
    before = os.times()
    run()
    after = os.times()
    user, system = after.children_user, after.children_system
    return after.elapsed - before.elapsed, (
        user + system - before.children_user - before.children_system
    )


def from_cache(parser: argparse.ArgumentParser) -> None:
    """The option that names the cache."""
    parser.add_argument(
        "--cache", type=Path, default=ROOT / ".rmcheck", help="cache of a gate of this checkout"
    )


def main() -> None:
    how = options(__doc__, 7, from_cache)
    suites = 3 if how.quick else 100
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project(folder, suites)
        gate = ["gate/suites", "--rm", "hf:model"]
        cached(folder, *gate)
        collected = pytest_says(folder, "many/suites", "--collect-only")
        if f"{suites * CHECKS} tests collected" not in collected:
            sys.exit(f"not all checks were collected:\n{collected[-500:]}")
        ways = {
            EMPTY: lambda: pytest_says(folder, "empty", "-p", "no:rmcheck"),
            GATE: lambda: pytest_says(folder, *gate),
            COLLECT: lambda: pytest_says(folder, "many/suites", "--collect-only"),
        }
        if not how.quick:  # needs a trained model
            whole = folder / "shipped"
            whole.mkdir()
            shipped_project(whole, how.given.cache)
            cached(whole, "suites")
            ways[SHIPPED] = lambda: pytest_says(whole, "suites", red=True)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(how.repeats):
            for name, run in ways.items():
                found[name].append(spent(run))
    publish("Overhead of a gate", body(found, how.repeats, suites), how)


def body(found: dict[str, list[tuple[float, float]]], repeats: int, suites: int) -> str:
    """The section: medians and least values of each way, by the clock and of processor time."""
    goals = {GATE: 1.5, SHIPPED: 1.5, COLLECT: 1.0}
    clock = {name: statistics.median(each[0] for each in runs) for name, runs in found.items()}
    least = {name: min(each[1] for each in runs) for name, runs in found.items()}
    rows = [
        (
            name,
            clock[name],
            within(clock[name] - clock[EMPTY], goals[name], "s") if name in goals else "",
            least[name],
            f"{least[name] - least[EMPTY]:.2f} s" if name in goals else "",
        )
        for name in found
    ]
    head = ("run", "seconds", "more than empty", "processor time", "more than empty")
    return (
        "What rmcheck adds to an empty pytest run with rmcheck switched off: a gate of three "
        "checks on 179 pairs, the gate of all shipped suites, and `--collect-only` on "
        f"{suites} suites of {CHECKS} checks. Both gates find all scores in the cache; torch, "
        "transformers and datasets are not imported. Seconds by the clock are the median of "
        f"{repeats} processes, run in turn; processor time is the least of them, which other work "
        f"on the machine disturbs least.\n\n{table(head, rows)}"
    )


if __name__ == "__main__":
    main()
