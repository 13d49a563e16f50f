"""The steps of a series: numbered entries of a folder, or what was given."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmcheck.compare.series import series
from rmcheck.errors import UsageError


def model(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")


def test_a_training_folder_is_read_by_number(tmp_path: Path) -> None:
    for number in (1000, 200, 50):
        model(tmp_path / "run" / f"checkpoint-{number}")
    (tmp_path / "run" / "runs").mkdir()
    (tmp_path / "run" / "checkpoint-7").mkdir()  # without a model: killed while it was written
    (tmp_path / "run" / "trainer_state.txt").write_text("")
    found = series(["run"], tmp_path)
    names = tuple(f"run/checkpoint-{number}" for number in (50, 200, 1000))
    assert found.specs == names
    assert found.remark == "run: 3 steps by number"
    # The trainer saves the final model in the folder itself.
    (tmp_path / "run" / "adapter_config.json").write_text("{}")
    found = series(["run/"], tmp_path)
    assert found.specs == (*names, "run/")
    assert found.remark.endswith(
        "3 steps by number, and the model of the folder itself as the last"
    )


def test_score_files_and_runs_are_steps_too(tmp_path: Path) -> None:
    for number in (10, 9):
        (tmp_path / f"step{number}.jsonl").write_text("")
    assert series(["."], tmp_path).specs == ("step9.jsonl", "step10.jsonl")
    runs = tmp_path / "runs"
    for number in (2, 1):
        (runs / f"night-{number}").mkdir(parents=True)
        (runs / f"night-{number}" / "results.json").write_text("{}")
    assert series(["runs"], tmp_path).specs == ("runs/night-1", "runs/night-2")


def test_what_a_shell_sorted_by_name_is_sorted_by_number(tmp_path: Path) -> None:
    found = series(["r/checkpoint-1000", "r/checkpoint-200", "r/checkpoint-50/"], tmp_path)
    assert found.specs == ("r/checkpoint-50/", "r/checkpoint-200", "r/checkpoint-1000")
    assert found.remark == "steps sorted by the number at their end"
    # In order already, or not told apart by a number alone: as it is given.
    assert series(["a-1", "a-2"], tmp_path).remark == ""
    assert series(["b-2", "a-1", "last"], tmp_path).specs == ("b-2", "a-1", "last")
    assert series(["b-2", "a-1"], tmp_path).specs == ("b-2", "a-1")


def test_mistakes(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="empty: no numbered checkpoints in this folder"):
        series(["empty"], tmp_path)
    with pytest.raises(UsageError, match="a: one step; name two or more"):
        series(["a"], tmp_path)
    with pytest.raises(UsageError, match="a is given more than once"):
        series(["a", "a"], tmp_path)
    for name in ("checkpoint-1", "checkpoint-2", "other-1"):
        model(tmp_path / "two" / name)
    with pytest.raises(UsageError, match=r"checkpoint-N \(2\) and other-N \(1\); name the"):
        series(["two"], tmp_path)
