"""The score cache: what is remembered, what is asked for again, and that no fault stops a run."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmcheck.cache import source as source_module
from rmcheck.cache import store as cache
from rmcheck.cache.source import CachedSource
from rmcheck.cache.store import ScoreStore
from rmcheck.data import Dialogue
from rmcheck.errors import SourceError
from rmcheck.reward_source import Source


class Length(Source):
    """A source that scores by length and notes what it is asked."""

    spec, fingerprint, scores_new_text = "py:length", "f1", True

    def __init__(self, fingerprint: str | None = "f1") -> None:
        self.fingerprint = fingerprint
        self.asked: list[list[str]] = []

    def score(self, dialogues: Sequence[Dialogue]) -> np.ndarray:
        self.asked.append([one.response for one in dialogues])
        return np.array([len(one.response) for one in dialogues], dtype=np.float64)


class Dripping(Length):
    """Gives its scores one by one, last first."""

    def stream(self, dialogues: Sequence[Dialogue]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for place in reversed(range(len(dialogues))):
            yield np.array([place]), self.score([dialogues[place]])


def said(*responses: str) -> list[Dialogue]:
    return [Dialogue("Why?", text, f"{place}/chosen") for place, text in enumerate(responses)]


def test_scores_come_back_in_input_order_and_each_text_is_asked_for_once(tmp_path: Path) -> None:
    source = Length()
    cached = CachedSource(source, ScoreStore(tmp_path))
    assert cached.score(said("aaa", "b", "aaa", "cc")).tolist() == [3, 1, 3, 2]
    assert source.asked == [["aaa", "b", "cc"]]
    assert (cached.needed, cached.cached, cached.computed) == (3, 0, 3)


def test_another_session_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    CachedSource(Length(), ScoreStore(tmp_path)).score(said("aaa", "b"))
    source = Length()
    cached = CachedSource(source, ScoreStore(tmp_path))
    assert cached.score(said("cc", "b", "aaa")).tolist() == [2, 1, 3]
    assert source.asked == [["cc"]]
    assert (cached.needed, cached.cached, cached.computed) == (3, 2, 1)


def test_the_same_text_under_another_key_is_the_same_text(tmp_path: Path) -> None:
    source = Length()
    cached = CachedSource(source, ScoreStore(tmp_path))
    cached.score([Dialogue("Why?", "b", "one/chosen")])
    cached.score([Dialogue("Why?", "b", "two/rejected")])
    assert source.asked == [["b"]]


def test_one_models_scores_are_never_served_as_anothers(tmp_path: Path) -> None:
    CachedSource(Length("f1"), ScoreStore(tmp_path)).score(said("aaa"))
    other = Length("f2")
    CachedSource(other, ScoreStore(tmp_path)).score(said("aaa"))
    assert other.asked == [["aaa"]]


def test_a_source_without_a_fingerprint_is_remembered_for_the_session(tmp_path: Path) -> None:
    source = Length(None)
    cached = CachedSource(source, ScoreStore(tmp_path))
    cached.score(said("aaa"))
    cached.score(said("aaa"))
    assert source.asked == [["aaa"]]
    assert not (tmp_path / cache.FILE).exists()
    again = Length(None)
    CachedSource(again, ScoreStore(tmp_path)).score(said("aaa"))
    assert again.asked == [["aaa"]]


def test_a_streaming_source_is_taken_piece_by_piece(tmp_path: Path) -> None:
    cached = CachedSource(Dripping(), ScoreStore(tmp_path))
    assert cached.score(said("aaa", "b", "cc")).tolist() == [3, 1, 2]


def test_a_score_file_is_asked_directly(tmp_path: Path) -> None:
    class Known(Length):
        scores_new_text = False

        def knows(self, dialogue: Dialogue) -> bool:
            return dialogue.response == "aaa"

        def within(self, suite: str) -> Known:
            return self

        def ids(self, *, own: bool = False) -> frozenset[str]:
            return frozenset()

    source = Known()
    cached = CachedSource(source, ScoreStore(tmp_path))
    cached.score(said("aaa"))
    cached.score(said("aaa"))
    assert source.asked == [["aaa"], ["aaa"]]
    assert cached.knows(said("aaa")[0])
    assert not cached.knows(said("b")[0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.0], "expected 2 scores for 2 texts, got 1"),
        ([1.0, float("nan")], "the reward of 1/chosen is nan"),
        ([1.0, float("-inf")], "the reward of 1/chosen is -inf"),
        (["good", "bad"], r"expected numbers from score\(\) \(could not convert .*'good'"),
    ],
)
def test_what_are_no_rewards_is_refused(
    tmp_path: Path, given: Sequence[object], message: str
) -> None:
    class Odd(Length):
        def score(self, dialogues: Sequence[Dialogue]) -> np.ndarray:
            return given  # type: ignore[return-value]

    store = ScoreStore(tmp_path)
    with pytest.raises(SourceError, match=message):
        CachedSource(Odd(), store).score(said("a", "b"))
    assert store.get("f1", [one.hash for one in said("a", "b")]) == {}


def test_a_corrupt_file_is_moved_aside_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / cache.FILE).write_bytes(b"this is no database " * 400)
    source = Length()
    store = ScoreStore(tmp_path)
    assert CachedSource(source, store).score(said("aaa")).tolist() == [3]
    assert source.asked == [["aaa"]]
    assert len(store.remarks) == 1
    assert "moved to scores.sqlite.corrupt, starting with an empty cache" in store.remarks[0]
    assert (tmp_path / f"{cache.FILE}.corrupt").exists()
    again = Length()
    CachedSource(again, ScoreStore(tmp_path)).score(said("aaa"))
    assert again.asked == []


def test_a_file_damaged_in_the_middle_is_moved_aside(tmp_path: Path) -> None:
    store = ScoreStore(tmp_path)
    CachedSource(Length(), store).score(said(*(f"text {i}" for i in range(3000))))
    store.close()
    path = tmp_path / cache.FILE
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))
    source, store = Length(), ScoreStore(tmp_path)
    assert CachedSource(source, store).score(said("text 5")).tolist() == [6]
    assert "moved to scores.sqlite.corrupt, starting with an empty cache" in store.remarks[0]


def test_a_folder_that_cannot_be_made_means_no_memory_said_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    source, store = Length(), ScoreStore(tmp_path / "file" / "cache")
    cached = CachedSource(source, store)
    assert cached.score(said("aaa", "b")).tolist() == [3, 1]
    assert cached.score(said("b", "cc")).tolist() == [1, 2]
    assert source.asked == [["aaa", "b"], ["cc"]]
    assert store.remarks == [
        f"{store.path}: scores are not cached: not a directory; use another folder with --rm-cache"
    ]


def test_a_read_only_cache_still_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ScoreStore(tmp_path)
    CachedSource(Length(), store).score(said("aaa"))
    store.close()
    connect = sqlite3.connect

    def refused(path: object, **options: object) -> sqlite3.Connection:
        if not options.get("uri"):
            error = sqlite3.OperationalError("attempt to write a readonly database")
            error.sqlite_errorname = "SQLITE_READONLY"  # type: ignore[misc]
            raise error
        return connect(path, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(cache.sqlite3, "connect", refused)
    source, store = Length(), ScoreStore(tmp_path)
    cached = CachedSource(source, store)
    assert cached.score(said("aaa", "b")).tolist() == [3, 1]
    assert cached.score(said("cc")).tolist() == [2]
    assert source.asked == [["b"], ["cc"]]
    assert len(store.remarks) == 1
    assert "new scores are not cached" in store.remarks[0]


def test_a_full_disk_stops_nothing(tmp_path: Path) -> None:
    store = ScoreStore(tmp_path)
    store.put("f1", {"x": 1.0})
    # SQLite's own limit: the file may grow by no page, as on a full disk.
    pages = store._open().execute("PRAGMA page_count").fetchone()[0]
    store._open().execute(f"PRAGMA max_page_count = {pages}")
    source = Length()
    texts = said(*(f"text {i}" for i in range(3000)))
    scores = CachedSource(source, store).score(texts)
    assert scores.tolist() == [len(one.response) for one in texts]
    assert len(store.remarks) == 1
    assert "full" in store.remarks[0]


def test_a_killed_run_loses_little_and_corrupts_nothing(tmp_path: Path) -> None:
    program = f"""
