"""Runs one after the other: worse than the baseline since when, and verdicts that moved."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from scoring.models import PROMPTS, WORDS, dialogues, save

import rmcheck
from rmcheck.checks.win_rate import WinRate
from rmcheck.verdict import Verdict

from .projects import Project, jsonl, pairs, scores
from .test_baselines import blessed, swapped


def lines_of(project: Project) -> list[dict[str, Any]]:
    text = (project.root / "reports/history.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def told(result: pytest.RunResult, beginning: str) -> list[str]:
    return [line for line in result.outlines if line.startswith(beginning)]


@pytest.mark.ci
def test_worse_since_a_run_is_told_in_terminal_summary_and_report(project: Project) -> None:
    rows = blessed(project)
    project.write("worse.jsonl", jsonl(swapped(rows, range(20, 34))))
    project.write("well.jsonl", jsonl(swapped(rows, range(9, 10))))
    project.run("--rm", "scores:worse.jsonl")
    result = project.run("--rm", "scores:worse.jsonl")
    (line,) = told(result, "over time:")
    # 14 of 60 pairs lost, none won: p = 2^-14; the first checkpoint has half of alpha.
    assert "chat::no_regression: worse than baseline 'main' since the run of " in line
    assert "(−23.3 points then, −23.3 points now); p=0.0001, adjusted" in line
    assert "1 checkpoint (false alarms over all runs: at most 5%)" in line
    latest = project.root / "reports/latest"
    said = "chat::no_regression: worse than baseline"
    assert said in (latest / "summary.md").read_text(encoding="utf-8").replace("\\", "")
    page = (latest / "index.html").read_text(encoding="utf-8")
    assert said in page
    (line,) = told(project.run("--rm", "scores:well.jsonl"), "over time:")
    assert "was worse than baseline 'main'" in line
    assert "is not below it (+1.7 points)" in line
    # A new baseline begins anew.
    assert project.cli("bless", "--red").code == 0
    assert told(project.run("--rm", "scores:well.jsonl"), "over time:") == []


def test_a_verdict_that_depends_on_chance_is_told(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pairs(30, wrong=range(5))
    project.suite("chat", "win_rate", rows=rows)
    project.write("mine.jsonl", jsonl(scores(rows)))
    ask = ["--rm", "scores:mine.jsonl"]
    assert told(project.run(*ask), "UNSTABLE") == []
    judge = WinRate.judge

    def moody(self: WinRate, ctx: Any) -> Verdict:
        return dataclasses.replace(judge(self, ctx), decision="fail", outcome="fail")

    with monkeypatch.context() as patch:
        patch.setattr(WinRate, "judge", moody)
        (line,) = told(project.run(*ask), "UNSTABLE")
    assert line.startswith("UNSTABLE chat::win_rate: pass")
    assert ", fail" in line
    page = (project.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert "UNSTABLE chat::win_rate" in page
    assert "UNSTABLE chat::win" in (project.root / "reports/latest/summary.md").read_text()


def texts(count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"p{number:02d}",
            "prompt": f"{PROMPTS[number % 4]} ({number})",
            "chosen": " ".join(WORDS[number % 7 : number % 7 + 6]),
            "rejected": " ".join(WORDS[number % 5 + 8 : number % 5 + 14]),
        }
        for number in range(count)
    ]


@pytest.mark.slow
def test_no_verdict_changes_in_a_hundred_runs(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model, its scores computed anew each time; one and two threads, workers, both, neither."""
    save(project.root / "model", "gpt2")
    slices = {"check": "win_rate", "name": "low", "min": 0.45}
    search = {"check": "scale_invariance", "examples": 10}
    checks = [
        "win_rate", slices, "score_gap", search, "length_bias", "calibration", "no_regression",
    ]  # fmt: skip
    project.suite("chat", *checks[:4], rows=texts(40))
    project.suite("more", *checks[3:], rows=texts(30))
    ask = ["--rm", "hf:model", "--rm-device", "cpu", "-p", "no:cacheprovider"]
    project.run(*ask)
    assert project.cli("bless", "--red").code == 0
    (project.root / "reports/history.jsonl").unlink()
    import torch

    # What this imports here, no run in this process has to import again.
    rmcheck.source(f"hf:{project.root / 'model'}").score(dialogues(2))
    before = torch.get_num_threads()
    try:
        for number in range(100):
            fresh = ["--rm-cache", str(tmp_path / f"cache{number}")]
            if number % 16 == 15:  # two workers, each a process of its own
                monkeypatch.setenv("OMP_NUM_THREADS", str(1 + number // 16 % 2))
                result = project.pytester.runpytest_subprocess(*ask, *fresh, "-n", "2", timeout=900)
            else:
                torch.set_num_threads(1 + number % 2)
                result = project.run(*ask, *fresh)
            assert told(result, "UNSTABLE") == []
    finally:
        torch.set_num_threads(before)
    runs = lines_of(project)
    assert len(runs) == 100
    verdicts = Counter(
        (name, check["inputs"], check["outcome"], check["state"], check["weak"])
        for run in runs
        for name, check in run["checks"].items()
    )
    assert set(verdicts.values()) == {100}
    assert all(inputs for _, inputs, *_ in verdicts)
    assert len(verdicts) == 8
