"""A baseline that was there once is never taken for a new project's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from builders import make_pairs, pair_scores, run_record

from rmcheck.compare.comparison import Side, compare, recorded
from rmcheck.engine import Engine, Settings
from rmcheck.errors import UsageError
from rmcheck.record import baseline, history
from rmcheck.record import folder as folders
from rmcheck.record.run import BaselineRecord, DataRecord, SuiteRecord

from .test_replacement import Killed, failing, full_disk

PAIRS = make_pairs(30)
GOOD, WORSE = ([1.0] * 30, [0.0] * 30), ([1.0] * 10 + [-1.0] * 20, [0.0] * 30)


def written(folder: Path, columns: tuple[list[float], list[float]]) -> Path:
    """A run of one suite."""
    suite = SuiteRecord(
        name="chat", path="suites/chat.yaml", data=DataRecord(hash="", pairs=30, groups=30)
    )
    folders.write(folder, run_record(suites=[suite]), pair_scores(PAIRS, columns, "chat"))
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project with a baseline `main`."""
    found = Settings.below(tmp_path)
    baseline.bless(written(tmp_path / "run", GOOD), found.baselines, "main")
    assert Engine(found).baseline is not None
    return found


def renamed(name: str) -> Callable[[Path], object]:
    return lambda kept: (kept / "main").rename(kept / name)


LOST: dict[str, tuple[Callable[[Path], object], str]] = {
    "no results": (lambda kept: (kept / "main/results.json").unlink(), "no results.json; restore"),
    "empty": (
        lambda kept: (shutil.rmtree(kept / "main"), (kept / "main").mkdir()),
        "no results.json; restore it",
    ),
    "a file": (
        lambda kept: (shutil.rmtree(kept / "main"), (kept / "main").write_text("")),
        "no results.json; restore it",
    ),
    "Main": (renamed("Main"), "'Main' is there; rename it to 'main'"),
    "MAIN": (renamed("MAIN"), "'MAIN' is there; rename it to 'main'"),
    "old": (renamed(".main.old"), "'.main.old' is there: blessing was interrupted; rename it"),
    "new": (renamed(".main.new"), "'.main.new' is there: blessing was interrupted; rename it"),
}


@pytest.mark.parametrize("how", LOST)
def test_a_lost_baseline_is_an_error(settings: Settings, how: str) -> None:
    change, said = LOST[how]
    change(settings.baselines)
    with pytest.raises(UsageError) as caught:
        Engine(settings)
    assert said in str(caught.value)
    assert "--rm-baseline none" in str(caught.value)


def test_one_that_the_history_knows_is_an_error(settings: Settings, tmp_path: Path) -> None:
    shutil.rmtree(settings.baselines)
    assert Engine(settings).baseline is None  # nothing says that there was one
    run = run_record(baseline=BaselineRecord(name="main"))
    history.append(tmp_path / "reports/history.jsonl", history.line_of(run))
    with pytest.raises(UsageError, match=r"earlier runs were compared with it .* restore it"):
        Engine(settings)


def test_none_asks_for_no_comparison(settings: Settings, tmp_path: Path) -> None:
    without = Settings.below(tmp_path, baseline="none")
    assert Engine(without).baseline is None
    shutil.rmtree(settings.baselines / "main")
    (settings.baselines / "Main").mkdir()
    assert Engine(without).baseline is None
    with pytest.raises(UsageError, match="'none' means no baseline"):
        baseline.bless(tmp_path / "run", settings.baselines, "none")


@pytest.mark.parametrize("dead", [True, False], ids=["killed", "disk full"])
def test_bless_stopped_at_every_operation_keeps_a_baseline(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: bool
) -> None:
    better = written(tmp_path / "better", ([2.0] * 30, [0.0] * 30))
    worse = Side("worse", pair_scores(PAIRS, WORSE, "chat"))
    error: Callable[[], BaseException] = Killed if dead else full_disk
    before = settings.baselines / "main"
    seen_states = set()
    for at in range(1, 200):
        shutil.rmtree(settings.baselines)
        baseline.bless(tmp_path / "run", settings.baselines, "main")
        with (
            failing(monkeypatch, at, error, dead=dead) as seen,
            suppress(Killed, UsageError, OSError),
        ):
            baseline.bless(better, settings.baselines, "main")
        if seen[0] < at:
            break
        assert Engine(settings).baseline is not None, at
        kept = recorded("main", before)
        state = {row.chosen for row in kept.rows}
        assert state in ({1.0}, {2.0}), at
        seen_states |= state
        verdict = compare(worse, kept, max_drop=0.02).verdicts["chat"]
        assert (verdict.state, verdict.outcome) == ("regressed", "fail"), at
    assert at > 10
    assert seen_states == {1.0, 2.0}


@pytest.mark.parametrize("dead", [True, False], ids=["killed", "disk full"])
def test_a_run_stopped_at_every_operation_is_of_one_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: bool
) -> None:
    error: Callable[[], BaseException] = Killed if dead else full_disk

    def reports(run_id: str) -> Callable[[Path], object]:
        return lambda folder: [
            (folder / name).write_text(run_id) for name in (folders.PAGE, folders.SUMMARY)
        ]

    folder = tmp_path / "latest"
    for at in range(1, 200):
        shutil.rmtree(folder, ignore_errors=True)
        rows = pair_scores(PAIRS, GOOD, "chat")
        folders.write(folder, run_record(run_id="a"), rows, reports("a"))
        with failing(monkeypatch, at, error, dead=dead) as seen, suppress(Killed, OSError):
            rows = pair_scores(PAIRS, WORSE, "chat")
            folders.write(folder, run_record(run_id="b"), rows, reports("b"))
        if seen[0] < at:
            break
        found = folders.read(folder)
        assert found.run_id in ("a", "b"), at
        scores = {row.chosen for row in folders.read_scores(folder, found)}
        assert scores == ({1.0} if found.run_id == "a" else {1.0, -1.0}), at
        for name in (folders.PAGE, folders.SUMMARY):
            assert (folder / name).read_text() == found.run_id, at
    assert at > 10
