"""What `docs/over-time.md` shows: a history of runs, and a log of production."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pages import Example

PAIRS = 1400
NIGHTS = ("2025-11-10T02:00", "2025-11-11T02:00", "2025-11-12T02:00", "2025-11-13T02:00")
"""When the runs before the last one began. Days of real runs would be others each time."""

MOODY = """\
from pathlib import Path


def score(texts):  # [(prompt, response), ...] -> as many numbers
    wrong = int(Path("mood.txt").read_text())
    return [(int(prompt.split()[1]) >= wrong) * (response == "good") for prompt, response in texts]
"""
ROWS, CHANGED = 8000, 5000
"""Rows of the log, and the first one after the change."""


def over_time(example: Example) -> Mapping[str, str]:
    """`docs/over-time.md`."""
    found = {"history": _history(example), "unstable": _unstable(example)}
    return {**found, **_monitored(example)}


def _history(example: Example) -> str:
    """Five nights: the model that was blessed, one that is as good, and three that are worse."""
    rows = [
        {"id": f"q{row:04d}", "prompt": f"question {row} ?", "chosen": "good", "rejected": "bad"}
        for row in range(PAIRS)
    ]
    example.write("data/chat.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    head = "rmcheck: 1\nname: chat\ndata: ../data/chat.jsonl\nchecks:\n"
    example.write("suites/chat.yaml", f"{head}  - check: no_regression\n")
    for night, lost in enumerate((0, 6, 70, 72, 66)):
        wrong = {*range(200 - lost // 6), *range(500, 500 + lost)}
        scores = ({"id": row["id"], "chosen": float(place not in wrong), "rejected": 0.5}
                  for place, row in enumerate(rows))  # fmt: skip
        example.write(f"night-{night}.jsonl", "".join(json.dumps(each) + "\n" for each in scores))
        if night == len(NIGHTS):
            _dated(example)
        said = example.pytest("suites", "--rm", f"scores:night-{night}.jsonl")
        if not night:
            example.rmcheck("bless")
    return "".join(f"{line}\n" for line in said.splitlines() if line.startswith("over time: "))


def _dated(example: Example) -> None:
    history = example.root / "reports/history.jsonl"
    runs = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    dated = ({**run, "started": f"{when}:00+00:00"}
             for run, when in zip(runs, NIGHTS, strict=True))  # fmt: skip
    history.write_text("".join(json.dumps(run) + "\n" for run in dated), encoding="utf-8")


def _unstable(example: Example) -> str:
    """A source whose scores depend on a file that it does not name."""
    shutil.rmtree(example.root / "reports")
    head = "rmcheck: 1\nname: chat\ndata: ../data/chat.jsonl\nchecks:\n"
    example.write("suites/chat.yaml", f"{head}  - {{check: win_rate, min: 0.80}}\n")
    example.write("moody.py", MOODY)
    for number, wrong in enumerate((100, 700)):
        example.write("mood.txt", str(wrong))
        if number:
            history = example.root / "reports/history.jsonl"
            run = json.loads(history.read_text(encoding="utf-8"))
            run["started"] = f"{NIGHTS[2]}:00+00:00"
            history.write_text(json.dumps(run) + "\n", encoding="utf-8")
            shutil.rmtree(example.root / ".rmcheck", ignore_errors=True)
        said = example.pytest("suites", "--rm", "py:moody:score", "--rm-baseline", "none")
    return "".join(f"{line}\n" for line in said.splitlines() if line.startswith("UNSTABLE "))


def _monitored(example: Example) -> Mapping[str, str]:
    example.write("scores.jsonl", "".join(json.dumps(row) + "\n" for row in _log()))
    said = example.rmcheck("monitor", "scores.jsonl", "--prometheus", "rmcheck.prom")
    gauges = (example.root / "rmcheck.prom").read_text(encoding="utf-8").splitlines()
    shown = ('changed{aspect="scores"}', 'evidence_log10{aspect="scores"}',
             'mean{aspect="scores",part="reference"}')  # fmt: skip
    return {
        "monitor": said.replace("wrote rmcheck.prom\n", ""),
        "gauges": "".join(f"{line}\n" for line in gauges if any(each in line for each in shown)),
    }


def _log() -> Iterator[Mapping[str, object]]:
    """A row each 36 seconds; later on scores are higher, and a part of the prompts has new words.

    The longer response is a little better, before and after.
    """
    rng = random.Random(0)
    common = [f"word{number}" for number in range(300)]
    for row in range(ROWS):
        late = row >= CHANGED
        words = [common[int(300 * rng.random() ** 3)] for _ in range(11)]
        words.append(f"name{row}" if rng.random() < 0.9 else "thanks")
        if late and rng.random() < 0.1:
            words[:6] = [f"new{rng.randrange(40)}" for _ in range(6)]
        length = rng.randrange(20, 200)
        yield {
            "prompt": " ".join(words),
            "response": "x" * length,
            "reward": round(rng.gauss(0.3 * late + length / 1000 - 0.11, 1.0), 3),
            "time": 1_700_000_000 + 36 * row,
        }
