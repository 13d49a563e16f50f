"""Replace the files of a folder together: after a kill, all are old, or all are new.

The new files are written into a folder of their own within the target; one rename of that folder
commits them. What follows (old files out, new files in) can be repeated, so whoever reads the
target, or writes to it next, first finishes what a killed process began: `settle`. Between the
commit and that moment the target may lack files, but it never holds files of two runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

_NEW = ".rmcheck-new"
_READY = ".rmcheck-ready"
_FILES = ".files.json"
"""In the folder that is ready: the names of all its files, and of those that must go."""


@contextlib.contextmanager
def replacing(folder: Path, own: Sequence[str]) -> Iterator[Path]:
    """A folder to write new files into; when the block ends, they replace the old ones.

    Parameters
    ----------
    folder
        Where the files go; made when it is not there.
    own
        Names of files in `folder` that are removed where they were not written anew. The first
        one is put in place last: who sees it may read the others. Any other file stays.

    Raises
    ------
    OSError
        When something cannot be written. Unless the new files were complete by then, `folder` is
        as it was before.
    """
    settle(folder)
    _sweep(folder)
    staging = folder / f"{_NEW}.{os.getpid()}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
        names = sorted((path.name for path in staging.iterdir()), key=lambda name: name in own[:1])
        told = json.dumps({"files": names, "old": sorted({*own} - {*names})})
        (staging / _FILES).write_text(told, encoding="utf-8")
        staging.rename(folder / _READY)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        with contextlib.suppress(OSError):
            folder.rmdir()  # only where this call has made it
        raise
    settle(folder)


def settle(folder: Path) -> None:
    """Put files in place that a killed process had written in full; nothing where there are none.

    Raises
    ------
    OSError
        When that is not possible (a read-only folder).
    """
    ready = folder / _READY
    try:
        told = json.loads((ready / _FILES).read_text(encoding="utf-8"))
    except FileNotFoundError:
        _discard(ready)
        return
    waiting = [name for name in told["files"] if (ready / name).exists()]
    for name in (*told["old"], *waiting):
        (folder / name).unlink(missing_ok=True)
    for name in waiting:
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            (ready / name).replace(folder / name)
    _discard(ready)


def unfinished(folder: Path) -> bool:
    """Whether the folder contains only what a killed process had begun to write."""
    entries = list(folder.iterdir()) if folder.is_dir() else []
    return all(entry.name.startswith(_NEW) for entry in entries)


def _discard(ready: Path) -> None:
    """Remove the folder whose files were all moved; the list of them goes last."""
    if ready.is_dir():
        (ready / _FILES).unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            ready.rmdir()


def _sweep(folder: Path) -> None:
    """Remove what killed processes had begun to write; best effort."""
    for left in folder.glob(f"{_NEW}.*"):
        if not _alive(left.name.rpartition(".")[2]):
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except PermissionError:
        pass
    return True
