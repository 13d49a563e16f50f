"""A gate or a command that is killed, or out of disk, at each of its operations on files in turn.

Whatever is left is what was there before or what is new, never files of both, and the next gate of
the model that got worse is red.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rmcheck.record import folder as folders
from rmcheck.record import history as histories
from rmcheck.report.publish import render

from .forked import Call, Ended, Server
from .projects import jsonl
from .worse import GOOD, MAIN

LATEST = "reports/latest"
NEWER = "scores/newer.jsonl"
FEW = 2
"""So many of the operations are tried in the two-minute loop; all of them in the long one."""

stopped = pytest.mark.parametrize(
    ("full", "most"),
    [
        pytest.param(False, FEW, id="killed"),
        pytest.param(False, 1000, id="killed everywhere", marks=pytest.mark.slow),
        pytest.param(True, 1000, id="disk full everywhere", marks=pytest.mark.slow),
    ],
)

RED = Call(arguments=["suites"], folder="")
BLESS = Call(program="rmcheck", arguments=["bless"], folder="")
REPORT = Call(program="rmcheck", arguments=["report", "--texts", "all"], folder="")


class Faults:
    """A call stopped at its operations in turn, each time in a new copy of a project."""

    def __init__(self, server: Server, project: Path, call: Call, *, full: bool) -> None:
        self.server = server
        self.call = call
        self.full = full
        self._project = project

    def _copy(self, number: int) -> Path:
        return Path(shutil.copytree(self._project, self._project.with_name(f"stopped-{number}")))

    def at(self, root: Path, call: Call, fault: int = 0) -> Ended:
        """What a call comes to in a copy."""
        there = replace(call, folder=str(root), within=str(root), fault=fault, full=self.full)
        return self.server.run(there)

    def each(self, most: int, least: int) -> Iterator[tuple[Path, Ended]]:
        """Copies in which the call was stopped, at about `most` of its operations.

        The first and the last are always among them; `least` is how many there must be.
        """
        probe = self._copy(0)
        total = self.at(probe, self.call).operations
        shutil.rmtree(probe)
        assert total >= least
        numbers = range(1, total + 1)
        for number in sorted({*numbers[:: max(1, total // most)], total}):
            root = self._copy(number)
            ended = self.at(root, self.call, number)
            assert ended.code is None or self.full, ended.text
            yield root, ended
            shutil.rmtree(root)

    def next_gate_is_red(self, root: Path) -> None:
        """The gate of the model that got worse, called with room on the disk, leaves a new run."""
        ended = self.server.run(replace(RED, folder=str(root)))
        assert ended.code == pytest.ExitCode.TESTS_FAILED, ended.text
        assert state(root, {}) == "new"
        assert len(histories.read(root / "reports/history.jsonl").broken) <= 1


def files_of(root: Path, folder: str = LATEST) -> dict[str, bytes]:
    """The files of a run that are there."""
    names = (name for name in folders.OWN if (root / folder / name).is_file())
    return {name: (root / folder / name).read_bytes() for name in names}


def state(root: Path, before: dict[str, bytes]) -> str:
    """`old` or `new`, after whatever a killed process had begun was finished; else it fails.

    A new run is one whose verdict, scores and pages belong together: the pages are those that
    are made of the verdict and the scores.
    """
    assert folders.present(root / LATEST)
    found = files_of(root)
    if found == before:
        return "old"
    record = folders.read(root / LATEST)
    assert record.outcome == "fail"
    folders.verify_scores(root / LATEST, record)
    published = render(
        root / LATEST,
        root=root,
        kept=root / "fixtures/baselines",
        history=root / "reports/history.jsonl",
    )
    for name, text in published.texts.items():
        assert found[name].decode() == text, name
    return "new"


@pytest.fixture
def project(sound: Path, tmp_path: Path) -> Path:
    """A copy of the project, with the scores of a model as good as the one that was blessed."""
    root = Path(shutil.copytree(sound, tmp_path / "p"))
    rows = [json.loads(line) for line in (root / GOOD).read_text(encoding="utf-8").splitlines()]
    moved = [{**row, "chosen": row["chosen"] + 0.25} for row in rows]
    (root / NEWER).write_text(jsonl(moved), encoding="utf-8")
    return root


@pytest.mark.ci
@stopped
def test_a_gate_that_is_stopped(server: Server, project: Path, full: bool, most: int) -> None:
    faults, before = Faults(server, project, RED, full=full), files_of(project)
    states = set()
    for root, ended in faults.each(most, least=20):
        assert ended.code in ((1,) if full else (None,)), ended.text
        assert "INTERNALERROR" not in ended.text
        found = state(root, before)
        states.add(found)
        # The run of before is green and may be blessed; the new one, which is red, may not.
        assert faults.at(root, BLESS).code == (0 if found == "old" else 4)
        faults.next_gate_is_red(root)
    assert states == {"old", "new"}


def kept(root: Path) -> dict[str, bytes]:
    """The baseline's files, whose scores must be those of its record; none where there is none."""
    if not (root / MAIN).is_dir() or not folders.present(root / MAIN):
        return {}
    folders.verify_scores(root / MAIN, folders.read(root / MAIN))
    return files_of(root, MAIN)


