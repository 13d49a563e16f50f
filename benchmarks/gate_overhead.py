"""What rmcheck adds to pytest: a gate whose scores are cached, and collecting a hundred suites.

Each is a process of its own, in turn with pytest on one empty test with rmcheck switched off. Fails
when torch was imported by a gate that had nothing to compute.

    python benchmarks/gate_overhead.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from results import medians, options, publish, pytest_says, seconds, table, within
from workload import SMALL, tokenizer

from rmcheck.shipped import shipped

CHECKS = 10
HEAVY = "torch", "transformers", "datasets"
GATE, COLLECT, EMPTY = "a gate, all scores cached", "--collect-only", "empty pytest run"

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


def main() -> None:
    how = options(__doc__, 7)
    suites = 3 if how.quick else 100
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        project(folder, suites)
        gate = ["gate/suites", "--rm", "hf:model"]
        pytest_says(folder, *gate)
        said = pytest_says(folder, *gate)
        if "heavy: []" not in said or " 0 computed" not in said:
            sys.exit(f"a gate whose scores are cached computed or imported something:\n{said}")
        collected = pytest_says(folder, "many/suites", "--collect-only")
        if f"{suites * CHECKS} tests collected" not in collected:
            sys.exit(f"not all checks were collected:\n{collected[-500:]}")
        spent = medians(
            {
                EMPTY: lambda: seconds(lambda: pytest_says(folder, "empty", "-p", "no:rmcheck")),
                GATE: lambda: seconds(lambda: pytest_says(folder, *gate)),
                COLLECT: lambda: seconds(
                    lambda: pytest_says(folder, "many/suites", "--collect-only")
                ),
            },
            how.repeats,
        )
    rows = [
        (name, spent[name], within(spent[name] - spent[EMPTY], goal, "s") if goal else "")
        for name, goal in ((EMPTY, None), (GATE, 1.5), (COLLECT, 1.0))
    ]
    body = (
        "What rmcheck adds to an empty pytest run with rmcheck switched off: a gate of three "
        "checks on 179 pairs whose scores are all cached (torch, transformers and datasets are "
        f"not imported), and `--collect-only` on {suites} suites of {CHECKS} checks. Median of "
        f"{how.repeats} processes, in turn.\n\n{table(('run', 'seconds', 'more than empty'), rows)}"
    )
    publish("Overhead of a gate", body, how)


if __name__ == "__main__":
    main()
