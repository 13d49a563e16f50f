"""`rmcheck sweep`: runs, the choice, the confirmation, the recipe that it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from training import project as small

from rmcheck.data import pair_dialogues
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import FileHashes
from rmcheck.sources.recipe import create
from rmcheck.stats.winrate import wins
from rmcheck.study import sweep as module
from rmcheck.training.folds import fold_numbers
from rmcheck.training.recipe_file import load_recipe
from rmcheck.training.sweep_file import load_sweep
from study.test_cv import said, trained_once

__all__ = ["trained_once"]

Output = pytest.CaptureFixture[str]

SWEEP = """sweep: 1
recipe: recipes/mine.yaml
search: grid
folds: 4
keys:
  training.learning_rate: [1.0e-5, 5.0e-2]
"""


@pytest.mark.ci
def test_the_best_run_is_confirmed_on_prompts_that_did_not_choose_it(
    project: Path, capsys: Output, trained_once: list[str]
) -> None:
    (project / "sweep.yaml").write_text(SWEEP)
    asked = ("sweep", "sweep.yaml", "--format=json")
    code, out, err = said(capsys, *asked, "-o", "out/winner.yaml", "--html", "sweep.html")
    assert code == 0, err
    found = json.loads(out)
    assert len(trained_once) == 3
    runs = {run["run"]: run for run in found["runs"]}
    assert runs[0]["settings"] == {}
    assert runs[2]["settings"] == {"training.learning_rate": 0.05}
    values = [run["win_rate"]["value"] for run in found["runs"]]
    assert values == sorted(values, reverse=True)
    assert found["chosen"]["value"] == values[0]
    # The winner's recipe is that of its run: nothing is trained again, and its win rate on the
    # pairs of fold 2 is the confirmed one.
    options = SourceOptions(root=project, cache=project / ".rmcheck", device="cpu")
    source = create("out/winner.yaml", options)
    assert source.adapter.name == runs[found["winner"]]["adapter"]
    pairs = small.pairs_in(project)
    numbers = fold_numbers(pairs, 4, 0)
    for fold, name in ((1, "chosen"), (2, "confirmed")):
        some = [pair for pair, number in zip(pairs, numbers, strict=True) if number == fold]
        scores = source.score(pair_dialogues(some))
        rate = float(wins(scores[0::2], scores[1::2]).mean())
        assert rate == pytest.approx(found[name]["value"])
    assert found["trained_on"] == int(np.sum(numbers > 2))
    assert len(trained_once) == 3
    page = (project / "sweep.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert all(run["adapter"][:12] in page for run in found["runs"])
    # A longer sweep trains only what is new, and may overwrite what a sweep wrote.
    (project / "sweep.yaml").write_text(SWEEP.replace("1.0e-5, 5.0e-2", "1.0e-5, 5.0e-2, 2.0e-3"))
    code, out, err = said(capsys, "sweep", "sweep.yaml", "-o", "out/winner.yaml")
    assert (code, len(trained_once)) == (0, 4), err
    assert "where it was chosen" in out or "no settings were better" in out
    assert "too few prompts to choose" in out


class Planted:
    """Runs whose pairs are won at random: all settings are equally good, at 0.7."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def __call__(self, judge: Any, source: Any, fold: int) -> Any:
        return (self.rng.random(len(judge.of(fold))) < 0.7) * 1.0


