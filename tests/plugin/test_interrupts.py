"""Ctrl-C at any moment: a report of what was decided, marked as incomplete, and exit code 2.

A real SIGINT to the whole process group, as a terminal sends it, once the run has come to the
moment that a test is about; the moment is told by a file that the project's own code writes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from training import project as recipes

from .projects import Project, pairs

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")

WAITING = """
import json, pathlib, time
import pytest

def wait(moment):
    while {after!r} and not pathlib.Path({root!r}, {after!r}).exists():
        time.sleep(0.02)
    pathlib.Path({root!r}, moment).touch()
    time.sleep(600)

def read(texts):
    if {moment!r} == "scoring" and any(prompt.startswith("late") for prompt, _ in texts):
        wait("scoring")
    return [float(response.rsplit("[", 1)[1][:-1]) for _, response in texts]

@pytest.fixture(scope="session")
def reward_model():
    return read

if {moment!r} == "judging":
    from rmcheck.checks.score_gap import ScoreGap

    judge = ScoreGap.judge

    def slow(self, ctx):
        if self.name == "late":
            wait("judging")
        return judge(self, ctx)

    ScoreGap.judge = slow
"""


# One worker takes all checks in their order, and the late one waits until the controller has
# heard of the early one.
TOGETHER = """
import os, pathlib, pytest

def pytest_xdist_make_scheduler(config, log):
    # Not the mark xdist_group: xdist 3.8 writes the group where pytest 9.2 no longer looks.
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return "one"

    return Together(config, log)

@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    if report.when == "call" and "PYTEST_XDIST_WORKER" not in os.environ:
        pathlib.Path({root!r}, "heard").touch()
"""


class Running:
    """Pytest in a process group of its own."""

    def __init__(self, project: Project, *arguments: str) -> None:
        self._root = project.root
        # These tests may themselves run on a worker; the run that they start is none of its.
        outer = {key: value for key, value in os.environ.items() if "PYTEST_XDIST" not in key}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=project.root,
            env={**outer, "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # A shell starts what it puts into the background with SIGINT ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def stop(self, moment: str | Path, *, times: int = 1, pause: float = 0.05) -> tuple[int, str]:
        """Send SIGINT once the file `moment` is there; give exit code and output."""
        deadline = time.monotonic() + 300
        while not (self._root / moment).exists():
            assert self._process.poll() is None, self._process.communicate()[0]
            assert time.monotonic() < deadline, f"never came to {moment}"
            time.sleep(0.02)
        for _ in range(times):
            os.killpg(self._process.pid, signal.SIGINT)
            time.sleep(pause)
        try:
            said, _ = self._process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            pytest.fail(f"did not stop: {self._process.communicate()[0]}")
        return self._process.returncode, said


def check_left_behind(project: Project, ended: tuple[int, str], decided: Sequence[str]) -> None:
    """Exit code 2, a whole report of `decided` that says incomplete, and no wall of text."""
    code, said = ended
    assert code == pytest.ExitCode.INTERRUPTED, said
    record = project.record()
    assert record["incomplete"] is True
    assert list(project.checks()) == list(decided)
    for name in ("index.html", "summary.md"):
        page = (project.root / "reports/latest" / name).read_text(encoding="utf-8")
        assert "ncomplete" in page
    assert "Traceback" not in said
    assert "INTERNALERROR" not in said
    assert "rmcheck/plugin/" not in said
    assert len(said.splitlines()) < 40, said
    assert "the run stopped before all checks were decided" in said
    assert "rmcheck bless" not in said  # it takes whole runs only
    (line,) = (project.root / "reports/history.jsonl").read_text().splitlines()
    assert json.loads(line)["incomplete"] is True


SLOW = pytest.mark.slow


@pytest.mark.ci
@pytest.mark.parametrize(
    ("moment", "first", "workers"),
    [
        pytest.param("scoring", True, [], id="scoring-first", marks=SLOW),
        pytest.param("scoring", True, ["-n", "2"], id="scoring-first-two-workers"),
        pytest.param("scoring", False, [], id="scoring-later", marks=SLOW),
        pytest.param("scoring", False, ["-n", "2"], id="scoring-later-two-workers", marks=SLOW),
        pytest.param("judging", True, [], id="judging-first", marks=SLOW),
        pytest.param("judging", True, ["-n", "2"], id="judging-first-two-workers", marks=SLOW),
        pytest.param("judging", False, [], id="judging-later"),
        pytest.param("judging", False, ["-n", "2"], id="judging-later-two-workers", marks=SLOW),
    ],
)
def test_ctrl_c(project: Project, moment: str, workers: list[str], first: bool) -> None:
    root, after = str(project.root), "heard" if workers and not first else ""
    text = WAITING.format(root=root, moment=moment, after=after)
    project.write("suites/later/conftest.py" if moment == "scoring" else "conftest.py", text)
    if moment == "scoring":
        project.model()
    late = {"check": "score_gap", "name": "late"}
    if not first:
        project.suite("early", "win_rate", rows=pairs(name="early"))
    project.suite("late", late, folder="suites/later", rows=pairs(name="late"))
    if workers:
        conftest = project.root / "conftest.py"
        conftest.write_text(conftest.read_text() + TOGETHER.format(root=root))
    running = Running(project, *workers)
    decided = [] if first else ["early::win_rate"]
    check_left_behind(project, running.stop(moment), decided)


def test_a_second_ctrl_c_spoils_nothing(project: Project) -> None:
    project.write("conftest.py", WAITING.format(root=str(project.root), moment="judging", after=""))
    late = {"check": "score_gap", "name": "late"}
    project.suite("chat", "win_rate", late, rows=pairs())
    ended = Running(project).stop("judging", times=3)
    check_left_behind(project, ended, ["chat::win_rate"])


@pytest.mark.ci
@pytest.mark.parametrize("pause", [0.05, pytest.param(0.3, marks=pytest.mark.slow)])
def test_a_second_ctrl_c_before_a_worker_has_decided_anything_spoils_nothing(
    project: Project, pause: float
) -> None:
    project.model()
    text = WAITING.format(root=str(project.root), moment="scoring", after="")
    project.write("suites/later/conftest.py", text)
    project.suite("late", "score_gap", folder="suites/later", rows=pairs(name="late"))
    ended = Running(project, "-n", "2").stop("scoring", times=2, pause=pause)
    check_left_behind(project, ended, [])


@pytest.mark.slow
def test_ctrl_c_in_training(project: Project) -> None:
    recipes.made(project.root)
    recipe = (project.root / "tiny.yaml").read_text().replace("epochs: 2", "epochs: 4000")
    project.write("tiny.yaml", recipe)
    project.write(
        "conftest.py",
        "import pathlib\n"
        "from rmcheck.progress import TextProgress\n"
        "advance = TextProgress.advance\n\n"
        "def told(self, *args, **options):\n"
        "    pathlib.Path('training').touch()\n"
        "    return advance(self, *args, **options)\n\n"
        "TextProgress.advance = told\n",
    )
    project.suite("chat", "win_rate", rows=pairs())
    ended = Running(project, "--rm", "recipe:tiny.yaml").stop("training")
    check_left_behind(project, ended, [])
    assert not list((project.root / ".rmcheck").rglob("adapter_model.safetensors"))
