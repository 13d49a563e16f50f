"""The gate on a real, if tiny, model: trained once, cached, compared, tried."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rmcheck.shipped import shipped

from .projects import Project, text_of, without_times
from .test_quiet import LISTS_MODULES, QUIET, TORCH, modules

pytestmark = pytest.mark.slow


def rmcheck(project: Project, *arguments: str) -> list[str]:
    """Run a command as a user does; its lines."""
    script = Path(sys.executable).with_name("rmcheck")
    said = subprocess.run(
        [script, *arguments], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    return said.stdout.splitlines()


@pytest.fixture
def gate(project: Project) -> Project:
    """A recipe that trains five steps, and a suite of every kind that one run can decide."""
    recipe = {
        "recipe": 1,
        "base": str(shipped("models", "tiny-gpt2")),
        "data": str(shipped("preferences", "train", "conversation.jsonl")),
        "limit": 40,
        "max_length": 64,
        "training": {"batch_size": 8, "learning_rate": 1e-3},
    }
    project.write("mine.yaml", yaml.safe_dump(recipe))
    lines = shipped("preferences", "conversation.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines[:30]]
    win_rate = {"check": "win_rate", "min": 0.0}
    noise = {"check": "label_noise", "rates": [0.2], "seeds": 1, "max_drop": 1.0}
    scale = {"check": "scale_invariance", "examples": 20, "max_shared": 1.0}
    gap = {"check": "score_gap", "gate": "advisory"}
    project.suite("chat", win_rate, gap, scale, noise, "no_regression", rows=rows)
    project.write("listing.py", LISTS_MODULES)
    return project


def test_a_recipes_whole_life(gate: Project) -> None:
    run = ("--rm", "recipe:mine.yaml", *QUIET)
    first = gate.subprocess(*run)
    assert first.ret == 0, text_of(first)
    record = gate.record()
    # floor(40 / 8) steps, once with the labels as they are and once with a fifth of them flipped.
    assert [entry["steps"] for entry in record["training"]] == [5, 5]
    assert len(list((gate.root / ".rmcheck/adapters").glob("*/rmcheck.json"))) == 2
    assert record["environment"]["torch"]
    assert record["scoring"]["cached"] == 0
    # 60 texts of the pairs by two models; 15 more on their own, and by three rescaled heads.
    assert record["scoring"]["computed"] == 2 * 60 + 4 * 15
    decided = without_times(gate.checks())

    assert rmcheck(gate, "bless")[0].startswith("reports/latest is now the baseline 'main'")
    second = gate.subprocess(*run)
    assert second.ret == 0, text_of(second)
    again = without_times(gate.checks())
    assert again["chat::no_regression"]["state"] == "identical"
    for name, check in decided.items():
        if name != "chat::no_regression":
            assert again[name] == check, name
    assert gate.record()["scoring"]["computed"] == 0
    assert not modules(gate) & TORCH

    scores = {row["id"]: row["chosen"] for row in gate.rows()}
    data = [json.loads(line) for line in (gate.root / "data/chat.jsonl").open()]
    rows = sorted(data, key=lambda row: scores[row["id"]])
    said = rmcheck(gate, "train", "mine.yaml")
    assert said[0].startswith("recipe:mine.yaml: 40 pairs, 5 steps")
    assert said[-1].split()[0] == "5"
    low, high = rows[0], rows[-1]
    lines = rmcheck(
        gate, "try", high["prompt"], low["chosen"], high["chosen"], "--rm", "recipe:mine.yaml"
    )
    rewards = [float(re.split(r"\s+", line.strip())[1]) for line in lines[1:]]
    assert rewards == sorted(rewards, reverse=True)
    assert round(scores[high["id"]], 4) in rewards
