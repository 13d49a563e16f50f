"""A gate on a policy: from its files to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from plugin.conftest import project
from plugin.projects import Project, text_of
from training.project import pairs

from rmcheck.data import Dialogue

from .readings import KINDS
from .test_dpo import parted, saved

__all__ = ["project"]

CHECKS = ("win_rate", "score_gap", {"check": "scale_invariance", "examples": 20, "max_shared": 1.0})


def taught(root: Path, steps: int = 3) -> None:
    """`root/policy`, trained by DPO (beta 0.1) to prefer the chosen side of `root/pairs.jsonl`."""
    reading = KINDS["chatml"]
    saved(root / "reference", "gpt2", reading, seed=2)
    policy = saved(root / "policy", "gpt2", reading, seed=2)
    rows = [json.loads(line) for line in (root / "pairs.jsonl").read_text().splitlines()]
    optimiser = torch.optim.Adam(policy.parameters(), lr=3e-3)
    before: dict[tuple[int, str], torch.Tensor] = {}
    for step in range(steps):
        for start in range(0, len(rows), 10):
            gaps = []
            for place in range(start, start + 10):
                ratio = {}
                for side in ("chosen", "rejected"):
                    text = Dialogue(rows[place]["prompt"], rows[place][side])
                    ids, first = parted(reading, text)
                    logs = policy(torch.tensor([ids])).logits[0].log_softmax(dim=-1)
                    at = torch.arange(first, len(ids))
                    found = logs[at - 1, torch.tensor(ids)[at]].sum()
                    if step == 0:
                        before.setdefault((place, side), found.detach())
                    ratio[side] = found - before[place, side]
                gaps.append(0.1 * (ratio["chosen"] - ratio["rejected"]))
            optimiser.zero_grad()
            (-torch.nn.functional.logsigmoid(torch.stack(gaps)).mean()).backward()
            optimiser.step()
    policy.save_pretrained(root / "policy")


@pytest.mark.ci
def test_a_suite_is_gated_with_a_policy(project: Project) -> None:
    pairs(project.root, 40)
    taught(project.root)
    project.write("data/chat.jsonl", (project.root / "pairs.jsonl").read_text())
    project.suite("chat", *CHECKS)
    spec = "dpo:policy,reference=reference,beta=0.1"
    result = project.run("--rm", spec, "--rm-device", "cpu", "-rA")
    result.assert_outcomes(passed=3)
    record = project.record()
    source = record["source"]
    assert (source["spec"], source["reference"], source["beta"]) == (spec, "reference", 0.1)
    assert source["origins"]["beta"] == "the spec"
    assert record["suites"][0]["checks"][0]["estimate"]["value"] > 0.9
    reading = "reference reference (the spec), beta 0.1 (the spec)"
    assert reading in text_of(result)
    assert reading in (project.root / "reports/latest/summary.md").read_text()
    assert "no head to rescale" in json.dumps(record)


def test_doctor_shows_over_which_tokens_the_log_ratio_is_summed(project: Project) -> None:
    for seed, name in enumerate(("policy", "reference")):
        saved(project.root / name, "gpt2", KINDS["chatml"], seed)
    ids, start = parted(KINDS["chatml"], Dialogue("What is the capital of France?", "Paris."))
    said = project.cli("doctor", "dpo:policy,reference=reference")
    assert said.code == 0, said.err
    text = "\n".join(said.out)
    assert f"the reward is the log-ratio of the last {len(ids) - start} tokens" in text
    assert "beta 0.1 (default)" in text
    pairs(project.root, 20)
    compared = project.cli("doctor", "dpo:policy,reference=reference", "pairs.jsonl")
    assert compared.code == 0, compared.err
    assert any("template=raw,end=eos" in line for line in compared.out)
