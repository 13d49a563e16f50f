"""A sweep that stops trainings: decisions by hand, killed sweeps, the weights of what goes on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training import project as small

from rmcheck.data import pair_dialogues
from rmcheck.errors import ProblemsFound, TrainingError
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import RecipeSource, create
from rmcheck.stats.winrate import wins
from rmcheck.study import sweep as module
from rmcheck.study.pruning import Pruner
from rmcheck.study.sweep import SweepResult, run_sweep
from rmcheck.training.checkpoint import folder_of
from rmcheck.training.sweep_file import Prune, load_sweep
from rmcheck.training.watch import Stopped
from study.test_cv import said

Output = pytest.CaptureFixture[str]

SWEEP = """sweep: 1
recipe: recipes/mine.yaml
search: SEARCH
folds: 4
prune: {kind: asha, reduction: 3, first: 0.2}
keys:
  training.learning_rate: [1.0e-5, 2.0e-5, 3.0e-5, 4.0e-5, 5.0e-5, 6.0e-5, 7.0e-5, 8.0e-5]
"""
# Two rungs, at 0.2 and 0.6 of a training. The win rates of runs 0 to 8 there, and at the end:
PLANTED = [
    (0.50, 0.52, 0.60),
    (0.60, 0.55, 0.55),
    (0.55, 0.90, 0.90),  # n 3 at rung 0: one goes on, and 0.60 is better
    (0.70, 0.50, 0.99),  # best at rung 0; n 3 at rung 1: one goes on, and 0.55 is better
    (0.65, 0.90, 0.90),  # n 5: one goes on
    (0.65, 0.60, 0.75),  # n 6: two go on, 0.70 is better; n 4 at rung 1: the best
    (0.40, 0.90, 0.90),  # n 7
    (0.71, 0.58, 0.95),  # n 8: two go on, the best; n 5 at rung 1: one goes on, 0.60 is better
    (0.80, 0.70, 0.70),  # n 9: the best; n 6 at rung 1: the best of two
]
BY_HAND = {2: 0, 3: 1, 4: 0, 6: 0, 7: 1}


class Kill(BaseException):
    """The process is killed."""


class Trainings:
    """Trainings of 100 steps with planted win rates; counts their steps."""

    def __init__(self, folder: Path, killed_at: int | None = None) -> None:
        self.folder, self.steps, self.killed_at = folder, 0, killed_at

    def number(self, source: RecipeSource) -> int:
        rate = source.recipe.optimisation.learning_rate
        return 0 if rate == 1e-2 else round(rate / 1e-5)

    def file(self, source: RecipeSource) -> Path:
        return self.folder / source.adapter.name

    def train(self, source: RecipeSource, watch: Any) -> None:
        planted = PLANTED[self.number(source)]
        rungs = watch.steps(100)
        assert list(rungs) == [20, 60]
        for step in range(1, 101):
            self.steps += 1
            if self.steps == self.killed_at:
                raise Kill
            if step in rungs:
                share = planted[rungs[step][0]]
                won = np.arange(1000) < round(share * 1000)
                rewards = np.stack([np.where(won, 1.0, -1.0), np.zeros(1000)], axis=1)
                watch.saw(step, 100, rewards.reshape(-1))
        self.file(source).touch()


@pytest.fixture
def planted(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a sweep with planted trainings; `killed_at`: after so many steps of all of them."""

    def run(search: str = "grid", killed_at: int | None = None) -> tuple[SweepResult, int]:
        trainings = Trainings(tmp_path, killed_at)
        monkeypatch.setattr(
            RecipeSource, "train", lambda source, watch: trainings.train(source, watch)
        )
        monkeypatch.setattr(
            RecipeSource, "is_trained", property(lambda source: trainings.file(source).exists())
        )

        def wins_of(judge: Any, source: RecipeSource, fold: int) -> Any:
            count = len(judge.of(fold))
            return (np.arange(count) < PLANTED[trainings.number(source)][2] * count) * 1.0

        monkeypatch.setattr(module._Judge, "wins", wins_of)
        runs = "" if search == "grid" else "runs: 8\n"
        (project / "prune.yaml").write_text(SWEEP.replace("SEARCH", search) + runs)
        options = SourceOptions(root=project, cache=tmp_path)
        sweep = load_sweep(project / "prune.yaml", project)
        found = run_sweep(sweep, options, tmp_path, lambda run, shares: None)
        return found, trainings.steps

    return run


