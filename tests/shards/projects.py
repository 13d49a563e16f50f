"""Data to score in shards, and a scorer that is the same everywhere."""

from __future__ import annotations

import json
from pathlib import Path

SCORER = """
import hashlib, os, pathlib, time

CALLS = pathlib.Path(__file__).with_name("calls")
SLEEP = float(os.environ.get("SLEEP", "0"))


def rewards(texts):
    CALLS.mkdir(exist_ok=True)
    (CALLS / f"{os.getpid()}-{time.monotonic_ns()}").write_text(str(len(texts)))
    time.sleep(SLEEP * len(texts))
    return [int(hashlib.sha256(f"{p}|{r}".encode()).hexdigest()[:8], 16) / 2**32 for p, r in texts]
"""
SPEC = "py:scorer.py:rewards"


def project(root: Path, pairs: int = 60, sets: int = 5) -> Path:
    """A project in `root`: `d.jsonl` with pairs (three a prompt) and sets, and `scorer.py`."""
    (root / "pytest.ini").write_text("[pytest]\n")
    (root / "scorer.py").write_text(SCORER)
    rows = [
        {"id": f"p{i}", "prompt": f"q{i // 3}", "chosen": f"good {i} ✓", "rejected": f"bad {i}"}
        for i in range(pairs)
    ]
    more = [
        {"id": f"s{i}", "prompt": f"q{i}", "responses": [f"x{i}", f"y{i}", f"z{i}"], "best": [0]}
        for i in range(sets)
    ]
    mixed = [*rows[: pairs // 2], *more, *rows[pairs // 2 :]]
    (root / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in mixed))
    return root


def calls(root: Path) -> list[int]:
    """The number of texts of each call of the scorer so far."""
    folder = root / "calls"
    return [int(path.read_text()) for path in folder.iterdir()] if folder.is_dir() else []
