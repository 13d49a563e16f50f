"""What happens to a cache on its disk: kills, damage, no room, no permission, two gates at once.

Whatever it is, one plain line is said, the gate goes on, and later runs give the scores of a run
without a cache.
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from scoring.models import in_fresh_process, save

from rmcheck.cache import store as cache
from rmcheck.cache.source import CachedSource
from rmcheck.cache.store import ScoreStore
from rmcheck.data import Dialogue
from rmcheck.engine.book import ScoreBook
from rmcheck.reward_source import Source

TEXTS = [Dialogue("Why?", f"text {number}", f"{number}/chosen") for number in range(3000)]


class Mean(Source):
    """A source whose scores are no round numbers."""

    spec, fingerprint, scores_new_text = "py:mean", "f1", True

    def __init__(self) -> None:
        self.asked = 0

    def score(self, dialogues: Sequence[Dialogue]) -> np.ndarray:
        self.asked += len(dialogues)
        return np.array([sum(map(ord, one.response)) / 7 for one in dialogues])


EXPECTED = Mean().score(TEXTS).tolist()


def filled(folder: Path) -> Path:
    """A cache that holds every score; its database file."""
    store = ScoreStore(folder)
    CachedSource(Mean(), store).score(TEXTS)
    store.close()
    return folder / cache.FILE


def gate(folder: Path) -> tuple[Mean, list[str]]:
    """A later run over this cache gives the right scores; how much it asked for, what it said."""
    source, book = Mean(), ScoreBook(folder)
    half = len(TEXTS) // 2
    for part in (TEXTS[:half], TEXTS):  # two passes, so that a fault could be met twice
        assert book.scores(source, part).tolist() == EXPECTED[: len(part)]
    assert source.asked <= len(TEXTS)
    return source, book.counts().remarks


# Runs with a real, if tiny, model, each a fork of one process that has loaded torch. A run that
# somebody waits for tells when its first scores are there, and goes slowly from then on.
RUNS = """
import json, os, random, signal, sys, time
from pathlib import Path
import numpy as np
from scoring.models import dialogues
from rmcheck.engine.book import ScoreBook
from rmcheck.cache import source as cache
from rmcheck.scoring import scorer
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create

root, wish = Path(sys.argv[1]), int(sys.argv[2])
cache.PAUSE = 0.02
scorer.budgets = lambda *_: (64, 64)
forward = scorer.Scorer._forward
texts = dialogues(60 * (wish + 5))
signals = []

def slowly(self, *arguments):
    values = forward(self, *arguments)
    if self.calls == 12 and signals:  # the forest is tried, and some texts are scored
        os.write(signals[0], b"x")
    if self.calls >= 12 and signals:
        time.sleep(0.02)
    return values

scorer.Scorer._forward = slowly

def run(folder, texts, ready=None):
    source = create("hf:model", SourceOptions(root=root, cache=root / folder, device="cpu"))
    signals[:] = [ready] if ready is not None else []
    book = ScoreBook(root / folder)
    return book.scores(source, texts), book.counts()

def forked(folder, texts, after):
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        scores, counts = run(folder, texts, writes)
        after(scores, counts)
        os._exit(0)
    os.close(writes)
    os.read(reads, 1)  # returns when some texts are scored, or when all is over
    os.close(reads)
    return child
"""

KILLS = f"""{RUNS}
rng, killed, rounds = random.Random(wish), 0, 0
while killed < wish and rounds < wish + 5:
    rounds += 1
    child = forked("cache", texts[: 60 * rounds], lambda *_: None)
    time.sleep(rng.uniform(0, 0.2))
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
found, counts = run("cache", texts)
alone, _ = run("fresh", texts)
again, later = run("cache", texts)
print(json.dumps({{
    "killed": killed, "cached": counts.cached, "computed": counts.computed,
    "later": later.computed, "remarks": counts.remarks + later.remarks,
    "far": float(np.abs(found - alone).max()), "moved": float(np.abs(again - found).max()),
}}))
"""

TWO = f"""{RUNS}
def told(scores, counts):
    (root / f"{{os.getpid()}}.json").write_text(
        json.dumps([scores.tolist(), counts.computed, counts.remarks])
    )

children = [forked("cache", texts, told) for _ in range(2)]
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
gates = [json.loads((root / f"{{child}}.json").read_text()) for child in children]
alone, _ = run("fresh", texts)
far = max(float(np.abs(np.array(scores) - alone).max()) for scores, _, _ in gates)
print(json.dumps({{"texts": len(set(texts)), "far": far, "gates": gates}}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, 45])
def test_kills_at_random_moments_lose_little_and_change_no_score(
    tmp_path: Path, kills: int
) -> None:
    save(tmp_path / "model")
    found = in_fresh_process(KILLS, tmp_path, kills)
    assert found["killed"] >= kills * 2 // 3  # the others were done before the signal came
    assert found["remarks"] == []
    # In another company a score may differ in its last digits; from then on it is the cached one.
    assert found["far"] < 1e-5
    assert (found["moved"], found["later"]) == (0, 0)
    assert found["cached"] > 0
    state = sqlite3.connect(tmp_path / "cache" / cache.FILE).execute("PRAGMA integrity_check")
    assert state.fetchone() == ("ok",)


@pytest.mark.ci
def test_two_gates_at_once_score_each_text_once(tmp_path: Path) -> None:
    save(tmp_path / "model")
    found = in_fresh_process(TWO, tmp_path, 2)
    assert found["far"] < 1e-5
    (first, one, said), (second, two, also) = found["gates"]
    assert first == second
    assert sorted([one, two]) == [0, found["texts"]]
    assert said == also == []


