"""One training by several processes: the result of one process, and no process left behind."""

from __future__ import annotations

import dataclasses
import os
import queue
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from scoring.test_scorer import Bar

from rmcheck.cli import main
from rmcheck.errors import ProblemsFound, TrainingError
from rmcheck.progress import NoProgress
from rmcheck.record.run import TrainingRecord
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import FileHashes
from rmcheck.sources.recipe import create
from rmcheck.training import adapter, together
from rmcheck.training.checkpoint import folder_of
from rmcheck.training.process import Process
from rmcheck.training.ranks import Alone
from rmcheck.training.settings import EarlyStopping, LabelNoise
from rmcheck.training.together import Together, processes_of, train_together
from rmcheck.training.trainer import train
from training import project
from training.ranked_jobs import Often, OneFails, Several
from training.test_native import changed
from training.test_side_by_side import gone


class Rank(Alone):
    """A process by its number, without the others."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count


def test_alone_a_process_reads_whole_batches() -> None:
    batches = [[{"pair": 0}, {"pair": 1}], [{"pair": 2}]]
    parts = Alone().parts(batches)
    assert [part.rows for part in parts] == batches
    assert [(part.batch, part.divisor, part.share) for part in parts] == [(0, 2, 1), (1, 2, 1)]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_shares_are_all_examples_and_their_losses_add_up_to_the_steps(count: int) -> None:
    # The step's loss is the mean over its batches (8, 8 and 5 examples) of the mean over each.
    values = np.random.default_rng(0).normal(size=21)
    batches = [[{"pair": i} for i in each] for each in (range(8), range(8, 16), range(16, 21))]
    expected = np.mean([values[:8].mean(), values[8:16].mean(), values[16:].mean()])
    read, summed = [], 0.0
    by_batch = np.zeros(3)
    for rank in range(count):
        for part in Rank(rank, count).parts(batches):
            pairs = [row["pair"] for row in part.rows]
            read += pairs
            summed += values[pairs].mean() / part.divisor
            by_batch[part.batch] += part.share * values[pairs].mean()
    assert read == list(range(21))
    assert summed == pytest.approx(expected, abs=1e-12)
    assert by_batch.mean() == pytest.approx(expected, abs=1e-12)


SETTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "odd batches": {"batch_size": 3, "gradient_accumulation": 3, "epochs": 2.5},
    # Of each step one process reads nothing.
    "single pairs": {"batch_size": 1, "epochs": 0.5, "weight_decay": 0.1},
    "response sets": {"loss": "plackett_luce", "schedule": "cosine", "max_gradient_norm": 0.05},
    "early stopping": {
        "early_stopping": EarlyStopping(patience=1, measurements=20),
        "epochs": 10, "learning_rate": 3e-2, "label_noise": LabelNoise(0.5, 0),
    },
    "trl": {"trainer": "trl"},
    "trl, odd batches": {
        "trainer": "trl", "batch_size": 3, "gradient_accumulation": 3, "epochs": 2.5,
    },
    "trl, single pairs": {
        "trainer": "trl", "batch_size": 1, "epochs": 0.5, "weight_decay": 0.1,
    },
    "trl, early stopping": {
        "trainer": "trl", "early_stopping": EarlyStopping(patience=1, measurements=20),
        "epochs": 10, "learning_rate": 3e-2, "label_noise": LabelNoise(0.5, 0),
    },
}  # fmt: skip

COUNT = 2


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the tests have one core only."""
    monkeypatch.setattr(together, "cores", lambda: 4)


