"""A recipe trained with several seeds, from pytest's option to the baseline: real trainings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .project import made

SUITE = """rmcheck: 1
name: chat
data: ../pairs.jsonl
checks: [{check: no_regression}]
"""


def gate(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "suites", "-q", "-p", "no:cacheprovider", *options]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def record(root: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        (root / "reports/latest/results.json").read_text(encoding="utf-8")
    )
    return found


@pytest.mark.ci
def test_each_seed_is_trained_once_and_kept_in_the_baseline(tmp_path: Path) -> None:
    root = made(tmp_path)
    (root / "suites").mkdir()
    (root / "suites/chat.yaml").write_text(SUITE, encoding="utf-8")
    (root / "pytest.ini").write_text("[pytest]\nrm_source = recipe:tiny.yaml\nrm_seeds = 2\n")
    first = gate(root)
    assert first.returncode in (0, 5), first.stdout + first.stderr
    adapters = {path.name for path in (root / ".rmcheck/adapters").iterdir() if path.is_dir()}
    assert len(adapters) == 2
    trained = record(root)["training"]
    assert isinstance(trained, list)
    assert [one["recipe"] for one in trained] == ["tiny", "tiny (seed 1)"]
    assert {one["fingerprint"] for one in trained} == adapters
    rmcheck = [sys.executable, "-m", "rmcheck", "bless"]
    assert subprocess.run(rmcheck, cwd=root, capture_output=True, check=False).returncode == 0
    # The recipe with the next seed in its file shares that training, and adds one.
    recipe = (root / "tiny.yaml").read_text(encoding="utf-8")
    (root / "tiny.yaml").write_text(f"{recipe}seed: 1\n", encoding="utf-8")
    second = gate(root)
    assert second.returncode == 0, second.stdout + second.stderr
    now = {path.name for path in (root / ".rmcheck/adapters").iterdir() if path.is_dir()}
    assert len(now) == 3
    assert now > adapters
    (suite,) = record(root)["suites"]  # type: ignore[misc]
    (check,) = suite["checks"]
    assert (check["criterion"]["seeds"], check["criterion"]["baseline_seeds"]) == ([1, 2], [0, 1])
    assert "both recipes are the same, except for their seeds" in check["evidence"]["notes"]