@pytest.mark.parametrize("seed", range(12))
def test_a_database_that_is_cut_short_is_moved_and_started_anew(tmp_path: Path, seed: int) -> None:
    path = filled(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: random.Random(seed).randrange(1, len(content) - 1)])
    source, remarks = gate(tmp_path)
    assert source.asked == len(TEXTS)
    (remark,) = remarks
    assert remark.startswith(f"{path}: damaged (")
    assert remark.endswith("); moved to scores.sqlite.corrupt, starting with an empty cache")
    assert gate(tmp_path)[0].asked == 0  # the next run finds what this one kept


@pytest.mark.parametrize("seed", range(12))
def test_a_database_with_garbage_is_moved_and_started_anew(tmp_path: Path, seed: int) -> None:
    """Whole pages, or single bytes everywhere: texts and the table's own definition among them."""
    path = filled(tmp_path)
    content, rng = bytearray(path.read_bytes()), random.Random(seed)
    if seed % 2:
        for _ in range(4):
            start = rng.randrange(len(content) // 4096) * 4096
            content[start : start + 4096] = rng.randbytes(4096)
    else:
        for _ in range(len(content) // 50):
            content[rng.randrange(len(content))] = rng.randrange(128, 256)
    path.write_bytes(bytes(content))
    source, remarks = gate(tmp_path)
    assert source.asked == len(TEXTS)
    assert len(remarks) == 1
    assert remarks[0].startswith(f"{path}: damaged (")
    assert remarks[0].endswith("); moved to scores.sqlite.corrupt, starting with an empty cache")
    assert "\n" not in remarks[0]
    assert gate(tmp_path)[0].asked == 0


def test_an_empty_file_is_an_empty_cache(tmp_path: Path) -> None:
    (tmp_path / cache.FILE).touch()
    assert gate(tmp_path)[1] == []
    assert gate(tmp_path)[0].asked == 0


def test_a_garbled_log_beside_the_database_changes_no_score(tmp_path: Path) -> None:
    path = filled(tmp_path)
    path.with_name(f"{cache.FILE}-wal").write_bytes(random.Random(0).randbytes(9000))
    gate(tmp_path)
    assert gate(tmp_path)[0].asked == 0


@pytest.mark.parametrize(
    ("name", "message", "said"),
    [
        ("SQLITE_IOERR", "disk I/O error", "disk I/O error; "),
        (
            "SQLITE_FULL",
            "database or disk is full",
            "no space left on the disk; free some space, or ",
        ),
        ("SQLITE_BUSY", "database is locked", "database is locked; "),
        (
            "SQLITE_CANTOPEN_ISDIR",
            "unable to open database file",
            "unable to open database file; give this user access to it, or ",
        ),
        (
            "SQLITE_READONLY",
            "attempt to write a readonly database",
            "attempt to write a readonly database; give this user access to it, or ",
        ),
        (
            "SQLITE_PERM",
            "access permission denied",
            "permission denied; give this user access to it, or ",
        ),
    ],
)
def test_what_is_in_the_way_leaves_the_file_alone_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str, said: str
) -> None:
    path = filled(tmp_path)
    before = path.read_bytes()

    def refused(self: ScoreStore) -> sqlite3.Connection:
        error = sqlite3.OperationalError(message)
        error.sqlite_errorname = name  # type: ignore[misc]
        raise error

    monkeypatch.setattr(ScoreStore, "_open", refused)
    source, remarks = gate(tmp_path)
    assert source.asked == len(TEXTS)
    remedy = "use another folder with --rm-cache"
    assert remarks == [f"{path}: scores are not cached: {said}{remedy}"]
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert gate(tmp_path)[0].asked == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own, 192 KB small."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = _mount("-t", "tmpfs", "-o", "size=192k", "tmpfs", str(folder))
    if mounted:
        pytest.skip(f"no small disk can be mounted here: {mounted}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*arguments: str) -> str:
    """Mount something; why it cannot be."""
    try:
        done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return done.stderr.strip() or ("" if done.returncode == 0 else f"exit {done.returncode}")


def test_a_disk_that_fills_up_while_scoring(disk: Path) -> None:
    source, remarks = gate(disk)
    assert source.asked == len(TEXTS)
    (remark,) = remarks
    assert remark.startswith(f"{disk / cache.FILE}: scores are not cached: ")
    assert "no space left on the disk; free some space, or use another folder" in remark
    again, _ = gate(disk)
    assert again.asked <= len(TEXTS)


def test_a_disk_that_is_full_before(disk: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (disk / "ballast").write_bytes(bytes(1 << 20))
    source, remarks = gate(disk)
    assert source.asked == len(TEXTS)
    assert len(remarks) == 1
    assert "scores are not cached" in remarks[0]
    # With room again, the cache works again.
    (disk / "ballast").unlink()
    (disk / cache.FILE).unlink(missing_ok=True)
    store = ScoreStore(disk)
    CachedSource(Mean(), store).score(TEXTS[:100])
    assert store.remarks == []


def test_a_read_only_disk_answers_and_keeps_nothing_new(disk: Path) -> None:
    store = ScoreStore(disk)
    CachedSource(Mean(), store).score(TEXTS[:500])
    store.close()
    assert _mount("-o", "remount,ro", str(disk)) == ""
    source, remarks = gate(disk)
    assert source.asked == len(TEXTS) - 500
    (remark,) = remarks
    assert remark.startswith(f"{disk / cache.FILE}: new scores are not cached: ")


def test_a_read_only_disk_without_a_cache(disk: Path) -> None:
    assert _mount("-o", "remount,ro", str(disk)) == ""
    source, remarks = gate(disk / "below")
    assert source.asked == len(TEXTS)
    (remark,) = remarks
    assert "scores are not cached" in remark
    assert "ead-only" in remark