@pytest.fixture(scope="module")
def both(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All settings, each trained by two processes together."""
    folder = tmp_path_factory.mktemp("both")
    recipes = {name: changed(shared, **change) for name, change in SETTINGS.items()}
    news: queue.Queue[tuple[int, list[Any] | None]] = queue.Queue()
    pairs = project.pairs_in(shared)
    processes = [
        Process(rank, Several(recipes, pairs, rank, COUNT, folder), 1, news)
        for rank in range(COUNT)
    ]
    left = COUNT
    while left:
        rank, said = news.get(timeout=300)
        if said is None:
            left -= 1
            ended = processes[rank].ended()
            assert ended is not None
            assert ended.error is None
        else:
            processes[rank].last = said
            if said[0] not in ("start", "advance", "finish"):
                processes[rank].end_input()
    return folder


@pytest.mark.ci
@pytest.mark.parametrize("name", list(SETTINGS))
def test_the_result_is_that_of_one_process(shared: Path, both: Path, name: str) -> None:
    model, one = train(
        changed(shared, **SETTINGS[name]), project.pairs_in(shared), "cpu", NoProgress()
    )
    adapter.write(model, both / name)
    expected = load_file(both / name / adapter.WEIGHTS)
    first, second = (load_file(both / f"{name} {rank}" / adapter.WEIGHTS) for rank in range(COUNT))
    for key, value in expected.items():
        # AdamW divides a gradient by its own size, and so magnifies the rounding of small ones.
        assert torch.allclose(first[key], value, rtol=0, atol=3e-6)
        assert torch.equal(first[key], second[key])
    text = (both / f"{name} 0" / "record.json").read_text(encoding="utf-8")
    record = TrainingRecord.model_validate_json(text)
    assert record.processes == COUNT
    assert (record.steps, record.best_step) == (one.steps, one.best_step)
    assert len(record.curve) == len(one.curve)
    for mine, other in zip(record.curve, one.curve, strict=True):
        assert mine.loss == pytest.approx(other.loss, abs=1e-6)
        assert mine.held_out_loss == pytest.approx(other.held_out_loss, abs=1e-6)
        assert mine.train_win_rate == pytest.approx(other.train_win_rate)
        assert mine.held_out_win_rate == other.held_out_win_rate


def whole(folder: Path, target: Path, resumable: Path | None = None, **change: Any) -> Together:
    """The project's recipe, trained by two processes into an empty folder."""
    target.mkdir()
    return Together(
        spec="recipe:tiny.yaml", recipe=changed(folder, **change), device="cpu", count=COUNT,
        resumable=resumable, start=None, folder=target,
    )  # fmt: skip


class Kept(Process[Any]):
    """Processes that the test can find."""

    all: list[Kept] = []  # noqa: RUF012 (emptied by each test that uses it)

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.all.append(self)


class At(Bar):
    """Does something when a step is done."""

    def __init__(self, step: int, what: Any) -> None:
        super().__init__()
        self.step, self.what = step, what
        self.first = 0

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.first = self.first or amount
        super().advance(amount, note)
        if self.done == self.step:
            self.what()


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[Kept]:
    """The processes that a training starts; they keep a checkpoint after each step."""
    monkeypatch.setattr(Kept, "all", [])
    monkeypatch.setattr(together, "Process", Kept)
    monkeypatch.setattr(together, "RankTraining", Often)
    return Kept.all


@pytest.mark.ci
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
@pytest.mark.parametrize("trainer", ["native", "trl"])
def test_a_process_that_is_killed_ends_the_training_which_then_goes_on(
    shared: Path, tmp_path: Path, processes: list[Kept], trainer: str
) -> None:
    pairs, cache = project.pairs_in(shared), tmp_path / "f"
    change = {"epochs": 6, "trainer": trainer}
    killing = At(4, lambda: os.kill(Kept.all[1].child.pid, signal.SIGKILL))
    expected = r"process 2 of the 2 that trained it was killed \(out of memory\?\).*goes on from"
    with pytest.raises(TrainingError, match=expected):
        train_together(whole(shared, tmp_path / "a", cache, **change), pairs, killing)
    assert all(gone(each.child.pid) for each in Kept.all)
    assert killing.finished == 1
    (kept,) = folder_of(cache).glob("checkpoint-*")
    assert adapter.doubt(kept) == ""
    bar = At(0, None)
    record = train_together(whole(shared, tmp_path / "b", cache, **change), pairs, bar)
    assert bar.first == int(kept.name.partition("-")[2])
    assert (bar.done, bar.finished) == (record.steps, 1)
    assert [title for title, *_ in bar.started] == ["training recipe:tiny on 32 pairs"]
    model, one = train(changed(shared, **change), pairs, "cpu", NoProgress())
    adapter.write(model, tmp_path / "one")
    weights = load_file(tmp_path / "b" / adapter.WEIGHTS)
    for key, value in load_file(tmp_path / "one" / adapter.WEIGHTS).items():
        assert torch.allclose(weights[key], value, rtol=0, atol=1e-6)
    assert record.curve[0].loss == pytest.approx(one.curve[0].loss, abs=1e-6)


@pytest.mark.ci
def test_ctrl_c_stops_all_and_keeps_the_checkpoint(
    shared: Path, tmp_path: Path, processes: list[Kept]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    bar, cache = At(3, interrupt), tmp_path / "f"
    given = whole(shared, tmp_path / "a", cache, epochs=50)
    with pytest.raises(KeyboardInterrupt):
        train_together(given, project.pairs_in(shared), bar)
    assert len(Kept.all) == COUNT
    assert all(gone(each.child.pid) for each in Kept.all)
    assert bar.finished == 1


@pytest.mark.ci
def test_what_one_process_says_is_the_error_not_that_the_other_lost_it(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "RankTraining", OneFails)
    with pytest.raises(TrainingError, match=r"recipe:tiny\.yaml: its disk is on fire"):
        train_together(whole(shared, tmp_path / "a"), project.pairs_in(shared), NoProgress())


@pytest.mark.ci
def test_rmcheck_train_trains_by_several_processes(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    (trained / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    by_one = project.source_of(trained)
    given = ["train", "tiny.yaml", "--processes", "2", "--rm-cache", "two", "--rm-device", "cpu"]
    assert main(given) == 0
    said = capsys.readouterr().out
    assert "recipe:tiny.yaml: 32 pairs, 8 steps" in said
    assert " s in 2 processes\n" in said
    by_two = project.source_of(trained, "two")
    assert by_two.adapter.name == by_one.adapter.name
    assert sorted(path.name for path in by_two.adapter.iterdir()) == sorted(
        path.name for path in by_one.adapter.iterdir()
    )
    assert adapter.doubt(by_two.adapter) == ""
    training = by_two.training
    assert training is not None
    assert (training.processes, training.fingerprint) == (2, by_two.adapter.name)
    texts = [one for pair in project.pairs_in(trained) for one in pair.dialogues()]
    assert by_two.score(texts) == pytest.approx(by_one.score(texts), abs=1e-5)


@pytest.mark.ci
def test_a_student_learns_the_same_from_its_teacher(trained: Path) -> None:
    text = project.RECIPE + "distil: {teacher: recipe:tiny.yaml, weight: 0.5}\n"
    (trained / "student.yaml").write_text(text, encoding="utf-8")
    options = SourceOptions(root=trained, cache=trained / "cache", device="cpu")
    by_one = create("student.yaml", options)
    shutil.copytree(trained / "cache", trained / "two")
    by_two = create(
        "student.yaml", dataclasses.replace(options, cache=trained / "two", processes=COUNT)
    )
    texts = [one for pair in project.pairs_in(trained) for one in pair.dialogues()]
    assert by_two.score(texts) == pytest.approx(by_one.score(texts), abs=1e-5)
    first, second = by_one.training, by_two.training
    assert first is not None
    assert second is not None
    assert (first.processes, second.processes) == (1, COUNT)
    assert first.distil is not None
    assert second.distil is not None
    assert first.distil.pearson is not None
    assert second.distil.pearson is not None
    assert second.distil.pearson.value == pytest.approx(first.distil.pearson.value, abs=1e-4)


def test_the_number_of_processes_is_not_part_of_the_hash(shared: Path) -> None:
    # As with the device and the number of threads, another one changes rounding only.
    hashes = FileHashes(shared / "hashes")
    one, four = project.recipe_of(shared), changed(shared, processes=4)
    assert four.fingerprint(hashes) == one.fingerprint(hashes)
    assert four.settings(hashes) == one.settings(hashes)


def test_processes_are_read_from_the_recipe(shared: Path, tmp_path: Path) -> None:
    def read(value: str) -> Any:
        text = project.RECIPE.replace("epochs: 2}", f"epochs: 2, processes: {value}}}")
        (shared / "many.yaml").write_text(text, encoding="utf-8")
        return create("many.yaml", SourceOptions(root=shared, cache=tmp_path, device="cpu"))

    assert read("auto").recipe.optimisation.processes == "auto"
    assert read("3").recipe.optimisation.processes == 3
    # Trained here, where its own processes are started, not beside other recipes.
    assert read("3").training_job() is None
    assert read("auto").training_job() is not None
    for wrong in ("0", "many"):
        with pytest.raises(ProblemsFound, match=r"many\.yaml:6:\d+: recipe: training\.processes"):
            read(wrong)


def test_processes_need_a_device_each(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = project.recipe_of(shared)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert [processes_of("auto", recipe, each) for each in ("cpu", "cuda", "cuda:1")] == [1, 4, 1]
    assert [processes_of(3, recipe, each) for each in ("cpu", "cuda")] == [3, 3]
    assert processes_of(1, recipe, "mps") == 1
    with pytest.raises(TrainingError, match="expected at most 4, as many as this machine's GPUs"):
        processes_of(5, recipe, "cuda")
    with pytest.raises(TrainingError, match="expected 1 on the device cuda:1, got 2"):
        processes_of(2, recipe, "cuda:1")
    with pytest.raises(TrainingError, match="expected at most 4, as many as this process has core"):
        processes_of(5, recipe, "cpu")
