"""A gate on a quantised model: its baseline is the original, and the record names both readings."""

from __future__ import annotations

import pytest
from scoring.models import PROMPTS, WORDS, save

from rmcheck.extras import QUANTIZE, missing

from .projects import Project

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing(QUANTIZE)), reason="torchao is not installed"),
]


def rows(count: int) -> list[dict[str, object]]:
    return [
        {
            "id": f"p{number:02d}",
            "prompt": f"{PROMPTS[number % 4]} ({number})",
            "chosen": " ".join(WORDS[number % 7 : number % 7 + 6]),
            "rejected": " ".join(WORDS[number % 5 + 8 : number % 5 + 14]),
        }
        for number in range(count)
    ]


def test_from_loading_to_the_report(project: Project) -> None:
    save(project.root / "big", "gpt2")
    suite = [{"check": "win_rate", "min": 0.01}, {"check": "no_regression", "max_drop": 0.9}]
    project.suite("chat", *suite, rows=rows(40))
    original = ["--rm", "hf:big", "--rm-device", "cpu"]
    project.run(*original)
    assert project.cli("bless").code == 0
    before = project.rows()
    result = project.run("--rm", "hf:big,quantize=int8", "--rm-device", "cpu")
    result.assert_outcomes(passed=2)
    found = project.record()["source"]
    assert (found["quantize"], found["origins"]["quantize"]) == ("int8", "the spec")
    assert found["fingerprint"] != project.record()["baseline"]["fingerprint"]
    printed = "\n".join(result.outlines)
    assert "quantize int8: 8 linear layers (" in printed  # four of each of the two blocks
    assert "left in float32: transformer.wte, transformer.wpe and score" in printed
    assert "quantize int8 (the spec)" in printed
    text = (project.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert "quantize int8 (the spec)" in text
    assert before != project.rows()
    # Two run folders are compared as two sources are: the verdicts are those of the records.
    said = project.cli("compare", "reports/latest", "main")
    assert said.code == 0
    assert "of 40 flip" in said.out[1] or "of 40 pairs flip" in said.out[1]
    assert said.out[2] == "no verdict changes (1 compared)"
