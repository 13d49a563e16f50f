"""`rmcheck cv`: a model for each fold, scores of pairs that their model did not see."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from training import project as small

from rmcheck.cli import main
from rmcheck.data import pair_dialogues
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import RecipeSource, create
from rmcheck.stats.winrate import win_rate, wins
from rmcheck.training.folds import fold_numbers

Output = pytest.CaptureFixture[str]


def said(out: Output, *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = int(ended.code or 0)
    found = out.readouterr()
    return code, found.out, found.err


@pytest.fixture
def trained_once(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The specs of what is trained, in order; loading from the cache is not training."""
    trained: list[str] = []
    train = RecipeSource.train

    def noted(self: RecipeSource) -> Path:
        if not self.adapter.exists():
            trained.append(self.spec)
        return train(self)

    monkeypatch.setattr(RecipeSource, "train", noted)
    return trained


@pytest.mark.ci
def test_every_pair_is_scored_by_a_model_that_did_not_see_it(
    project: Path, capsys: Output, trained_once: list[str]
) -> None:
    code, out, err = said(capsys, "cv", "recipes/mine.yaml", "--folds", "3", "-o", "oof.jsonl")
    assert code == 0, err
    pairs = small.pairs_in(project)
    numbers = fold_numbers(pairs, 3, 0)
    rows = [json.loads(line) for line in (project / "oof.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == [pair.id for pair in pairs]
    assert [row["fold"] for row in rows] == numbers.tolist()
    # A fold is an ordinary recipe: written down, it is the cached adapter and gives the scores.
    text = (project / "recipes/mine.yaml").read_text()
    (project / "recipes/two.yaml").write_text(text + "folds: {of: 3, without: 2}\n")
    cache = project / ".rmcheck"
    source = create("recipes/two.yaml", SourceOptions(root=project, cache=cache, device="cpu"))
    left_out = [pair for pair, number in zip(pairs, numbers, strict=True) if number == 2]
    scores = source.score(pair_dialogues(left_out))
    assert len(trained_once) == 3
    assert "without fold 2 of 3, seed 0" in trained_once[1]
    kept = [(row["chosen"], row["rejected"]) for row in rows if row["fold"] == 2]
    assert np.ravel(kept).tolist() == pytest.approx(scores.tolist(), abs=1e-6)
    # The table: each fold, then all pairs.
    won = wins([row["chosen"] for row in rows], [row["rejected"] for row in rows])
    rate = win_rate(won, [pair.group for pair in pairs]).value
    table = [line.split() for line in out.splitlines()]
    assert [line[0] for line in table[3:7]] == ["1", "2", "3", "all"]
    assert table[6][2] == f"{rate:.3f}"
    assert out.endswith("wrote oof.jsonl\n")
    # Again: nothing is trained, and the result is the same.
    again, as_json, err = said(capsys, "cv", "recipes/mine.yaml", "--folds", "3", "--format=json")
    assert (again, len(trained_once)) == (0, 3)
    found = json.loads(as_json)
    assert found["win_rate"]["value"] == pytest.approx(rate)
    assert found["folds"][1]["adapter"] == source.adapter.name
    sizes = [int(np.sum(numbers != number)) for number in (1, 2, 3)]
    assert [fold["trained_on"] for fold in found["folds"]] == sizes
    assert found["win_rate"]["low"] < found["pooled"]["low"]
    # The label audit of lint reads the file, beside that of other folds.
    other = said(capsys, "cv", "recipes/mine.yaml", "--folds", "2", "-o", "other.jsonl")
    assert other[0] == 0, other[2]
    code, out, err = said(
        capsys, "lint", "pairs.jsonl", "--scores", "oof.jsonl", "other.jsonl", "--format=json"
    )
    assert err == ""
    audit = json.loads(out)["labels"]
    assert [one["pairs"] for one in audit["sources"]] == [40, 40]
    assert audit["sources"][0]["wrong"] == int(np.sum(won == 0))


def test_mistakes(project: Path, capsys: Output) -> None:
    text = (project / "recipes/mine.yaml").read_text()
    (project / "recipes/part.yaml").write_text(text + "folds: {of: 3, without: 2}\n")
    for arguments, expected in (
        (("recipes/part.yaml",), "the recipe has the key 'folds'"),
        (("recipes/mine.yaml", "--folds", "99"), "--folds 99: expected at least 99 prompts"),
        (("recipes/mine.yaml", "--folds", "1"), "expected a whole number from 2 to 1000, got '1'"),
        (("recipes/mine.yaml", "--seed", "-1"), "--seed: expected"),
        (("recipes/mine.yaml", "-o", "pairs.jsonl"), "already exists and is not a score file"),
        (("recipes/none.yaml",), "file not found"),
    ):
        code, _, err = said(capsys, "cv", *arguments)
        assert code == 4
        assert expected in err
        assert len(err.splitlines()) == 1
