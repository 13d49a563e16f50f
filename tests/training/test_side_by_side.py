"""Several trainings at once: processes of their own, one bar, no half adapter, no orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from scoring.test_scorer import Bar

from rmcheck.errors import ProblemsFound, TrainingError
from rmcheck.scoring.threads import cores
from rmcheck.training import side_by_side
from rmcheck.training.side_by_side import places, threads_of, train_side_by_side
from training.jobs import Broken, Endless, Fails, Found, Job, Killed, Malformed


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_each_job_has_a_process_and_all_share_one_bar(tmp_path: Path) -> None:
    jobs = [Job(key, tmp_path, steps) for key, steps in (("a", 2), ("b", 5))]
    bar = Bar()
    ended = train_side_by_side(jobs, bar, 2)
    assert {key: (each.trained, each.error) for key, each in ended.items()} == {
        "a": (True, None), "b": (True, None),
    }  # fmt: skip
    said = [(tmp_path / key).read_text(encoding="utf-8").split() for key in ("a", "b")]
    assert len({os.getpid(), *(int(pid) for pid, _ in said)}) == 3
    assert {int(threads) for _, threads in said} == {threads_of(2)}
    assert (bar.started, bar.done, bar.finished) == ([("training 2 models", 7, "steps")], 7, 1)


def test_a_process_trains_one_job_after_another(tmp_path: Path) -> None:
    jobs = [Job(key, tmp_path) for key in "abcde"]
    bar = Bar()
    ended = train_side_by_side(jobs, bar, 2)
    assert {key: (each.trained, each.error) for key, each in ended.items()} == dict.fromkeys(
        "abcde", (True, None)
    )
    assert len({(tmp_path / key).read_text(encoding="utf-8").split()[0] for key in "abcde"}) == 2
    assert (bar.started, bar.done, bar.finished) == ([("training 5 models", 15, "steps")], 15, 1)


def test_after_an_error_the_next_job_has_a_new_process(tmp_path: Path) -> None:
    first, second = Job("a", tmp_path), Job("b", tmp_path)
    ended = train_side_by_side([first, Fails("f", tmp_path), second], Bar(), 1)
    assert [ended[key].trained for key in "afb"] == [True, False, True]
    pids = [(tmp_path / key).read_text(encoding="utf-8").split()[0] for key in "ab"]
    assert len(set(pids)) == 2


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_one_that_is_killed_after_another_is_trained_once_more(tmp_path: Path) -> None:
    jobs = [Job("a", tmp_path), Killed("once", tmp_path), Job("b", tmp_path)]
    ended = train_side_by_side(jobs, Bar(), 1)
    assert [ended[key].trained for key in ("a", "once", "b")] == [True] * 3


def test_ctrl_c_in_a_later_job_stops_it_too(tmp_path: Path) -> None:
    jobs = [Job("a", tmp_path), Endless("b", tmp_path)]
    with pytest.raises(KeyboardInterrupt):
        train_side_by_side(jobs, Impatient(), 1)
    assert gone(int((tmp_path / "b.pid").read_text(encoding="utf-8")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b.pid"]


@pytest.mark.ci
def test_one_that_fails_is_told_by_name_and_stops_no_other(tmp_path: Path) -> None:
    jobs = [Fails("f", tmp_path), Malformed("m", tmp_path), Broken("b", tmp_path),
            Found("o", tmp_path), Job("a", tmp_path)]  # fmt: skip
    ended = train_side_by_side(jobs, Bar(), 3)
    assert isinstance(ended["f"].error, TrainingError)
    assert str(ended["f"].error) == "recipe:f: expected at least 2 training pairs, got 1"
    assert isinstance(ended["m"].error, ProblemsFound)
    assert str(ended["m"].error) == "a.jsonl:2:1: no id\na.jsonl:5:1: no id"
    assert "recipe:b" in str(ended["b"].error)
    assert "ZeroDivisionError" in str(ended["b"].error)
    assert ended["o"] == side_by_side.Ended(trained=False)
    assert ended["a"].trained


@pytest.mark.ci
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_one_that_is_killed_is_trained_once_more(tmp_path: Path) -> None:
    jobs = [Killed("once", tmp_path), Killed("always", tmp_path)]
    ended = train_side_by_side(jobs, Bar(), 2)
    assert ended["once"].trained
    expected = "recipe:always: the training process was killed twice .*free some memory"
    assert ended["always"].error is not None
    with pytest.raises(TrainingError, match=expected):
        raise ended["always"].error


class Impatient(Bar):
    """The user presses Ctrl-C at the tenth step."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        super().advance(amount, note)
        if self.done >= 10:
            raise KeyboardInterrupt


def test_ctrl_c_stops_all_and_leaves_nothing_unfinished(tmp_path: Path) -> None:
    jobs = [Endless("a", tmp_path), Endless("b", tmp_path), Job("later", tmp_path)]
    bar = Impatient()
    with pytest.raises(KeyboardInterrupt):
        train_side_by_side(jobs, bar, 2)
    pids = [int(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.pid")]
    assert len(pids) == 2
    assert all(gone(pid) for pid in pids)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pid", "b.pid"]
    assert bar.finished == 1


PARENT = """
import sys
from pathlib import Path
sys.path[:] = {path!r}
from rmcheck.progress import NoProgress
from rmcheck.training.side_by_side import train_side_by_side
from training.jobs import Endless
folder = Path({folder!r})
train_side_by_side([Endless("a", folder), Endless("b", folder)], NoProgress(), 2)
"""


@pytest.mark.ci
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_trainings_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = PARENT.format(path=sys.path, folder=str(tmp_path))
    parent = subprocess.Popen([sys.executable, "-c", program])
    until = time.monotonic() + 60
    while len(list(tmp_path.glob("*.pid"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.1)  # a file may be there before its content
    pids = [int(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.pid")]
    assert len(pids) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    # A process that nobody waits for stays in the table, so the folders that they remove are asked.
    while list(tmp_path.glob(".*.tmp")) and time.monotonic() < until:
        time.sleep(0.05)
    assert not list(tmp_path.glob(".*.tmp"))


def test_processes_are_for_long_trainings_within_cores_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "cores", lambda: 2)
    monkeypatch.setattr(side_by_side, "_free_memory", lambda: 100.0)
    jobs = [Job(str(number), tmp_path, memory=1.0) for number in range(10)]
    assert places(jobs) == 4
    assert places(jobs[:5]) == 3  # a fifth after four would leave a core idle
    assert places(jobs[:3]) == 3
    assert places(jobs, most=2) == 2
    assert places(jobs[:1]) == 1
    short = [Job(str(number), tmp_path, work=1.0) for number in range(10)]
    assert places([*short, *jobs[:1]]) == 1
    large = [Job(str(number), tmp_path, memory=30.0) for number in range(10)]
    assert places(large) == 2  # 80 of 100 bytes for two of 30 each
    assert places([Job("a", tmp_path, memory=900.0), *jobs[:1]]) == 1


def test_threads_are_shared_and_a_limit_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "cores", lambda: 12)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [threads_of(count) for count in (2, 3, 5, 24)] == [6, 4, 2, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert [threads_of(count) for count in (2, 3, 5, 24)] == [3, 3, 2, 1]
    assert cores() >= 1