import sys, time
import numpy as np
from pathlib import Path
from rmcheck.data import Dialogue
from rmcheck.cache import source
from rmcheck.cache.store import ScoreStore
source.PAUSE = 0.02
class Slow:
    spec, fingerprint, scores_new_text = "py:slow", "f1", True
    def stream(self, dialogues):
        for place, one in enumerate(dialogues):
            time.sleep(0.005)
            yield np.array([place]), np.array([float(len(one.response))])
            if place == 60:
                print("half", flush=True)
texts = [Dialogue("Why?", f"text {{i}}") for i in range(5000)]
source.CachedSource(Slow(), ScoreStore(Path({str(tmp_path)!r}))).score(texts)
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "half\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    source, store = Length(), ScoreStore(tmp_path)
    texts = [Dialogue("Why?", f"text {i}") for i in range(5000)]
    scores = CachedSource(source, store).score(texts)
    assert scores.tolist() == [float(len(one.response)) for one in texts]
    assert store.remarks == []
    computed = sum(len(asked) for asked in source.asked)
    assert computed < 5000
    assert computed >= 5000 - 2000


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from rmcheck.cache.store import ScoreStore
store = ScoreStore(Path(sys.argv[1]))
for i in range(60):
    store.put("f1", {f"{sys.argv[2]}-{i}-{j}": float(j) for j in range(20)})