def of_rates(found: SweepResult) -> dict[int, int]:
    """The rungs of stopped runs, by the number of their planted values."""
    return {
        round(run.settings["training.learning_rate"] / 1e-5): run.stopped
        for run in found.runs
        if run.stopped is not None
    }


def test_who_is_stopped_at_which_rung(planted: Any) -> None:
    found, steps = planted()
    assert found.shares == (0.2, 0.6)
    assert of_rates(found) == BY_HAND
    # Run 7 had the best win rate at the end, 0.95, run 3 0.99: stopped runs are not chosen.
    assert found.winner.number == 5
    assert [run.number for run in found.runs] == [5, 8, 0, 1, 7, 3, 4, 2, 6]
    # Four whole trainings, two of 0.6 and three of 0.2.
    assert steps == 4 * 100 + 2 * 60 + 3 * 20
    assert found.saved == pytest.approx(1 - steps / 900)


@pytest.mark.parametrize("killed_at", [1, 21, 130, 399, 579])
def test_a_killed_sweep_goes_on_to_the_same_result(planted: Any, killed_at: int) -> None:
    with pytest.raises(Kill):
        planted(killed_at=killed_at)
    found, steps = planted()
    assert of_rates(found) == BY_HAND
    assert found.winner.number == 5
    assert found.saved == pytest.approx(1 - 580 / 900)
    # Only the run that was killed is trained again (its checkpoint is that of the trainer).
    assert 580 - killed_at < steps <= 580 - killed_at + 100
    again, steps = planted()
    assert (again, steps) == (found, 0)


@pytest.mark.parametrize("search", ["random", "tpe"])
def test_other_searches_stop_too_and_repeat_themselves(planted: Any, search: str) -> None:
    if search == "tpe":
        pytest.importorskip("optuna")
    found, steps = planted(search)
    assert of_rates(found)
    assert found.winner.stopped is None
    assert steps < 900
    again, steps = planted(search)
    assert (again, steps) == (found, 0)


def test_tpe_learns_from_stopped_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    from rmcheck.study.search import Tpe

    search = Tpe({"size": [1, 2, 3]}, 3, 0)
    search.ask()
    search.tell(None, [0.4, 0.5])
    search.ask()
    search.tell(0.7)
    first, second = search._study.trials
    assert first.state.name == "PRUNED"
    assert first.intermediate_values == {0: 0.4, 1: 0.5}
    assert second.value == 0.7


def test_the_loss_is_that_of_the_labels(tmp_path: Path) -> None:
    pruner = Pruner(Prune(kind="asha", by="log_loss"), [], tmp_path)
    # Margins 2 and -1: log(1 + e^-2) and log(1 + e^1).
    expected = (np.log(1 + np.exp(-2)) + np.log(1 + np.e)) / 2
    assert pruner.value(np.array([3.0, 1.0, 0.0, 1.0])) == pytest.approx(-expected)


