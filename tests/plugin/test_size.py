"""The cost of a run per pair: what is asked once, and what does not grow with the pairs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rmcheck.checks.scale_invariance import PROBED
from rmcheck.data import Dialogue, PreferencePair
from rmcheck.sources.score_file import ScoreFile

from .projects import Project

CHECKS: list[dict[str, Any]] = [
    {"check": "win_rate", "min": 0.01},
    {"check": "score_gap", "min_effect": 0.0, "alpha": 0.99},
    {"check": "calibration", "max_ece": 1.0},
    {"check": "length_bias", "max_gap": 1.0},
    {"check": "scale_invariance", "max_shared": 1.0, "examples": 10},
]


def data(count: int) -> list[dict[str, Any]]:
    """Pairs with a prompt each; every second chosen side is the longer one."""
    return [
        {
            "id": f"p{row}",
            "prompt": f"Why {row}?",
            "chosen": f"So it is{' by far' * (row % 2)}, {row}.",
            "rejected": f"No, not at all, {row}.",
            "tags": ["even"] if row % 2 else ["odd"],
        }
        for row in range(count)
    ]


def scored(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Scores with one wrong pair in four."""
    lines = [
        {
            "id": row["id"],
            "chosen": 1.0 + number * 1e-3,
            "rejected": 3.0 if number % 4 == 0 else 0.0,
        }
        for number, row in enumerate(rows)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], Counter[str]]:
    """How often score files were asked for each pair, and for each text alone."""
    pairs, texts = Counter[str](), Counter[str]()
    of_pairs, find = ScoreFile.of_pairs, ScoreFile._find

    def counted(self: ScoreFile, some: Sequence[PreferencePair]) -> Any:
        pairs.update(f"{self.spec} {pair.id}" for pair in some)
        return of_pairs(self, some)

    def looked(self: ScoreFile, dialogue: Dialogue) -> float | str:
        texts[dialogue.key] += 1
        return find(self, dialogue)

    monkeypatch.setattr(ScoreFile, "of_pairs", counted)
    monkeypatch.setattr(ScoreFile, "_find", looked)
    return pairs, texts


def test_five_checks_ask_the_score_file_for_each_pair_once(
    project: Project, asked: tuple[Counter[str], Counter[str]]
) -> None:
    rows = data(200)
    project.suite("chat", *CHECKS, rows=rows)
    scored(project.root / "now.jsonl", rows)
    project.run("suites", "--rm", "scores:now.jsonl").assert_outcomes(passed=5)
    pairs, texts = asked
    assert pairs == dict.fromkeys((f"scores:now.jsonl p{row}" for row in range(200)), 1)
    # scale_invariance asks twice for a few texts alone, and the file is opened with the first one.
    assert sum(texts.values()) <= 2 * PROBED + 2
    before = len(texts)

    assert project.cli("bless").code == 0
    pairs.clear()
    project.suite("chat", *CHECKS, {"check": "no_regression"}, rows=rows)
    project.run("suites", "--rm", "scores:now.jsonl").assert_outcomes(passed=6)
    assert set(pairs.values()) == {1}
    assert len(pairs) == 400  # the candidate's and the baseline's
    assert len(texts) == before


def test_the_record_of_a_check_does_not_grow_with_the_pairs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rmcheck.checks.evidence.MOST_DOTS", 60)
    sizes = []
    for count in (150, 600):
        rows = data(count)
        project.suite("chat", *CHECKS[:4], rows=rows)
        scored(project.root / "now.jsonl", rows)
        project.run("suites", "--rm", "scores:now.jsonl").assert_outcomes(passed=4)
        sizes.append((project.root / "reports/latest/results.json").stat().st_size)
    # The scatter plots have 60 dots; a number has a digit more here and there.
    assert sizes[1] <= sizes[0] + 3_000
