"""What is believed of a cache: rows that are as they were written, by somebody who may write."""

from __future__ import annotations

import errno
import math
import os
import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from rmcheck.cache.folder import CacheFolder
from rmcheck.cache.source import CachedSource
from rmcheck.cache.store import FILE, ScoreStore
from rmcheck.data import Dialogue
from rmcheck.errors import UsageError
from rmcheck.scoring.seal import KEY_VARIABLE, seal

TEXTS = [Dialogue("Why?", f"text {number}") for number in range(8)]


class Source:
    """Scores that no two texts share, and a count of those that it was asked for."""

    spec, fingerprint, scores_new_text = "py:s", "f1", True

    def __init__(self) -> None:
        self.asked = 0

    def score(self, dialogues: Sequence[Dialogue]) -> np.ndarray:
        self.asked += len(dialogues)
        return np.array([int(one.response[-1]) + 0.25 for one in dialogues])


def run(folder: Path) -> tuple[int, list[str]]:
    """How much a gate over this cache had to score, and what it said; its scores are right."""
    source, store = Source(), ScoreStore(folder)
    scores = CachedSource(source, store).score(TEXTS)
    store.close()
    assert scores.tolist() == [number + 0.25 for number in range(8)]
    return source.asked, store.remarks


def change(folder: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(folder / FILE) as connection:
        assert connection.execute(statement, values).rowcount >= 1
    connection.close()


@pytest.mark.parametrize("bit", [0, 20, 51, 52, 62, 63])
def test_a_flipped_bit_in_a_score_is_noticed(tmp_path: Path, bit: int) -> None:
    assert run(tmp_path) == (8, [])
    (number,) = struct.unpack("<Q", struct.pack("<d", 3.25))
    (flipped,) = struct.unpack("<d", struct.pack("<Q", number ^ (1 << bit)))
    change(tmp_path, "UPDATE scores SET score = ? WHERE score = 3.25", flipped)
    asked, (remark,) = run(tmp_path)
    assert asked == 1
    assert "scores.sqlite: 1 score not trusted" in remark
    assert run(tmp_path) == (0, [])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE scores SET score = -score",
        "UPDATE scores SET source = 'f1', dialogue = dialogue, seal = 'ü'",
        "UPDATE scores SET seal = x'00'",
        "UPDATE scores SET score = 'high'",
    ],
    ids=["turned around", "another seal", "a seal of bytes", "a word"],
)
def test_scores_changed_by_hand_are_scored_again(tmp_path: Path, statement: str) -> None:
    run(tmp_path)
    change(tmp_path, statement)
    asked, (remark,) = run(tmp_path)
    assert asked == 8
    assert "8 scores not trusted" in remark


def test_scores_of_another_model_are_not_this_ones(tmp_path: Path) -> None:
    store = ScoreStore(tmp_path)
    store.put("f2", {one.hash: 9.0 for one in TEXTS})
    store.close()
    change(tmp_path, "UPDATE scores SET source = 'f1'")
    assert run(tmp_path)[0] == 8


@pytest.mark.parametrize("score", [math.inf, -math.inf])
def test_an_infinite_score_is_not_believed_whatever_its_seal(tmp_path: Path, score: float) -> None:
    run(tmp_path)
    key = TEXTS[3].hash
    right = seal("score", "f1", key, score.hex())
    change(tmp_path, "UPDATE scores SET score = ?, seal = ? WHERE dialogue = ?", score, right, key)
    asked, (remark,) = run(tmp_path)
    assert (asked, "1 score not trusted" in remark) == (1, True)