@pytest.mark.ci
def test_measuring_does_not_change_a_training_and_measures_the_model_of_that_step(
    project: Path, tmp_path: Path
) -> None:
    pairs = small.pairs_in(project)[:8]
    options = SourceOptions(root=project, cache=tmp_path / "plain", device="cpu")
    plain = create("recipes/mine.yaml", options)
    # A constant rate: the first half of the steps is a training of half as many epochs.
    how = dataclasses.replace(
        plain.recipe.optimisation, schedule="constant_with_warmup", warmup=0.0, epochs=2.0
    )

    def source(cache: str, epochs: float) -> RecipeSource:
        own = dataclasses.replace(options, cache=tmp_path / cache)
        changed = dataclasses.replace(how, epochs=epochs)
        recipe = dataclasses.replace(plain.recipe, optimisation=changed)
        return RecipeSource("recipe:r", recipe, own)

    dialogues = pair_dialogues(pairs)
    half = source("half", 1.0).score(dialogues)
    prune = Prune(kind="asha", reduction=2, first=0.5)
    pruner = Pruner(prune, pairs, tmp_path / "watched")
    watched = source("watched", 2.0)
    reached = pruner.train(watched, whole=True)
    assert reached.stopped is None
    assert reached.values == {0: float(wins(half[0::2], half[1::2]).mean())}
    assert watched.score(dialogues).tolist() == source("plain", 2.0).score(dialogues).tolist()
    # One that is stopped leaves neither weights nor a checkpoint, but what it had.
    stopping = Pruner(prune, pairs, tmp_path / "stopped")
    stopping.table.note({0: 2.0})
    stopped = source("stopped", 2.0)
    assert stopping.train(stopped, whole=False).stopped == 0
    assert not stopped.is_trained
    assert not folder_of(stopped.adapter).exists()
    left = [path.suffix for path in (tmp_path / "stopped" / "adapters").iterdir()]
    assert ".rungs" in left
    assert not {".tmp", ".resume"} & set(left)


@pytest.mark.ci
def test_the_command_says_what_was_stopped(project: Path, capsys: Output) -> None:
    (project / "pruned.yaml").write_text(
        "sweep: 1\nrecipe: recipes/mine.yaml\nsearch: grid\nfolds: 4\nseed: 3\n"
        "prune: {kind: asha, reduction: 2, first: 0.25, by: log_loss}\n"
        "keys: {training.learning_rate: [1.0e-6, 2.0e-6, 5.0e-2, 3.0e-6]}\n"
    )
    code, out, err = said(capsys, "sweep", "pruned.yaml", "--html", "pruned.html")
    assert code == 0, err
    code, text, _ = said(capsys, "sweep", "pruned.yaml", "--format", "json")
    found = json.loads(text)
    assert code == 0
    stopped = {run["run"]: run["stopped_at"] for run in found["runs"] if run["stopped_at"]}
    assert stopped
    assert found["rungs"] == [0.25, 0.5]
    made = [stopped.get(number, 1.0) for number in range(5)]
    assert found["saved"] == pytest.approx(1 - np.mean(made))
    assert f"{len(stopped)} of 5 runs stopped early; {found['saved']:.0%} of the" in out
    page = (project / "pruned.html").read_text("utf-8")
    for number, share in stopped.items():
        assert f"stopped at {share:.0%}" in page
        assert f"run {number}: " in err
    assert found["runs"][0]["stopped_at"] is None
    assert found["runs"][0]["win_rate"] is not None


def test_a_run_that_fails_is_told_and_the_others_go_on(
    planted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted_train = Trainings.train

    def train(self: Trainings, source: RecipeSource, watch: Any) -> None:
        if self.number(source) == 2:
            raise TrainingError("the loss is nan")
        planted_train(self, source, watch)

    monkeypatch.setattr(Trainings, "train", train)
    found, _ = planted()
    assert found.runs[-1].failed == "the loss is nan"
    assert found.winner.estimate is not None


def test_mistakes(project: Path) -> None:
    for wrong, expected in (
        ("reduction: 1", "reduction"),
        ("first: 1.5", "first"),
        ("by: accuracy", "by"),
        ("kind: hyperband", "kind"),
    ):
        text = SWEEP.replace("SEARCH", "grid")
        key = wrong.partition(":")[0]
        values = {"kind": "kind: asha", "reduction": "reduction: 3", "first": "first: 0.2"}
        old = values.get(key)
        changed = text.replace(old, wrong) if old else text.replace("0.2}", f"0.2, {wrong}}}")
        (project / "wrong.yaml").write_text(changed)
        with pytest.raises(ProblemsFound) as caught:
            load_sweep(project / "wrong.yaml", project)
        assert any(
            str(each).startswith("wrong.yaml:5:") and expected in str(each)
            for each in caught.value.problems
        )


def test_stopping_is_not_an_error() -> None:
    assert not issubclass(Stopped, TrainingError)
