"""The history: a line a run, whole lines whatever happens, and no line that must be there."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest
from builders import run_record

from rmcheck.record import history
from rmcheck.record.history import HistoryCheck, HistoryRun, HistorySource
from rmcheck.record.run import (
    BaselineRecord,
    CheckRecord,
    DataRecord,
    EstimateRecord,
    RunRecord,
    SuiteRecord,
)


def a_record(started: str = "2025-03-01T10:00:00Z") -> RunRecord:
    estimate = EstimateRecord(
        value=0.75, low=0.68, high=0.81, level=0.95, method="wilson", n=180, n_groups=180
    )
    win = CheckRecord(
        id="chat::win_rate", kind="win_rate", gate="required", outcome="pass", weak=True,
        estimate=estimate, message="m",
    )  # fmt: skip
    skipped = CheckRecord(
        id="chat::no_regression", kind="no_regression", gate="required", outcome="skipped",
        message="there is no baseline",
    )  # fmt: skip
    suite = SuiteRecord(
        name="chat", path="suites/chat.yaml", data=DataRecord(hash="d", pairs=180, groups=180),
        checks=[win, skipped],
    )  # fmt: skip
    return run_record(
        started=started, suites=[suite], commit="abc123", seed=7, outcome="pass",
        baseline=BaselineRecord(name="main", fingerprint="old"),
    )  # fmt: skip


def a_run(started: str) -> HistoryRun:
    return HistoryRun(
        started=started,
        outcome="pass",
        source=HistorySource(spec="recipe:tiny"),
        checks={"chat::win_rate": HistoryCheck(outcome="pass", value=0.7)},
    )


def test_the_line_of_a_run(tmp_path: Path) -> None:
    path = tmp_path / "reports/history.jsonl"
    record = a_record()
    history.append(path, history.line_of(record))
    history.append(path, history.line_of(record))
    lines = path.read_text().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0]) == {
        "schema_version": 1,
        "started": "2025-03-01T10:00:00Z",
        "outcome": "pass",
        "incomplete": False,
        "source": {"spec": record.source.spec, "fingerprint": record.source.fingerprint},
        "baseline": {"name": "main", "fingerprint": "old", "kept": ""},
        "seed": 7,
        "commit": "abc123",
        "run_id": "",
        "comparisons": 1,
        "checks": {
            "chat::win_rate": {
                "outcome": "pass", "state": None, "weak": True,
                "value": 0.75, "low": 0.68, "high": 0.81, "inputs": "", "p_less": None,
            },
            "chat::no_regression": {
                "outcome": "skipped", "state": None, "weak": False,
                "value": None, "low": None, "high": None, "inputs": "", "p_less": None,
            },
        },
    }  # fmt: skip
    assert list(history.read(path).runs) == [history.line_of(record)] * 2


def test_no_file_is_no_run(tmp_path: Path) -> None:
    assert history.read(tmp_path / "history.jsonl") == history.History()


def test_broken_lines_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    whole = a_run("2025-03-01T10:00:00Z").model_dump_json().encode()
    later = json.dumps({**json.loads(whole), "mood": "good"}).encode()
    newer = whole.replace(b'"schema_version":1', b'"schema_version":2')
    endless = whole.replace(b'"value":0.7', b'"value":NaN')
    path.write_bytes(
        b"\n".join([whole, b"", b"{", b"\xff", b"[]", newer, endless, later, whole[:40]])
    )
    found = history.read(path)
    assert [run.started for run in found.runs] == ["2025-03-01T10:00:00Z"] * 2
    assert found.broken == (3, 4, 5, 6, 7, 9)
    # The half line at the end is lost; the one after it is not.
    history.append(path, a_run("2025-03-02T10:00:00Z"))
    again = history.read(path)
    assert again.runs[-1].started == "2025-03-02T10:00:00Z"
    assert again.broken == found.broken


def _append_many(path: Path, name: int) -> None:
    for index in range(100):
        history.append(path, a_run(f"{name}-{index:03d}"))


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b"\xff\x00",
        b"NaN",
        b'{"seed": 1' + b"0" * 5000 + b"}",
        b"null",
        b'"\\ud800"',
    ],
)
def test_no_line_whatever_it_holds_ends_in_another_error(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(line + b"\n")
    assert history.read(path) == history.History((), (1,))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" + "0" * 400])
def test_a_line_with_a_number_that_is_not_finite_is_passed_over(
    tmp_path: Path, number: str
) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(
        '{"started": "s", "outcome": "pass", "source": {"spec": "x"}, "checks": {"a::b": '
        f'{{"outcome": "pass", "value": {number}}}}}}}\n'
    )
    assert history.read(path) == history.History((), (1,))


@pytest.mark.ci
def test_runs_at_once_leave_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(path, name)) for name in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = history.read(path)
    assert not found.broken
    assert sorted(run.started for run in found.runs) == sorted(
        f"{name}-{index:03d}" for name in range(2) for index in range(100)
    )


def test_a_trend_ends_with_the_run_itself() -> None:
    record = a_record("2025-03-01T10:00:00Z")
    days = [f"2025-{month:02d}-{day:02d}T10:00:00Z" for month in (1, 2, 3) for day in range(1, 29)]
    trend = history.up_to([a_run(day) for day in reversed(days)], record)
    assert len(trend) == history.MOST_RUNS
    assert trend[-1] == history.line_of(record)
    # January and February hold 56 days, and another run began in its very second; the last 49 of
    # these stand before it, the later ones not.
    assert [run.started for run in trend[:-1]] == days[8:57]
    # Whether its own line has been appended already makes no difference.
    assert history.up_to([history.line_of(record)], record) == (history.line_of(record),)
