"""The garbage collector is off while rows are read, and on again whatever happens."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from rmcheck import collector
from rmcheck.data.preferences import load
from rmcheck.data.reading import read_file
from rmcheck.errors import ProblemsFound
from rmcheck.sources.score_table import read_scores


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    """Each test begins with the collector on, and leaves it on."""
    assert gc.isenabled()
    yield
    gc.enable()


class Node:
    """An object that refers to itself: only the collector frees it."""

    def __init__(self) -> None:
        self.own = self


def freed_by_itself() -> bool:
    """Whether a circle of objects is freed while many others are made."""
    node = Node()
    known = weakref.ref(node)
    del node
    kept = [[number] for number in range(20_000)]
    return known() is None and len(kept) == 20_000


def test_nothing_is_searched_within_and_all_is_after() -> None:
    assert freed_by_itself()
    with collector.paused():
        assert not gc.isenabled()
        assert not freed_by_itself()
    assert gc.isenabled()
    assert freed_by_itself()


def test_on_again_after_an_error_and_around_another_pause() -> None:
    @collector.paused()
    def fail() -> None:
        with collector.paused():
            pass
        assert not gc.isenabled()
        raise KeyError

    for _ in range(2):
        with pytest.raises(KeyError):
            fail()
        assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    gc.disable()
    with collector.paused():
        assert not gc.isenabled()
    assert not gc.isenabled()


def test_reading_leaves_it_on_and_reads_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad, scores = (tmp_path / f"{name}.jsonl" for name in ("good", "bad", "scores"))
    row = {"id": "a", "prompt": "p", "chosen": "c", "rejected": "r"}
    good.write_text(json.dumps(row), encoding="utf-8")
    bad.write_text(json.dumps(row) + "\n{]\n", encoding="utf-8")
    scores.write_text('{"id": "a", "chosen": "x", "rejected": 0}', encoding="utf-8")
    switched: list[str] = []
    monkeypatch.setattr(gc, "disable", lambda: switched.append("off"))
    monkeypatch.setattr(gc, "enable", lambda: switched.append("on"))
    assert [pair.id for pair in load([good]).pairs] == ["a"]
    assert switched == ["off", "on"] * (len(switched) // 2) != []
    switched.clear()
    for read in (
        lambda: load([bad]),
        lambda: read_scores(scores, "scores.jsonl", {}),
    ):
        with pytest.raises(ProblemsFound):
            read()
        assert switched[0] == "off"
        assert switched[-1] == "on"
        switched.clear()
    assert read_file(bad, "bad.jsonl", {}).problems
    assert switched == ["off", "on"]
