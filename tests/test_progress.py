"""Progress on a terminal and in a log: every bar ends at 100 %, unless its job failed."""

from __future__ import annotations

import pytest

from rmcheck.engine.bar import SessionBar
from rmcheck.progress import DIALOGUES, TextProgress


def shown(written: list[str]) -> list[str]:
    """The last state of every bar."""
    lines = "".join(written).split("\n")
    return [state for line in lines if (state := line.rpartition("\r")[2].removesuffix("\x1b[K"))]


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("done", [0, 3, 10])
def test_a_finished_bar_is_full(live: bool, done: int) -> None:
    written: list[str] = []
    progress = TextProgress(written.append, live=live)
    progress.start("scoring", 10, "dialogues")
    progress.advance(done)
    progress.finish()
    count = done or 10
    assert "100%|" in shown(written)[-1]
    assert f" {count}/{count} " in shown(written)[-1]


def test_a_job_that_failed_stops_where_it_was() -> None:
    written: list[str] = []
    progress = TextProgress(written.append, live=False)

    def work() -> None:
        progress.start("training", 10, "steps")
        try:
            progress.advance(4)
            raise ValueError("no luck")
        finally:
            progress.finish()

    with pytest.raises(ValueError, match="no luck"):
        work()
    assert " 40%|" in shown(written)[-1]


def test_a_training_in_between_leaves_no_bar_half_full() -> None:
    written: list[str] = []
    bar = SessionBar(TextProgress(written.append, live=True))
    with bar.over(30):
        bar.start("one", 10, DIALOGUES)
        bar.advance(10)
        bar.finish()
        bar.start("training", 5, "steps")
        bar.advance(5)
        bar.finish()
        bar.start("another", 20, DIALOGUES)
        bar.advance(20)
        bar.finish()
    bars = shown(written)
    assert len(bars) == 3
    assert all("100%|" in each for each in bars)
    assert [" 10/10 " in bars[0], " 5/5 " in bars[1], " 20/20 " in bars[2]] == [True] * 3
