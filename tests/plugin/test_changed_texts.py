"""Checks on changed texts in a gate: what they find is shown again by the command they print."""

from __future__ import annotations

import shlex

import pytest

from .projects import Project

MODEL = """
import hashlib


def rewards(texts):
    found = []
    for prompt, response in texts:
        chance = hashlib.sha256(f"{prompt}{response}".encode()).digest()[0] / 256
        found.append(2 * ("right" in response) + chance - 3 * ("  " in response))
    return found
"""


@pytest.mark.ci
def test_each_counterexample_is_repeated_by_its_command(project: Project) -> None:
    rows = [
        {
            "id": f"p{i}",
            "prompt": f"Question {i}?",
            "chosen": f"The right answer is {i}. It took a while.",
            "rejected": f"A poor answer, {i}. It took a while.",
            "variants": [
                {"name": "reworded", "promise": "preserves", "chosen": f"As I say, {i}  it is."}
            ],
        }
        for i in range(24)
    ]
    project.write("model.py", MODEL)
    changes = ["doubled_blanks", "variants"]
    project.suite(
        "chat",
        {"check": "invariance", "transformations": changes},
        {"check": "directional", "min": 0.9, "transformations": ["other_answer"]},
        rows=rows,
    )
    assert project.run("--rm", "py:model:rewards").ret == 1
    found = [
        each for check in project.checks().values() for each in check["evidence"]["counterexamples"]
    ]
    assert {each["title"].partition(":")[0] for each in found} == {
        "doubled_blanks", "reworded", "other_answer",
    }  # fmt: skip
    for each in found:
        program, *words = shlex.split(each["repeat"])
        assert program == "rmcheck"
        said = project.cli(*words)
        assert said.code == 0
        assert said.out[said.out.index("response before:") + 1] == f"  | {each['before']}"
        assert said.out[said.out.index("response after:") + 1] == f"  | {each['after']}"
        score = f"{each['after_score']:.4f}".replace("-", "−")
        assert any(f"{score} after" in line for line in said.out)