@pytest.mark.ci
def test_the_win_rate_that_chose_is_too_high_and_the_confirmed_one_is_not(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"id": f"p{row}", "prompt": f"Question {row}?", "chosen": "yes", "rejected": "no"}
        for row in range(150)
    ]
    (project / "many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = (project / "recipes/mine.yaml").read_text().replace("pairs.jsonl", "many.jsonl")
    (project / "recipes/many.yaml").write_text(text)
    (project / "many.yaml").write_text(
        "sweep: 1\nrecipe: recipes/many.yaml\nfolds: 3\nruns: 8\n"
        "keys: {training.learning_rate: {low: 1e-5, high: 1e-2, log: true}}\n"
    )
    sweep = load_sweep(project / "many.yaml", project)
    options = SourceOptions(root=project, cache=project / "unused")
    chosen, confirmed = [], []
    for seed in range(12):
        planted = Planted(seed)
        monkeypatch.setattr(module, "train_all", lambda sources, progress: {})
        monkeypatch.setattr(module._Judge, "wins", lambda *given, p=planted: p(*given))
        found = module.run_sweep(sweep, options, project / "unused", lambda run, shares: None)
        assert len(found.runs) == 9
        chosen.append(found.chosen.value)
        confirmed.append(found.confirmed.value)
    # The best of 9 draws of 50 pairs is 1.5 standard errors (0.065) above 0.7 on average; that of
    # the fresh pairs is within 3 standard errors of 0.7 over the 12 sweeps.
    assert np.mean(chosen) > 0.75
    assert abs(np.mean(confirmed) - 0.7) < 3 * 0.065 / np.sqrt(12)


def test_a_failed_run_is_last_and_the_others_count(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    from rmcheck.errors import TrainingError

    def trained(sources: Any, progress: Any) -> dict[int, Exception]:
        why = TrainingError("the loss is nan at step 3; use a lower learning_rate")
        rates = [source.recipe.optimisation.learning_rate for source in sources]
        return {place: why for place, rate in enumerate(rates) if rate == 1e-5}

    def wins_of(judge: Any, source: Any, fold: int) -> Any:
        share = 0.9 if source.recipe.optimisation.learning_rate == 5e-2 else 0.5
        count = len(judge.of(fold))
        return (np.arange(count) < share * count) * 1.0

    monkeypatch.setattr(module, "train_all", trained)
    monkeypatch.setattr(module._Judge, "wins", wins_of)
    (project / "sweep.yaml").write_text(SWEEP)
    code, out, err = said(capsys, "sweep", "sweep.yaml", "-o", "best.yaml", "--html", "failed.html")
    assert code == 0, err
    page = (project / "failed.html").read_text("utf-8")
    assert "Run 1 failed: the loss is nan at step 3" in page
    assert page.count('<svg class="chart') == 1
    table = [line.split() for line in out.splitlines()]
    start = next(row for row, line in enumerate(table) if line[:1] == ["run"])
    assert [line[0] for line in table[start + 1 : start + 4]] == ["2", "0", "1"]
    assert "failed  the loss is nan at step 3" in out
    assert "gained by the settings" in out
    # The file is a recipe of the folder that it is written to.
    best = load_recipe("best.yaml", project)
    assert best.optimisation.learning_rate == 5e-2
    assert best.optimisation.epochs == 2
    assert best.folds is not None
    assert best.folds.without == (1, 2)
    assert yaml.safe_load((project / "best.yaml").read_text())["base"] == "base"
    assert best.fingerprint(FileHashes(project / ".rmcheck"))


def test_mistakes(project: Path, capsys: Output) -> None:
    (project / "sweep.yaml").write_text(SWEEP)
    (project / "notes.yaml").write_text("mine: true\n")
    for arguments, expected in (
        (("none.yaml",), "none.yaml: sweep file not found"),
        (("sweep.yaml", "-o", "notes.yaml"), "already exists and was not written by a sweep"),
        (("sweep.yaml", "-o", "best.json"), "use a name that ends in .yaml"),
    ):
        code, _, err = said(capsys, "sweep", *arguments)
        assert code == 4
        assert expected in err
    (project / "sweep.yaml").write_text(SWEEP.replace("folds: 4", "folds: 99"))
    code, _, err = said(capsys, "sweep", "sweep.yaml")
    assert code == 4
    assert "folds: expected at least 99 prompts for 99 folds, got 40 prompts" in err


@pytest.mark.parametrize("search", ["grid", "random"])
def test_a_base_that_is_not_there_is_told_before_anything_is_trained(
    project: Path, capsys: Output, trained_once: list[str], search: str
) -> None:
    text = SWEEP.replace("grid", search).replace("1.0e-5, 5.0e-2", "7.0e-3")
    (project / "sweep.yaml").write_text(f"{text}  base: [../base, ./bass]\n")
    code, out, err = said(capsys, "sweep", "sweep.yaml")
    assert (code, out, trained_once) == (4, "", [])
    assert "sweep.yaml: keys: base: ./bass: ./bass: folder not found (looked for " in err


def test_data_without_pairs_cannot_choose(project: Path, capsys: Output) -> None:
    rows = [
        {"id": f"s{row}", "prompt": f"Why {row}?", "responses": ["a", "b", "c"], "best": [0]}
        for row in range(9)
    ]
    (project / "sets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = (project / "recipes/mine.yaml").read_text().replace("pairs.jsonl", "sets.jsonl")
    (project / "recipes/sets.yaml").write_text(text + "loss: plackett_luce\n")
    (project / "sweep.yaml").write_text(SWEEP.replace("mine", "sets"))
    for command in (("sweep", "sweep.yaml"), ("cv", "recipes/sets.yaml", "--folds", "3")):
        code, _, err = said(capsys, *command)
        assert code == 4
        assert "expected pairs, by whose win rate models are judged, got 9 response sets and" in err
