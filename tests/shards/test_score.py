"""`rmcheck score` in shards: any engine and any number of processes write the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rmcheck.cli import main
from rmcheck.engine.settings import Settings
from rmcheck.errors import SourceError, UsageError
from rmcheck.shards import engines, scores, work
from rmcheck.shards import merge as merging
from rmcheck.shards import plan as plans
from rmcheck.shards.items import ItemStream
from tests.shards.projects import SPEC, calls, project

SHARDS = ("--shards", "8")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project(tmp_path))
    return tmp_path


def score(*options: str) -> int:
    return main(["score", "d.jsonl", "--rm", SPEC, *options])


def test_shards_write_the_file_that_one_pass_writes(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert score("-o", "plain.jsonl") == 0
    assert score("-o", "one.jsonl", "--engine", "local:1", *SHARDS) == 0
    for part in range(3):
        assert score("--shard", f"{part}/3", "--shard-folder", "sh", *SHARDS) == 0
    assert main(["merge", "sh", "-o", "merged.jsonl"]) == 0
    plain = (root / "plain.jsonl").read_bytes()
    assert plain.count(b"\n") == 65
    assert (root / "one.jsonl").read_bytes() == plain
    assert (root / "merged.jsonl").read_bytes() == plain
    out = capsys.readouterr().out
    assert "plan: 135 texts in 8 shards" in out
    assert out.count("chosen scores higher in") == 3


def test_a_merge_in_small_pieces_writes_the_same_bytes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert score("--shard", "0/1", "--shard-folder", "sh", *SHARDS) == 0
    assert main(["merge", "sh", "-o", "whole.jsonl"]) == 0
    # Blocks shorter than a row, and an order that is no multiple of a step.
    blocks: list[int] = []
    rows = scores.rows
    monkeypatch.setattr(scores, "BLOCK", 50)
    monkeypatch.setattr(merging, "SMALLEST", 16)
    monkeypatch.setattr(merging, "HELD", 8 * 20)
    monkeypatch.setattr(merging, "STEP", 7)

    def told(path: Path, block: int) -> Iterator[bytes]:
        blocks.append(block)
        return rows(path, block)

    monkeypatch.setattr(scores, "rows", told)
    assert main(["merge", "sh", "-o", "pieces.jsonl"]) == 0
    assert blocks == [20] * 8
    assert (root / "pieces.jsonl").read_bytes() == (root / "whole.jsonl").read_bytes()


@pytest.mark.ci
def test_two_processes_write_the_same_bytes(root: Path) -> None:
    score("-o", "one.jsonl", "--engine", "local:1", *SHARDS)
    done = run_score(root, "-o", "two.jsonl", "--engine", "local:2", *SHARDS, "--rm-cache", "other")
    assert done.returncode == 0, done.stderr
    assert (root / "two.jsonl").read_bytes() == (root / "one.jsonl").read_bytes()
    # This process, and one or both of the others: the first may be done before the second starts.
    assert len({path.name.split("-")[0] for path in (root / "calls").iterdir()}) in (2, 3)


def test_finished_shards_are_not_scored_again(root: Path) -> None:
    score("-o", "a.jsonl", "--engine", "local", *SHARDS)
    assert sum(calls(root)) == 135
    score("-o", "b.jsonl", "--engine", "local", *SHARDS)
    assert sum(calls(root)) == 135
    (folder,) = (root / ".rmcheck" / "shards").iterdir()
    damaged = max(folder.glob("out-*"), key=lambda path: path.stat().st_size)
    damaged.write_bytes(damaged.read_bytes().replace(b"chosen", b"chosne", 1))
    before = len(calls(root))
    score("-o", "c.jsonl", "--engine", "local", *SHARDS)
    assert len(calls(root)) == before + 1
    assert (root / "c.jsonl").read_bytes() == (root / "a.jsonl").read_bytes()


def test_a_missing_part_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score("--shard", "0/2", "--shard-folder", "sh", *SHARDS)
    assert main(["merge", "sh", "-o", "merged.jsonl"]) == 4
    said = capsys.readouterr().err
    assert "4 shards of 8 not scored yet (number 1, 3, 5, 7)" in said
    assert not (root / "merged.jsonl").exists()


@pytest.mark.parametrize(
    ("environment", "part"),
    [
        ({"RANK": "1", "WORLD_SIZE": "2"}, "[1, 3, 5, 7]"),
        ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1"},
         "[2, 6]"),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, "[0]"),
    ],
)  # fmt: skip
def test_the_launcher_says_which_part(
    root: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], part: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert score("--shard", "auto", "--shard-folder", "sh", *SHARDS) == 0
    plan = plans.read(root / "sh")
    assert str([s for s in range(8) if scores.whole(plan.output(s))]) == part


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "-o FILE is missing"),
        (["--shard", "3/3", "--shard-folder", "x"], "expected I/N with 0 ≤ I < N"),
        (["--shard", "0/3"], "needs --shard-folder"),
        (["--shard", "0/3", "--shard-folder", "x", "-o", "y.jsonl"], "leave out -o"),
        (["--shard", "auto", "--shard-folder", "x"], "started by neither torchrun nor SLURM"),
        (["-o", "x.jsonl", "--engine", "lokal"], "did you mean 'local'"),
        (["-o", "x.jsonl", "--engine", "local:0"], "expected a number of workers after ':'"),
        (["-o", "x.jsonl", "--shards", "0"], "expected a number from 1 to 4,096"),
        (["-o", "d.jsonl", "--engine", "local"], "not a score file"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_at_once(
    root: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert score(*options) == 4
    assert said in capsys.readouterr().err
    assert not calls(root)


def test_a_source_without_a_fingerprint_is_refused(root: Path) -> None:
    from rmcheck.sources.function import FunctionSource

    with pytest.raises(UsageError, match="has no fingerprint"):
        work.unnamed(FunctionSource(lambda texts: [0.0 for _ in texts]))


def test_a_worker_with_another_model_stops(root: Path) -> None:
    options = Settings.below(root).options
    stream = ItemStream([root / "d.jsonl"])
    plan = plans.make(root / "p", stream, 2, source=SPEC, fingerprint="elsewhere")
    job = work.Job(SPEC, options, "elsewhere")
    with pytest.raises(SourceError, match="another model here than where the plan was made"):
        list(work.run(plan, job, engines.named("local:1"), options.progress))


def run_score(root: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rmcheck", "score", "d.jsonl", "--rm", SPEC, *options],
        cwd=root, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
        timeout=300,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local:2", "ray:2"])
def test_kills_of_workers_and_of_the_driver_lose_nothing(root: Path, engine: str) -> None:
    """Ten kills at random moments, of the driver or of one worker; then it runs to its end."""
    if engine.startswith("ray"):
        pytest.importorskip("ray")
    score("-o", "plain.jsonl")
    (root / "calls").rename(root / "calls-of-plain")
    options = ("-o", "killed.jsonl", "--engine", engine, "--shards", "64")
    rng = np.random.default_rng(0)
    for kill in range(10):
        driver = subprocess.Popen(
            [sys.executable, "-m", "rmcheck", "score", "d.jsonl", "--rm", SPEC, *options],
            cwd=root, env={**os.environ, "SLEEP": "0.05"}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        begun = len(calls(root))
        deadline = time.monotonic() + 60
        while len(calls(root)) == begun and driver.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(float(rng.uniform(0, 0.8)))
        if kill % 2:
            newest = max((root / "calls").iterdir(), key=lambda path: path.stat().st_mtime_ns)
            with_pid = int(newest.name.split("-")[0])
            try:
                os.kill(with_pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            driver.wait(timeout=120)
        else:
            driver.kill()
            driver.wait()
        if (root / "killed.jsonl").exists():
            break
    done = run_score(root, *options)
    assert done.returncode == 0, done.stderr
    assert (root / "killed.jsonl").read_bytes() == (root / "plain.jsonl").read_bytes()


@pytest.mark.slow
def test_ray_writes_the_same_bytes_with_one_and_two_workers(root: Path) -> None:
    pytest.importorskip("ray")
    score("-o", "plain.jsonl")
    for workers in (1, 2):
        name = f"ray{workers}.jsonl"
        done = run_score(root, "-o", name, "--engine", f"ray:{workers}", *SHARDS,
                         "--rm-cache", f"c{workers}")  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (root / name).read_bytes() == (root / "plain.jsonl").read_bytes()
