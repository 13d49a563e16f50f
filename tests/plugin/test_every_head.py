"""From a checkpoint of each kind of head to its report: value heads, and two inputs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import save_file
from sources.test_pairs import saved
from sources.test_value_heads import head, named, policy

from .projects import Project, pairs

READINGS = {
    "value": "template default (default), end tokenizer (default)",
    "pair": "template pair (the spec), end tokenizer (default)",
}
SPECS = {"value": "hf:model", "pair": "hf:model,template=pair"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model with a value head, and an encoder of two inputs; made before pytester."""
    root = tmp_path_factory.mktemp("models")
    policy(root / "value", "llama")
    save_file(named(head(bias=True), "v_head.summary"), root / "value/value_head.safetensors")
    saved(root / "pair", "bert")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("kind", READINGS)
def test_from_the_checkpoint_to_the_report(models: Path, project: Project, kind: str) -> None:
    shutil.copytree(models / kind, project.root / "model")
    project.suite("chat", {"check": "win_rate", "min": 0.0}, "no_regression", rows=pairs(40))
    first = project.run("suites", "--rm", SPECS[kind])
    first.assert_outcomes(passed=1, skipped=1)
    assert project.cli("bless").code == 0
    project.run("suites", "--rm", SPECS[kind]).assert_outcomes(passed=2)
    assert project.checks()["chat::no_regression"]["state"] == "identical"
    reading = READINGS[kind]
    page = (project.root / "reports/latest/index.html").read_text()
    assert reading in page
    assert reading in (project.root / "reports/latest/summary.md").read_text()
    # A baseline of another reading is refused by name.
    other = project.run("suites", "--rm", "hf:model,template=raw,end=tokenizer")
    assert other.ret == 1
    assert "template 'raw'" in project.checks()["chat::no_regression"]["message"]