def test_a_secret_keeps_out_what_was_written_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache of a pull request, in the gate of a protected branch."""
    run(tmp_path)
    monkeypatch.setenv(KEY_VARIABLE, "s3cr3t")
    asked, (remark,) = run(tmp_path)
    assert asked == 8
    assert KEY_VARIABLE in remark
    assert "s3cr3t" not in remark
    assert run(tmp_path) == (0, [])
    monkeypatch.setenv(KEY_VARIABLE, "another")
    assert run(tmp_path)[0] == 8


def written_by_an_older_version(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute(
            "CREATE TABLE scores (source TEXT NOT NULL, dialogue TEXT NOT NULL, "
            "score REAL NOT NULL, PRIMARY KEY (source, dialogue)) WITHOUT ROWID"
        )
        rows = [("f1", one.hash, -1.0) for one in TEXTS]
        connection.executemany("INSERT INTO scores VALUES (?, ?, ?)", rows)
    connection.close()


def test_scores_of_an_older_version_count_as_absent_and_that_is_said_once(tmp_path: Path) -> None:
    written_by_an_older_version(tmp_path)
    asked, (remark,) = run(tmp_path)
    assert asked == 8
    assert "8 scores of an older version" in remark
    assert run(tmp_path) == (0, [])


def test_scores_of_an_older_version_on_a_read_only_disk_are_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_by_an_older_version(tmp_path)

    def refused(self: ScoreStore) -> sqlite3.Connection:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr("rmcheck.cache.store._is_damage", lambda _: False)
    monkeypatch.setattr(ScoreStore, "_opened_for_writing", refused)
    asked, remarks = run(tmp_path)
    assert asked == 8
    assert any("older version" in remark for remark in remarks)


def test_a_folder_of_somebody_else_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path)

    def refused(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_file", refused)
    asked, (remark,) = run(tmp_path)
    assert asked == 8
    assert remark == (
        f"{tmp_path / FILE}: scores are not cached: permission denied; give this user access to "
        "it, or use another folder with --rm-cache"
    )


def denied(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied", "somebody/else")


def test_a_cache_of_somebody_else_is_told_when_it_is_listed_or_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path)
    folder = CacheFolder(tmp_path)
    (holding,) = folder.holdings()
    monkeypatch.setattr("filelock.FileLock.acquire", denied)
    with pytest.raises(
        UsageError, match=r"nothing was deleted: cannot be locked: permission denied; give this"
    ):
        folder.remove([holding])
    monkeypatch.setattr(Path, "is_file", denied)
    with pytest.raises(
        UsageError, match=r"cannot be read: permission .*, or use .*--rm-cache$"
    ) as caught:
        folder.holdings()
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no space left on the disk; free some space, or "),
        (errno.EROFS, "the disk is read-only; "),
        (errno.EACCES, "permission denied; give this user access to it, or "),
        (errno.EDQUOT, "disk quota used up; free some space, or "),
        (errno.ENOTDIR, "not a directory; "),
    ],
)
def test_a_cache_folder_that_cannot_be_made_is_one_remark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refused(self: Path, **_: object) -> None:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "mkdir", refused)
    asked, (remark,) = run(tmp_path / "cache")
    assert asked == 8
    remedy = "use another folder with --rm-cache"
    assert remark == f"{tmp_path / 'cache' / FILE}: scores are not cached: {said}{remedy}"


def test_a_damaged_file_that_cannot_be_moved_is_one_remark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILE).write_bytes(b"not a database " * 400)
    monkeypatch.setattr(Path, "replace", denied)
    asked, (remark,) = run(tmp_path)
    assert asked == 8
    assert remark == (
        f"{tmp_path / FILE}: scores are not cached: damaged (file is not a database), and cannot "
        "be moved to scores.sqlite.corrupt: permission denied; give this user access to it, or "
        "use another folder with --rm-cache"
    )


def test_a_score_of_minus_zero_is_believed(tmp_path: Path) -> None:
    store = ScoreStore(tmp_path)
    store.put("f1", {"text": -0.0})
    store.close()
    again = ScoreStore(tmp_path)
    assert again.get("f1", ["text"]) == {"text": 0.0}
    assert again.remarks == []