@pytest.mark.parametrize("first", [False, True], ids=["another", "the first"])
@stopped
def test_a_blessing_that_is_stopped(
    server: Server, project: Path, first: bool, full: bool, most: int
) -> None:
    green = server.run(Call(arguments=["suites", "--rm", f"scores:{NEWER}"], folder=str(project)))
    assert green.code == 0, green.text
    if first:
        shutil.rmtree(project / MAIN)
    before, scores = kept(project), (project / LATEST / "scores.jsonl").read_bytes()
    faults, states = Faults(server, project, BLESS, full=full), set()
    for root, ended in faults.each(most, least=10):
        found = kept(root)
        new = found.get("scores.jsonl") == scores
        assert new or found == before
        assert not (ended.code == 0 and not new)
        states.add(new)
        gate = server.run(replace(RED, folder=str(root)))
        # Without its baseline, which pytest.ini names, the gate is a mistake, and so red as well.
        wanted = pytest.ExitCode.TESTS_FAILED if found else pytest.ExitCode.USAGE_ERROR
        assert gate.code == wanted, gate.text
        assert "Traceback" not in ended.text
    assert states == {True, False}


@stopped
def test_a_report_that_is_stopped(server: Server, project: Path, full: bool, most: int) -> None:
    server.run(replace(RED, folder=str(project)))
    before, states = files_of(project), set()
    faults = Faults(server, project, REPORT, full=full)
    after = project.with_name("after")
    shutil.copytree(project, after)
    assert faults.at(after, REPORT).code == 0
    wanted = files_of(after)
    assert wanted != before
    for root, ended in faults.each(most, least=10):
        assert ended.code in ((0, 4) if full else (None,)), ended.text
        assert folders.present(root / LATEST)
        assert files_of(root) in (before, wanted)
        states.add(files_of(root) == wanted)
    assert states == {True, False}


MODEL = """
import numpy as np
import pytest
from rmcheck.cache import source as cache
from rmcheck.reward_source import Source

cache.PAUSE = 0

class Model(Source):
    spec, fingerprint, scores_new_text = "py:model", "f1", True

    def score(self, dialogues):
        return np.concatenate([values for _, values in self.stream(dialogues)])

    def stream(self, dialogues):
        for place in range(0, len(dialogues), 5):
            part = dialogues[place : place + 5]
            sides = [each.key.endswith("/chosen") == ("3" in each.key) for each in part]
            yield np.arange(place, place + len(part)), np.array(sides, dtype=float)

@pytest.fixture(scope="session")
def reward_model():
    return Model()
"""


@pytest.mark.ci
@stopped
def test_scoring_that_is_stopped(server: Server, project: Path, full: bool, most: int) -> None:
    (project / "conftest.py").write_text(MODEL, encoding="utf-8")
    faults, before = Faults(server, project, RED, full=full), files_of(project)
    alone = Path(shutil.copytree(project, project.with_name("alone")))
    assert faults.at(alone, RED).code == pytest.ExitCode.TESTS_FAILED
    scores, reached = (alone / LATEST / "scores.jsonl").read_bytes(), set()
    for root, ended in faults.each(most, least=50):  # of which the report needs twenty
        assert ended.code in ((1,) if full else (None,)), ended.text
        reached.add(state(root, before))
        faults.next_gate_is_red(root)
        assert (root / LATEST / "scores.jsonl").read_bytes() == scores
        assert (root / ".rmcheck/scores.sqlite").is_file()
    assert reached == {"old", "new"}
