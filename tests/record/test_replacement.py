"""A folder is replaced as a whole, wherever its writer is killed or its disk is full."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from rmcheck.record.replacement import replacing, settle, unfinished

OWN = ("a.txt", "b.txt", "gone.txt")


def full_disk() -> OSError:
    """What a write raises where no room is left."""
    return OSError(errno.ENOSPC, "No space left on device")


class Killed(BaseException):
    """What stands for SIGKILL: no handler of the code under test may run after it."""


OPERATIONS = (
    (os, "mkdir"), (os, "rename"), (os, "replace"), (os, "unlink"), (os, "rmdir"), (os, "open"),
)  # fmt: skip


@contextmanager
def failing(
    monkeypatch: pytest.MonkeyPatch, at: int, error: Callable[[], BaseException], *, dead: bool
) -> Iterator[list[int]]:
    """Let the operation number `at` on files fail; when `dead`, all later ones fail as well."""
    seen = [0]
    with monkeypatch.context() as patch:
        for module, name in OPERATIONS:
            original = getattr(module, name)

            def counted(*args: Any, _original: Any = original, **options: Any) -> Any:
                seen[0] += 1
                if seen[0] == at or (dead and seen[0] > at):
                    raise error()
                return _original(*args, **options)

            patch.setattr(module, name, counted)
        original_open = Path.open

        def opened(self: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
            if "w" in mode:
                seen[0] += 1
                if seen[0] == at or (dead and seen[0] > at):
                    raise error()
            return original_open(self, mode, *args, **options)

        patch.setattr(Path, "open", opened)
        yield seen


def old(folder: Path) -> dict[str, str]:
    """A folder as an earlier run left it, with a file of the user's."""
    folder.mkdir(parents=True)
    content = {"a.txt": "old a", "b.txt": "old b", "gone.txt": "old", "mine.txt": "the user's"}
    for name, text in content.items():
        (folder / name).write_text(text)
    return content


def write(folder: Path) -> None:
    """What a new run writes."""
    with replacing(folder, OWN) as staging:
        for name in ("a.txt", "b.txt"):
            (staging / name).write_text(f"new {name}")


NEW = {"a.txt": "new a.txt", "b.txt": "new b.txt", "mine.txt": "the user's"}


def content(folder: Path) -> dict[str, str]:
    """The files that a person sees."""
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}


def test_new_files_take_the_place_of_the_old_ones(tmp_path: Path) -> None:
    old(tmp_path / "run")
    write(tmp_path / "run")
    assert content(tmp_path / "run") == NEW
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(NEW)


@pytest.mark.parametrize("fresh", [True, False])
def test_a_kill_at_every_operation_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    states = set()
    for at in range(1, 100):
        folder = tmp_path / f"run-{at}"
        before = {} if fresh else old(folder)
        with failing(monkeypatch, at, Killed, dead=True) as seen, suppress(Killed):
            write(folder)
        if seen[0] < at:
            break
        if folder.is_dir():
            now = content(folder)
            # Before anybody settles it: some files may be missing, none is of another run.
            seen_of = {text.split()[0] for name, text in now.items() if name != "mine.txt"}
            assert len(seen_of) < 2, now
            settle(folder)
        after = content(folder) if folder.is_dir() else {}
        wanted = {name: text for name, text in NEW.items() if name != "mine.txt" or not fresh}
        assert after in (before, wanted), at
        if fresh and after == {} and folder.is_dir():
            assert unfinished(folder)
        states.add(after == wanted)
        write(folder)  # the next run finds its way
        assert content(folder) == wanted
        assert {path.name for path in folder.iterdir()} == set(wanted)
    assert states == {True, False}
    assert at > 10


def test_a_full_disk_at_every_operation_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = 0
    for at in range(1, 100):
        folder = tmp_path / f"run-{at}"
        before = old(folder)
        with failing(monkeypatch, at, full_disk, dead=False) as seen:
            try:
                write(folder)
            except OSError:
                failures += 1
        if seen[0] < at:
            break
        settle(folder)
        assert content(folder) in (before, NEW), at
    assert failures > 5


def test_a_block_that_fails_changes_nothing(tmp_path: Path) -> None:
    before = old(tmp_path / "run")
    with pytest.raises(IsADirectoryError), replacing(tmp_path / "run", OWN) as staging:
        staging.write_text("a folder is no file")
    assert content(tmp_path / "run") == before
    assert {path.name for path in (tmp_path / "run").iterdir()} == set(before)


def test_a_new_folder_that_was_not_filled_is_gone(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "run", OWN):
        raise KeyboardInterrupt
    assert not (tmp_path / "run").exists()


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "precious").write_text("precious")
    (folder / "a.txt").symlink_to(tmp_path / "precious")
    write(folder)
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (folder / "a.txt").is_symlink()


def test_what_a_living_process_writes_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / f".rmcheck-new.{os.getppid()}").mkdir(parents=True)
    (folder / ".rmcheck-new.999999999").mkdir()
    write(folder)
    assert [path.name for path in folder.iterdir() if path.is_dir()] == [
        f".rmcheck-new.{os.getppid()}"
    ]
