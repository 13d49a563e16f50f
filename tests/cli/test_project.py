"""Commands work in the project that pytest works in, from whichever of its folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plugin.projects import Project, Row, jsonl, pairs, scores

from rmcheck.cli import models
from rmcheck.engine.book import ScoreBook

MINE = "rm_source = scores:scores.jsonl"


@pytest.fixture
def gate(project: Project) -> Project:
    """A project with a folder `deep`, after a first run that was blessed."""
    rows = pairs(60)
    project.ini()
    project.write("pytest.ini", f"[pytest]\n{MINE}\nrm_report = runs/last\n")
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.suite("chat", "win_rate", "no_regression", rows=rows)
    (project.root / "deep/er").mkdir(parents=True)
    project.run().assert_outcomes(passed=1, skipped=1)
    assert project.cli("bless").code == 0
    return project


def worse(rows: list[Row], count: int) -> list[Row]:
    """The first `count` pairs turned around."""
    turned = [{**r, "chosen": r["rejected"], "rejected": r["chosen"]} for r in rows[:count]]
    return [*turned, *rows[count:]]


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_a_draft_that_is_left_out_counts_nowhere(project: Project) -> None:
    """m = 1 for the gate, the self-test and the comparison of two sources."""
    for name in ("chat", "draft"):
        project.suite(name, "no_regression", rows=pairs(40, name=name))
    rows = [row for name in ("chat", "draft") for row in scores(pairs(40, name=name))]
    project.write("old.jsonl", jsonl(rows))
    project.ini("rmcheck_files = !suites/draft.yaml")
    project.run("--rm", "scores:old.jsonl").assert_outcomes(skipped=1)
    assert project.cli("bless").code == 0
    # Six pairs newly wrong: p = 2 · 2⁻⁶ = 0.031, a regression where m = 1, and none where m = 2.
    project.write("new.jsonl", jsonl(worse(rows, 6)))
    project.run("--rm", "scores:new.jsonl").assert_outcomes(failed=1)
    assert list(project.checks()) == ["chat::no_regression"]
    said = project.cli("compare", "scores:new.jsonl", "scores:old.jsonl")
    assert (said.code, len(said.out)) == (1, 2)
    assert said.out[1].startswith("       6 of 40 pairs flip")
    assert said.out[0] == "chat: " + regressed(project, "scores:old.jsonl").removeprefix(
        "no_regression "
    )
    tried = project.cli("selftest", "--runs", "20", "--format", "json")
    found = json.loads("\n".join(tried.out))
    assert found["comparisons"] == 1
    assert [check["id"] for check in found["checks"]] == ["chat::no_regression"]
    # With the draft back in, all three count it.
    project.ini()
    project.run("--rm", "scores:new.jsonl").assert_outcomes(passed=1, skipped=1)
    said = project.cli("compare", "scores:new.jsonl", "scores:old.jsonl")
    assert (said.code, len(said.out)) == (0, 4)
    assert said.out[3] == "alpha is divided by 2 comparisons: the suites that both have"
    tried = project.cli("selftest", "--runs", "20", "--format", "json")
    assert json.loads("\n".join(tried.out))["comparisons"] == 2


def regressed(project: Project, against: str) -> str:
    message: str = project.checks()["chat::no_regression"]["message"]
    return message.replace("main", against)


def test_from_a_folder_below_nothing_is_written_there(
    gate: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(gate.root)
    monkeypatch.chdir(gate.root / "deep/er")
    said = gate.cli("score", "../../data/chat.jsonl", "-o", "mine.jsonl")
    assert (said.code, said.out[0][:28]) == (0, "wrote 60 rows to mine.jsonl "), said
    said = gate.cli("new", "cooking")
    assert said.out[0] == "created ../../suites/cooking.yaml and ../../data/cooking.jsonl"
    assert said.out[-2:] == [
        "  rmcheck lint ../../suites/cooking.yaml", "  pytest ../../suites/cooking.yaml",
    ]  # fmt: skip
    made = files(gate.root) - before
    assert {path for path in made if "deep" in path} == {"deep/er/mine.jsonl"}
    assert {"suites/cooking.yaml", "data/cooking.jsonl"} <= made


def test_runs_and_baselines_are_the_project_s(
    gate: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(gate.root / "deep")
    said = gate.cli("bless", "again")
    assert said.out[0] == (
        "../runs/last is now the baseline 'again' (../fixtures/baselines/again); commit that folder"
    )
    assert [line.partition(":")[0] for line in gate.cli("bless", "--list").out] == [
        "again (latest)", "main",
    ]  # fmt: skip
    assert gate.cli("report").out == ["../runs/last/index.html", "../runs/last/summary.md"]
    said = gate.cli("compare", "../runs/last", "main")
    assert (said.code, said.out[0][:15]) == (0, "chat: identical")
    # A path that is the root's is none of this folder's.
    assert "'runs/last' is not a run folder" in gate.cli("compare", "runs/last", "main").err[0]
    assert gate.cli("selftest", "--runs", "20").code == 0
    told, _, scores = gate.cli("cache").out[0].partition(": ")
    assert told == "../.rmcheck"
    assert scores.endswith(", 0 scores")  # and what the check concluded


def test_a_source_on_the_command_line_starts_from_here(
    gate: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = gate.rows("runs/last")
    gate.write("deep/mine.jsonl", jsonl(worse(rows, 20)))
    monkeypatch.chdir(gate.root / "deep")
    said = gate.cli("compare", "scores:mine.jsonl", "main")
    assert (said.code, said.out[0][:15]) == (1, "chat: regressed"), said
    said = gate.cli("score", "../data/chat.jsonl", "-o", "o.jsonl", "--rm", "scores:mine.jsonl")
    assert said.out[1] == "chosen scores higher in 40 of 60 pairs (0.667)"
    # What is not here is sought from the root, as pytest does.
    said = gate.cli("score", "../data/chat.jsonl", "-o", "p.jsonl", "--rm", "scores:scores.jsonl")
    assert said.out[1] == "chosen scores higher in 60 of 60 pairs (1.000)"


REFUSED = {
    "rm_sorce = x": "unknown key rm_sorce, did you mean 'rm_source'?",
    "rm_dtype = float23": "rm_dtype='float23': did you mean 'float32'?",
    "rm_seed = -1": "rm_seed='-1': expected a whole number of at least 0",
    "rm_examples = none": "rm_examples='none': expected a whole number of at least 1",
    "rm_cache = scores.jsonl": "rm_cache scores.jsonl is a file; choose a directory",
    "rmcheck_files = ! suites/a.yaml": "rmcheck_files: '!' is not followed by a glob",
}


@pytest.mark.parametrize("line", REFUSED)
@pytest.mark.parametrize("command", ["score", "selftest", "new", "bless"])
def test_a_key_that_pytest_refuses_is_refused_by_commands(
    project: Project, line: str, command: str
) -> None:
    project.write("scores.jsonl", "")
    project.ini(line)
    project.write("data/chat.jsonl", jsonl(pairs(3)))
    more = {"score": ("data/chat.jsonl", "-o", "out.jsonl"), "new": ("cooking",)}
    said = project.cli(command, *more.get(command, ()))
    assert (said.code, said.out, len(said.err)) == (4, [], 1)
    assert REFUSED[line] in said.err[0]
    project.suite("chat", "win_rate")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert any(REFUSED[line] in each for each in result.errlines)


def test_the_device_of_the_ini_file_counts(project: Project) -> None:
    """A model that is to be loaded says which device it did not find."""
    project.write("base/config.json", "{}")
    project.write("data/chat.jsonl", jsonl(pairs(3)))
    for device, told in (("nowhere", "unknown device"), ("hpu", "device not available")):
        project.write("pytest.ini", f"[pytest]\nrm_source = hf:base\nrm_device = {device}\n")
        said = project.cli("try", "Q?", "A.", "B.")
        assert said.code == 4
        assert device in said.err[0]
        assert told in said.err[0]


class Untrained(ScoreBook):
    """Scores without a model."""

    def scores(self, source: Any, dialogues: Any) -> Any:
        return np.arange(len(dialogues), dtype=float)


def test_try_without_a_model_says_that_it_trains_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "ScoreBook", Untrained)
    project.write("pytest.ini", "[pytest]\n")
    said = project.cli("try", "Q?", "A.", "B.")
    assert said.code == 0
    assert said.err == [
        "no --rm and no rm_source: using recipe:tiny, which is trained first and kept in the "
        "cache (about a minute on two CPU cores); name a model with --rm SPEC instead"
    ]
    named = project.cli("try", "Q?", "A.", "B.", "--rm", "recipe:tiny")
    assert named.err == []


def test_help_needs_no_ini_file_that_can_be_read(project: Project) -> None:
    project.write("pytest.ini", "rm_source = x\n")
    assert project.cli("--version").code == 0
    assert project.cli("score", "--help").code == 0
    said = project.cli("list")
    assert (said.code, len(said.err)) == (4, 1)
    assert "pytest.ini: cannot be read (" in said.err[0]
