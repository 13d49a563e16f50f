"""Recipes over seeds in a run: from the option to the baseline, the verdict and the record."""

from __future__ import annotations

import json

import pytest

from .projects import Project, pairs, text_of

RECIPE = '''
import zlib
import pytest

class Recipe:
    """Reads the score in a response; a seed adds noise of its own to it."""

    spec = "recipe:made-up"

    def __init__(self, seed={seed}, lost={lost}):
        self.seed, self.lost = seed, lost
        self.fingerprint = f"made-up-{{seed}}-{{lost}}"

    def seeds(self, count):
        return range(self.seed, self.seed + count)

    def with_seed(self, seed):
        return Recipe(seed, self.lost)

    def score(self, dialogues):
        scores = []
        for one in dialogues:
            value = float(one.response.rsplit("[", 1)[1][:-1])
            value = -value if self.lost and "0?" in one.prompt[-2:] else value
            draw = zlib.crc32(f"{{self.seed}}|{{one.prompt}}|{{one.response}}".encode())
            scores.append(value + 6 * (draw / 2**32 - 0.5))
        return scores

@pytest.fixture(scope="session")
def reward_model():
    return Recipe()
'''


def model(project: Project, *, seed: int = 0, lost: bool = False) -> None:
    project.write("conftest.py", RECIPE.format(seed=seed, lost=lost))


@pytest.fixture
def blessed(project: Project) -> Project:
    """Three trainings of a made-up recipe are the baseline."""
    project.ini("rm_seeds = 3")
    model(project)
    project.suite("chat", "no_regression", rows=pairs(200, wrong=range(40)))
    project.run().assert_outcomes(skipped=1)
    assert project.cli("bless").code == 0
    return project


def test_all_trainings_are_blessed_and_found_again(blessed: Project) -> None:
    rows = blessed.rows()
    assert [list(row["seeds"]) for row in rows] == [["0", "1", "2"]] * 200
    assert all(row["seeds"]["0"] == [row["chosen"], row["rejected"]] for row in rows)
    assert any(row["seeds"]["1"] != row["seeds"]["0"] for row in rows)
    result = blessed.run()
    result.assert_outcomes(passed=1)
    check = blessed.checks()["chat::no_regression"]
    assert check["message"] == (
        "no_regression identical: every score of 3 trainings is the same as in main "
        "(n=200, seeds 0, 1, 2)"
    )
    # One training of those that are kept is the same recipe, too: a fast run of unchanged code.
    blessed.run("--rm-seeds", "1")
    assert blessed.checks()["chat::no_regression"]["state"] == "identical"


def test_other_seeds_are_the_same_recipe_and_wrong_labels_are_not(blessed: Project) -> None:
    model(blessed, seed=7)
    blessed.run().assert_outcomes(passed=1)
    check = blessed.checks()["chat::no_regression"]
    assert check["criterion"]["seeds"] == [7, 8, 9]
    assert check["criterion"]["baseline_seeds"] == [0, 1, 2]
    assert check["evidence"]["notes"][0] == (
        "trainings compared: seeds 7, 8, 9; of main: seeds 0, 1, 2"
    )
    model(blessed, seed=7, lost=True)
    blessed.run().assert_outcomes(failed=1)
    check = blessed.checks()["chat::no_regression"]
    assert check["state"] == "regressed"
    assert "mean win rate of 3 trainings fell" in check["message"]
    said = blessed.cli("compare", "reports/latest", "main")
    assert said.code == 1
    assert any("mean win rate of 3 trainings fell" in line for line in said.out)
    page = (blessed.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert "Win rate of each training" in page


@pytest.mark.ci
def test_fewer_trainings_than_the_baseline_are_judged_wider(blessed: Project) -> None:
    model(blessed, seed=7)
    blessed.run("--rm-seeds", "1").assert_outcomes(passed=1)
    check = blessed.checks()["chat::no_regression"]
    assert "mean win rate of 1 training" in check["message"]
    assert any("run with --rm-seeds 3" in note for note in check["evidence"]["notes"])


@pytest.mark.ci
def test_a_check_may_ask_for_its_own_number(blessed: Project) -> None:
    blessed.suite("chat", {"check": "no_regression", "seeds": 2}, rows=pairs(200, wrong=range(40)))
    blessed.run()
    assert "every score of 2 trainings" in blessed.checks()["chat::no_regression"]["message"]


@pytest.mark.ci
def test_a_model_that_is_not_a_recipe_says_that_seeds_have_no_effect(blessed: Project) -> None:
    blessed.model()
    result = blessed.run()
    check = blessed.checks()["chat::no_regression"]
    assert "win rate did not move" in check["message"]
    assert "trainings" not in check["message"]
    assert check["evidence"]["notes"] == [
        "py:read is not a recipe, so it is compared with the first of the 3 trainings of main"
    ]
    assert "seeds: 3 has no effect: py:read is not a recipe" in text_of(result)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0", "--rm-seeds='0': expected a whole number of at least 1"),
        ("21", "--rm-seeds='21': expected a whole number from 1 to 20"),
        ("many", "--rm-seeds='many': expected a whole number of at least 1"),
    ],
)
def test_a_number_of_seeds_that_cannot_be_is_refused(
    project: Project, given: str, said: str
) -> None:
    project.model()
    project.suite("chat", "no_regression", rows=pairs(20))
    result = project.run("--rm-seeds", given)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert said in text_of(result)


def test_records_of_before_are_read_and_written_as_ever(project: Project) -> None:
    project.model()
    project.suite("chat", "no_regression", rows=pairs(40))
    project.run()
    text = (project.root / "reports/latest/scores.jsonl").read_text(encoding="utf-8")
    assert "seeds" not in json.loads(text.splitlines()[0])
