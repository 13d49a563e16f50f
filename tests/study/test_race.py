"""Trainings side by side with pruning: the decisions of one after another, whoever is first."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from scoring.test_scorer import Bar
from training import project as small

from rmcheck.errors import TrainingError
from rmcheck.progress import NoProgress
from rmcheck.study import race as module
from rmcheck.study.pruning import Pruner, Reached
from rmcheck.study.race import Race
from rmcheck.training import side_by_side
from rmcheck.training.sweep_file import Prune
from study.planted_jobs import Planted
from study.test_cv import said
from study.test_pruning import BY_HAND, PLANTED

Output = pytest.CaptureFixture[str]
REACHED = [20, 60, 100]
"""Steps of a training that is stopped at the first rung, at the second, or not."""


@dataclass
class Source:
    """What a race needs of the source of a recipe."""

    job: Planted
    forgotten: int = 0
    noted: int = 0

    @property
    def spec(self) -> str:
        return self.job.spec

    @property
    def adapter(self) -> Path:
        return self.job.folder / "adapters" / self.job.key

    @property
    def is_trained(self) -> bool:
        return (self.job.folder / f"{self.job.key}.trained").exists()

    def training_job(self) -> Planted | None:
        return None if self.is_trained else self.job

    def forget_checkpoints(self) -> None:
        self.forgotten += 1

    def note_training(self) -> None:
        self.noted += 1


def steps_of(folder: Path, number: int) -> int:
    """The steps that a training made."""
    path = folder / f"run{number}.steps"
    return len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0


def raced(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    count: int = 3,
    bar: Any = None,
    **changes: Any,
) -> list[Reached | TrainingError]:
    """The planted trainings, `count` at once; `run2`: what is changed of that one."""
    monkeypatch.setattr(module, "places", lambda jobs: count)
    pruner = Pruner(Prune(kind="asha", reduction=3, first=0.2), [], folder)
    sources: list[Any] = []
    for number, rates in enumerate(PLANTED):
        given = {"rates": rates[:2], **changes.get(f"run{number}", {})}
        sources.append(Source(Planted(f"run{number}", folder, **given)))
    found = Race(pruner, sources, [number == 0 for number in range(len(PLANTED))])
    return found.run(bar or NoProgress())


def stopped(found: list[Reached | TrainingError]) -> dict[int, int]:
    """The rung at which each was stopped."""
    return {
        number: each.stopped
        for number, each in enumerate(found)
        if isinstance(each, Reached) and each.stopped is not None
    }


@pytest.mark.parametrize("first", ["the first", pytest.param("the last", marks=pytest.mark.ci)])
def test_who_is_stopped_is_the_same_however_fast_each_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    slow = range(9) if first == "the last" else range(8, -1, -1)
    pauses: Any = {f"run{number}": {"pause": 0.002 * place} for place, number in enumerate(slow)}
    bar = Bar()
    found = raced(tmp_path, monkeypatch, bar=bar, **pauses)
    assert stopped(found) == BY_HAND
    made = [steps_of(tmp_path, number) for number in range(9)]
    assert made == [REACHED[BY_HAND.get(number, 2)] for number in range(9)]
    values = [each.values for each in found if isinstance(each, Reached)]
    ends = [BY_HAND.get(number, 1) + 1 for number in range(9)]
    assert values == [
        dict(enumerate(rates[:end])) for rates, end in zip(PLANTED, ends, strict=True)
    ]
    assert bar.finished == 1
    # Once more: what was trained is, and what was stopped is not begun again.
    assert stopped(raced(tmp_path, monkeypatch)) == BY_HAND
    assert [steps_of(tmp_path, number) for number in range(9)] == made


@pytest.mark.ci
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_one_that_is_killed_begins_again_and_one_that_fails_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = raced(
        tmp_path, monkeypatch, run0={"fails": "killed"}, run5={"fails": "always"},
        run8={"fails": "error"},
    )  # fmt: skip
    # Runs 5 and 8 ended before the second rung, where run 7 is then the fourth: of 0.52, 0.55,
    # 0.50 and 0.58 one goes on, the best.
    assert stopped(found) == {2: 0, 3: 1, 4: 0, 6: 0}
    five, eight = found[5], found[8]
    assert isinstance(five, TrainingError)
    assert "recipe:run5: the training process was killed twice" in str(five)
    assert isinstance(eight, TrainingError)
    assert str(eight) == "recipe:run8: the loss is nan"
    assert steps_of(tmp_path, 0) == 150


def test_ctrl_c_ends_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Bar):
        def advance(self, amount: int = 1, note: str = "") -> None:
            raise KeyboardInterrupt

    made: list[Any] = []

    class Kept(module.Process[Any]):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            made.append(self.child)

    monkeypatch.setattr(module, "Process", Kept)
    slow: Any = {f"run{number}": {"pause": 1.0} for number in range(9)}
    with pytest.raises(KeyboardInterrupt):
        raced(tmp_path, monkeypatch, bar=Interrupted(), **slow)
    assert made
    assert all(child.poll() is not None for child in made)


SWEEP = (
    "sweep: 1\nrecipe: recipes/mine.yaml\nsearch: grid\nfolds: 4\nseed: 3\n"
    "prune: {kind: asha, reduction: 2, first: 0.25, by: log_loss}\n"
    "keys: {training.learning_rate: [1.1e-6, 2.2e-6, 5.5e-2, 3.3e-6]}\n"
)


@pytest.mark.ci
def test_the_command_says_the_same_of_trainings_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    from study.conftest import RECIPE

    small.base(tmp_path / "base", width=16)
    small.pairs(tmp_path)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "mine.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nrm_device = cpu\n", encoding="utf-8")
    (tmp_path / "sweep.yaml").write_text(SWEEP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    code, one, err = said(capsys, "sweep", "sweep.yaml", "--format", "json", "--rm-cache", "one")
    assert code == 0, err
    started: list[int] = []

    class Counted(module.Process[Any]):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given)
            started.append(self.child.pid)

    monkeypatch.setattr(module, "Process", Counted)
    monkeypatch.setattr(side_by_side, "WORTH", 0.0)
    code, two, err = said(capsys, "sweep", "sweep.yaml", "--format", "json", "--rm-cache", "two")
    assert code == 0, err
    assert len(started) == 5
    first, second = json.loads(one), json.loads(two)
    assert [run["stopped_at"] for run in first["runs"]].count(None) < 5
    for run, other in zip(first["runs"], second["runs"], strict=True):
        assert other["at_rungs"] == pytest.approx(run["at_rungs"], abs=1e-6)
        assert {**other, "at_rungs": 0} == {**run, "at_rungs": 0}
    assert second["chosen"] == first["chosen"]
    assert second["confirmed"] == first["confirmed"]
    left = [path.suffix for path in (tmp_path / "two" / "adapters").iterdir()]
    assert not {".tmp", ".resume"} & set(left)
