"""Whatever one thing is broken in a project whose model got worse: its gate is not green.

The candidate of the project is worse than its baseline in one suite, and no other check fails, so
an untouched run ends with exit code 1. What may make it green is what a reviewer sees in the diff
as a weaker demand (`weaker` is the list of it), or evidence that `oracle`, which counts by itself,
finds too weak as well.
"""

from __future__ import annotations

import os
import shutil
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from . import oracle
from .breakage import FILES, Break, breaks
from .forked import Call, Server
from .worse import BAD, GOOD, MAIN, OTHER

VISIBLE = ("gate", "ties", "where")
"""The keys of a comparison whose change a reviewer sees; its numbers are the oracle's."""


def weaker(before: Path, after: Path, broken: Break) -> str:
    """Which weaker demand the diff shows, "" where it shows none."""
    kept, now = oracle.comparison_of(before), oracle.comparison_of(after)
    if now is not None and kept is not None:
        for key in VISIBLE:
            if kept.get(key) != now.get(key):
                return f"{key} of the comparison was changed"
    if _same(after / MAIN, before / OTHER):
        return "another baseline was put in its place, as a whole"
    configured = _text(after / "pytest.ini")
    if "rm_baseline = other" in configured or "rm_baseline = latest" in configured:
        return "pytest.ini names another baseline"
    if f"rm_baseline = scores:{BAD}" in configured:
        return "pytest.ini compares the candidate with itself"
    if any(f"rm_source = {other}\n" in configured for other in (f"scores:{GOOD}", "recipe:tiny")):
        return "pytest.ini names a model that is not worse"
    if broken.asks == "other":
        return "the command line names another baseline"
    return ""


def allowed(before: Path, after: Path, broken: Break) -> str:
    """Why a gate of the broken project may be green, "" where it may not."""
    told = weaker(before, after, broken)
    if told:
        return told
    found = oracle.seen(before, after)
    return str(found) if found is not None and found.may_pass else ""


def _same(folder: Path, other: Path) -> bool:
    names = ("results.json", "scores.jsonl")
    try:
        return all((folder / one).read_bytes() == (other / one).read_bytes() for one in names)
    except OSError:
        return False


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def test_the_untouched_project_is_red(server: Server, sound: Path, tmp_path: Path) -> None:
    root = shutil.copytree(sound, tmp_path / "p")  # a run leaves its report
    ended = server.run(Call(arguments=["suites"], folder=str(root)))
    assert ended.code == pytest.ExitCode.TESTS_FAILED, ended.text
    assert "1 failed, 3 passed" in ended.text


@pytest.mark.ci
@pytest.mark.parametrize("name", FILES)
def test_a_pipe_in_place_of_a_file_is_an_error_and_never_waited_for(
    server: Server, sound: Path, tmp_path: Path, name: str
) -> None:
    root = shutil.copytree(sound, tmp_path / "p")
    (root / name).unlink()
    os.mkfifo(root / name)
    ended = server.run(Call(arguments=["suites"], folder=str(root)))
    assert ended.code not in (0, None), ended.text
    assert "Traceback" not in ended.text
    assert "INTERNALERROR" not in ended.text


def ours_broke(text: str, broken: Break) -> bool:
    """Whether a run ended in a traceback that is not pytest's, of a pytest.ini it cannot decode."""
    if "pytest.ini" in broken.told and "UnicodeDecodeError" in text:
        return False
    return "Traceback (most recent call last)" in text or "INTERNALERROR" in text


NUMBERS = count()


def try_one(server: Server, sound: Path, drawn: st.DataObject) -> None:
    """Break one thing in a copy, run the gate, look at how it ended."""
    root = sound.parent / f"broken-{next(NUMBERS)}"
    shutil.copytree(sound, root, symlinks=True)
    try:
        broken = drawn.draw(breaks(root), label="break")
        ended = server.run(
            Call(
                arguments=broken.arguments,
                folder=str(root / broken.folder),
                environment=broken.environment,
            )
        )
        note(broken.told)
        note(ended.text)
        assert ended.code is not None
        assert not ours_broke(ended.text, broken)
        if ended.code == 0 and broken.asks in ("part", "list"):
            assert "Safe to merge" not in ended.text
            assert broken.asks == "list" or "Cannot say: " in ended.text
        else:
            assert ended.code != 0 or allowed(sound, root, broken)
    finally:
        shutil.rmtree(root, ignore_errors=True)
        for left in root.parent.glob(f"{root.name}-*"):
            left.unlink()


def _property(examples: int, *, derandomize: bool) -> Any:
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize=derandomize,
        suppress_health_check=list(HealthCheck), print_blob=False,
        phases=[Phase.generate],  # a break is told whole; shrinking one takes minutes
    )  # fmt: skip


@pytest.mark.ci
@_property(30, derandomize=True)
@given(drawn=st.data())
def test_one_thing_broken_is_never_green(server: Server, sound: Path, drawn: st.DataObject) -> None:
    try_one(server, sound, drawn)


@pytest.mark.slow
@_property(2000, derandomize=False)
@given(drawn=st.data())
def test_two_thousand_times(server: Server, sound: Path, drawn: st.DataObject) -> None:
    try_one(server, sound, drawn)