assert not store.remarks, store.remarks
"""
    children = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name]) for name in "abc"
    ]
    assert [child.wait() for child in children] == [0, 0, 0]
    rows = sqlite3.connect(tmp_path / cache.FILE).execute("SELECT count(*) FROM scores")
    assert rows.fetchone() == (3 * 60 * 20,)


def test_many_thousand_keys_are_looked_up_at_once(tmp_path: Path) -> None:
    store = ScoreStore(tmp_path)
    store.put("f1", {str(i): float(i) for i in range(5000)})
    found = store.get("f1", map(str, range(6000)))
    assert len(found) == 5000
    assert found["4321"] == 4321.0


def test_the_cached_path_never_imports_torch(tmp_path: Path) -> None:
    CachedSource(Length(), ScoreStore(tmp_path)).score(said("aaa"))
    program = f"""
import sys
from pathlib import Path
from rmcheck.data import Dialogue
from rmcheck.cache.source import CachedSource
from rmcheck.cache.store import ScoreStore
class Known:
    spec, fingerprint, scores_new_text = "x", "f1", True
    def score(self, dialogues):
        raise AssertionError("nothing is missing")
store = ScoreStore(Path({str(tmp_path)!r}))
print(CachedSource(Known(), store).score([Dialogue("Why?", "aaa")]).tolist())
print(sorted({{"torch", "transformers", "pandas", "scipy", "peft", "trl"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[3.0]\n[]\n"


def test_writing_pauses_between_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores are written after each pause, not after each piece."""
    store = ScoreStore(tmp_path)
    puts: list[int] = []
    monkeypatch.setattr(store, "put", lambda _, scores: puts.append(len(scores)))
    monkeypatch.setattr(time, "monotonic", iter(np.arange(0, 100, 0.4)).__next__)
    CachedSource(Dripping(), store).score(said(*(f"text {i}" for i in range(10))))
    assert sum(puts) == 10
    assert 2 <= len(puts) <= 6


def test_a_peek_finds_what_the_first_look_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = said(*("a" * size for size in range(1, 41)))
    CachedSource(Length(), ScoreStore(tmp_path)).score(texts)
    monkeypatch.setattr(source_module, "LEAST", 10)
    monkeypatch.setattr(source_module, "SHARE", 1)
    statements: list[str] = []
    run = ScoreStore._run

    def noted(store: ScoreStore, statement: str, *more: Any, **options: Any) -> Any:
        statements.append(statement)
        return run(store, statement, *more, **options)

    monkeypatch.setattr(ScoreStore, "_run", noted)
    cached = CachedSource(Length(), ScoreStore(tmp_path))
    hashes = [text.hash for text in texts]
    assert cached.peek(hashes[:20]) == list(range(1, 21))
    assert cached.peek(hashes[20:]) == list(range(21, 41))
    assert sum("LIMIT" in each for each in statements) == 1
    assert (cached.needed, cached.cached, cached.computed) == (0, 0, 0)  # only looked at
    assert cached.peek([*hashes, "0" * 32]) is None
    assert CachedSource(Length("f2"), ScoreStore(tmp_path)).peek(hashes) is None
    assert CachedSource(Length(), ScoreStore(tmp_path / "none")).peek(hashes) is None
