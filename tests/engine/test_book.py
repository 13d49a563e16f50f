"""Each score is made once, counted, and found again."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from builders import honest, make_pairs, per_text
from filelock import FileLock

from rmcheck.data import Dialogue
from rmcheck.engine.bar import SessionBar
from rmcheck.engine.book import ScoreBook
from rmcheck.errors import SourceError
from rmcheck.progress import NoProgress
from rmcheck.reward_source import Source

PAIRS = make_pairs(20)


def test_the_book_knows_without_scoring(tmp_path: Path) -> None:
    book, source = ScoreBook(tmp_path / "cache"), per_text(honest)
    first, second = PAIRS[0].dialogues(), PAIRS[1].dialogues()
    assert not book.knows(source, first[:1])
    book.fetch(source, first)
    assert book.knows(source, first[:1])
    assert not book.knows(source, second[:1])
    assert book.sources() == [source]
    # Equal texts of two pairs are one text.
    twin = dataclasses.replace(PAIRS[0], id="twin")
    book.fetch(source, [*first, *twin.dialogues(), *second])
    counts = book.counts()
    assert (counts.needed, counts.computed) == (4, 4)


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    book = ScoreBook(tmp_path / "file" / "cache")
    source = per_text(honest, fingerprint="f")
    dialogues = [side for pair in PAIRS for side in pair.dialogues()]
    book.fetch(source, dialogues)
    assert book.scores(source, dialogues)[0] == honest(PAIRS[0].prompt, PAIRS[0].chosen)
    assert book.counts().computed == 40


def test_waiting_for_another_process_is_told(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    held, told = FileLock(cache / "scoring.lock"), list[str]()

    class Bar(NoProgress):
        def start(self, title: str, total: int, unit: str) -> None:
            told.append(title)
            held.release()

    held.acquire()
    book, source = ScoreBook(cache, SessionBar(Bar())), per_text(honest, fingerprint="f")
    book.fetch(source, PAIRS[0].dialogues())
    assert told == ["waiting for another process that scores with this cache"]
    assert book.knows(source, PAIRS[0].dialogues())


class Broken(Source):
    """A source of somebody else's that gives what is no score."""

    spec, fingerprint, scores_new_text = "py:broken", "f", True

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def score(self, dialogues: Sequence[Dialogue]) -> list[float]:
        return self.values


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, math.nan], "the reward of p000/rejected is nan"),
        ([math.inf, 1.0], "the reward of p000/chosen is inf"),
        ([1.0], "expected 2 scores for 2 texts, got 1"),
        (["high", "low"], r"expected numbers from score\(\) \(could not convert .*'high'"),
    ],
)
def test_what_is_no_score_is_told_and_never_kept(
    tmp_path: Path, values: list[float], said: str
) -> None:
    book, source = ScoreBook(tmp_path / "cache"), Broken(values)
    dialogues = PAIRS[0].dialogues()
    with pytest.raises(SourceError, match=rf"^py:broken: {said}"):
        book.fetch(source, dialogues)
    assert not book.knows(source, dialogues[:1])
    # Nor does the cache on disk know them: another session asks the source again.
    mended = Broken([2.0, 1.0])
    assert ScoreBook(tmp_path / "cache").scores(mended, dialogues).tolist() == [2.0, 1.0]
