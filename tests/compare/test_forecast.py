"""A simulation says how long it takes once its first part is done."""

from __future__ import annotations

import time

import pytest

from rmcheck.compare.forecast import timed


class Told:
    """Keeps what a progress is told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def start(self, title: str, total: int, unit: str) -> None:
        self.told.append((title, total, unit))

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.told.append(amount)

    def finish(self) -> None:
        self.told.append("finished")


@pytest.mark.parametrize(
    ("seconds", "title"), [(0.1, "x"), (2.0, "x, about 18 s"), (30.0, "x, about 4 minutes")]
)
def test_the_time_is_that_of_the_first_part_times_the_rest(
    monkeypatch: pytest.MonkeyPatch, seconds: float, title: str
) -> None:
    clock = iter((100.0, 100.0 + seconds))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    progress = Told()
    assert list(timed(progress, "x", 10, "runs")) == list(range(10))
    assert progress.told == [(title, 10, "runs"), *[1] * 10, "finished"]


def test_one_part_alone_needs_no_forecast() -> None:
    progress = Told()
    assert list(timed(progress, "x", 1, "runs")) == [0]
    assert progress.told == [("x", 1, "runs"), 1, "finished"]
