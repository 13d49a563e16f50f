"""`rmcheck selftest --mutants` on a small project."""

from __future__ import annotations

import json

import pytest
from plugin.projects import Project, pairs


@pytest.fixture
def gate(project: Project) -> Project:
    """A project whose model reads the length of a response, and nothing else."""
    project.write(
        "model.py",
        "def rewards(texts):\n    return [len(said) / 10 for _, said in texts]\n",
    )
    project.suite("chat", {"check": "win_rate", "min": 0.6}, "no_regression", rows=pairs(40))
    return project


def test_the_command_shows_vice_by_dose(gate: Project) -> None:
    said = gate.cli(
        "selftest", "--mutants", "--rm", "py:model:rewards", "--doses", "2,0.01", "--rm-cache", "c"
    )
    assert said.code == 0
    assert "planted models stopped (py:model:rewards with a vice" in said.out[0]
    table = {line.split()[0]: line for line in said.out if line[:1].isalpha()}
    assert table["vice"].split() == ["vice", "0.01", "SD", "2", "SD"]
    assert "chat::no_regression" in table["noise"]
    assert "merged (no text shows it)" in table["flattery"]
    assert any("domain_reversed: not planted, the suites have one domain only" in one
               for one in said.out)  # fmt: skip
    assert any("15/15" in line for line in said.err)
    # Nothing of a mutant is kept beside the model's own scores.
    kept = gate.cli("selftest", "--mutants", "--rm", "py:model:rewards", "--format", "json")
    found = json.loads("\n".join(kept.out))
    assert found["doses"] == [0.25, 0.5, 1.0, 2.0]
    assert found["planted"] == len(found["mutants"]) == 28
    assert found["stopped"] == sum(not each["merged"] for each in found["mutants"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--mutants", "--doses", "1,0"), "expected doses above 0, got 1,0"),
        (("--mutants", "--doses", "1,1"), "expected each dose once, got 1,1"),
        (("--mutants", "--doses", "1;2"), "expected numbers separated by commas, got 1;2"),
        (("--rm", "scores:a.jsonl"), "--rm needs --mutants"),
        (("--doses", "1"), "--doses needs --mutants"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    gate: Project, arguments: tuple[str, ...], said: str
) -> None:
    answer = gate.cli("selftest", *arguments)
    assert answer.code != 0
    assert said in "".join(answer.err)
