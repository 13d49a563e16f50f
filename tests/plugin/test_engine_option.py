"""A gate that has an engine score what it lacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .projects import Project, pairs

CODE = """
import os, pathlib


def number(texts):
    (pathlib.Path(__file__).parent / f"pid-{os.getpid()}").touch()
    return [float(response.rsplit("[", 1)[1].rstrip("]")) for _, response in texts]
"""


@pytest.mark.parametrize("engine", ["local:1", pytest.param("local:2", marks=pytest.mark.ci)])
def test_a_gate_has_an_engine_score(project: Project, engine: str) -> None:
    (project.root / "scorer.py").write_text(CODE)
    project.suite("chat", "win_rate", "score_gap", rows=pairs(40))
    spec = ("--rm", "py:scorer.py:number")
    first = project.run("suites", *spec)
    plain = json.loads((project.root / "reports/latest/results.json").read_text())
    spread = project.run("suites", *spec, "--rm-engine", engine, "--rm-cache", "other")
    found = json.loads((project.root / "reports/latest/results.json").read_text())
    assert first.ret == spread.ret
    assert "80 texts, 0 from the cache, 80 computed" in spread.stdout.str()
    for one, other in zip(plain["suites"][0]["checks"], found["suites"][0]["checks"], strict=True):
        assert {**one, "duration_s": 0} == {**other, "duration_s": 0}
    assert not list((project.root / "other" / "shards").iterdir())
    again = project.run("suites", *spec, "--rm-engine", engine, "--rm-cache", "other")
    assert "80 texts, 80 from the cache, 0 computed" in again.stdout.str()


def test_a_wrong_engine_ends_the_run(project: Project) -> None:
    project.suite("chat", "win_rate", rows=pairs(40))
    result = project.run("suites", "--rm-engine", "rya")
    assert result.ret == 4
    assert "--rm-engine: engine 'rya': did you mean 'ray'" in result.stderr.str()


def test_a_source_that_no_worker_can_open_is_scored_here(project: Project) -> None:
    project.model()
    project.suite("chat", "win_rate", rows=pairs(40))
    project.run("suites", "--rm-engine", "local:1").assert_outcomes(passed=1)


def test_the_ini_file_names_an_engine(project: Project) -> None:
    (project.root / "scorer.py").write_text(CODE)
    project.suite("chat", "win_rate", rows=pairs(40))
    ini = Path(project.root / "pytest.ini")
    ini.write_text(ini.read_text() + "rm_engine = local:1\n")
    result = project.run("suites", "--rm", "py:scorer.py:number")
    assert "80 computed" in result.stdout.str()
