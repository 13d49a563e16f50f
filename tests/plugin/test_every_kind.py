"""Every kind of check in one project: the same alone, picked, backwards and on two workers."""

from __future__ import annotations

from typing import Any

import pytest

from rmcheck import checks

from .projects import Project, Row, jsonl, pairs, scores, without_times
from .test_same_verdicts import assert_same

# A recipe's stand-in: it reads the number that a response carries when the prompt asks what the
# response answers, can be retrained with flipped labels, and its head can be scaled.
MODEL = """
import hashlib
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest


@dataclass(frozen=True)
class Reader:
    lost: int
    noise: float = 0.0
    seed: int = 0
    head: float = 1.0
    spec: str = "py:reader"
    scores_new_text: bool = True

    @property
    def fingerprint(self):
        return f"reader-{{self.lost}}-{{self.noise}}-{{self.seed}}-{{self.head}}"

    def with_label_noise(self, rate, seed):
        return replace(self, noise=rate, seed=seed)

    def with_head_scaled(self, factor):
        return replace(self, head=factor)

    def reward(self, prompt, response):
        text = f"{{self.noise}}{{self.seed}}{{prompt}}{{response}}"
        digest = hashlib.sha256(text.encode()).digest()
        chance = int.from_bytes(digest[:4], "big") / 2**32 - 0.5
        asked, answered = (re.search(r"question (\\d+)", text) for text in (prompt, response))
        numbers = re.findall(r"\\[([\\d.]+)\\]", response)
        value = float(numbers[-1]) if numbers else 0.0
        if answered and (answered[1] != asked[1] or int(asked[1]) < self.lost):
            value = -3.0
        return self.head * (value + (1.0 + 4.0 * self.noise) * chance)

    def score(self, dialogues):
        return np.array([self.reward(d.prompt, d.response) for d in dialogues])


@pytest.fixture(scope="session")
def reward_model():
    return Reader({lost})
"""


def rows() -> list[Row]:
    """60 pairs with ratings, every other chosen response the shorter one, and 30 sets."""
    found = pairs(60, wrong=range(3, 60, 12))
    for number, row in enumerate(found):
        row["ratings"] = {"chosen": 5 + number % 4, "rejected": 1 + number % 3}
        if number % 2:
            row["rejected"] = row["rejected"].replace("careless", "careless and far too long " * 3)
    sets = [
        {"id": f"s-{n}", "prompt": f"s: question {n}?", "best": [0, 1],
         "responses": [f"To question {n}. [5.0]", f"Again to question {n}. [5.1]",
                       f"No. [{'9.5' if n % 10 == 3 else '1.0'}]"]}
        for n in range(30)
    ]  # fmt: skip
    return [*found, *sets]


CHECKS: list[dict[str, Any]] = [
    {"check": "win_rate", "min": 0.7},
    {"check": "score_gap"},
    {"check": "label_noise", "seeds": 2},
    {"check": "no_regression"},
    {"check": "null_controls"},
    {"check": "length_bias"},
    {"check": "calibration"},
    {"check": "correlation", "min": 0.0},
    {"check": "agreement", "with_source": "scores:other.jsonl", "min": 0.3},
    {"check": "best_of_n", "min": 0.5},
    {"check": "ties", "min": 0.5},
    {"check": "selection"},
    {"check": "invariance", "transformations": ["doubled_blanks"]},
    {"check": "directional", "min": 0.6, "transformations": ["first_sentence"]},
    {"check": "exploit", "transformations": ["flattery"]},
    {"check": "benchmark", "benchmark": "ppe", "min": 0.5},
]
# In a suite of its own, since it judges its fellows again and again.
SEARCH = {"check": "scale_invariance", "examples": 10}
NAMES = [*(f"chat::{check['check']}" for check in CHECKS), "scale::scale_invariance"]


@pytest.fixture
def gate(project: Project) -> Project:
    """A baseline, and a candidate that has lost the first twelve questions."""
    project.write("conftest.py", MODEL.format(lost=0))
    data = rows()
    project.write("other.jsonl", jsonl(scores(data[:60])))
    project.suite("chat", *CHECKS, rows=data)
    project.suite("scale", SEARCH, rows=data[:40])
    project.run()
    assert project.cli("bless", "--red").code == 0
    project.write("conftest.py", MODEL.format(lost=12))
    return project


def verdicts(project: Project, *arguments: str, way: str = "run") -> dict[str, dict[str, Any]]:
    getattr(project, way)(*arguments)
    return without_times(project.checks())


@pytest.mark.ci
def test_every_kind_says_the_same_in_any_company(gate: Project) -> None:
    whole = verdicts(gate)
    assert list(whole) == NAMES
    ours = {kind for kind in checks.kinds() if checks.find(kind).__module__.startswith("rmcheck.")}  # type: ignore[union-attr]
    # Objectives need a model with several outputs: test_objectives.py, test_trade_off.py; the
    # adversary one that reads changed texts: test_pins.py; order_consistency a judge:
    # checks/test_order_consistency.py.
    elsewhere = {"objectives", "trade_off", "adversary", "order_consistency"}
    assert {check["kind"] for check in whole.values()} == ours - elsewhere
    assert {check["outcome"] for check in whole.values()} == {"pass", "fail"}
    assert whole["chat::no_regression"]["state"] == "regressed"
    assert not any("undecidable" in check["message"] for check in whole.values())

    for name in NAMES:
        suite, _, check = name.partition("::")
        alone = verdicts(gate, f"suites/{suite}.yaml::{check}")
        assert list(alone) == [name]
        assert_same(alone, whole)
    picked = verdicts(gate, "-k", "noise or bias or agreement or ties")
    assert len(picked) == 4
    assert_same(picked, whole)

    model = (gate.root / "conftest.py").read_text(encoding="utf-8")
    backwards = "\n\ndef pytest_collection_modifyitems(items):\n    items.reverse()\n"
    gate.write("conftest.py", model + backwards)
    assert_same(verdicts(gate), whole, adjusted=True)
    gate.write("conftest.py", model)
    parallel = verdicts(gate, "-n", "2", way="subprocess")
    assert list(parallel) == list(whole)
    assert_same(parallel, whole, adjusted=True)
