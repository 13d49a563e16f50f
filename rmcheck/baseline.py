"""Baselines: run folders kept under a name, and the reward source that such a folder is."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from rmcheck import record
from rmcheck.errors import UsageError, did_you_mean
from rmcheck.record import RunRecord
from rmcheck.sources import RewardSource, SourceOptions, create

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Baseline:
    """A kept run: its name, its folder, and what was recorded."""

    name: str
    folder: Path
    record: RunRecord

    def source(self, options: SourceOptions) -> RewardSource:
        """Its scores as a reward source; knows the pairs of that run and no other text."""
        return create(f"scores:{self.folder / record.SCORES}", options)


def names(folder: Path) -> list[str]:
    """The names of the baselines kept below `folder`, sorted."""
    if not folder.is_dir():
        return []
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if _NAME.fullmatch(entry.name) and (entry / record.RESULTS).is_file()
    )


def find(name: str, folder: Path) -> Baseline:
    """The baseline of that name.

    Raises
    ------
    UsageError
        When there is none: with the names there are, or how to bless the first.
    """
    known = names(folder)
    if name not in known:
        remedy = did_you_mean(name, known) if known else f"bless one first: rmcheck bless {name}"
        raise UsageError(f"no baseline '{name}' in {folder}; {remedy}")
    return Baseline(name, folder / name, record.read(folder / name))


def bless(run: Path, folder: Path, name: str) -> Path:
    """Keep the run folder `run` as the baseline `name`; give its new place.

    Raises
    ------
    UsageError
        For a name that cannot be a folder's, or a run that is incomplete or had errors.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"baseline name {name!r}: use letters, digits, '.', '_' and '-'")
    found = record.read(run)
    rows = record.read_scores(run)
    if found.incomplete or found.outcome == "error":
        what = "was interrupted" if found.incomplete else "had errors"
        raise UsageError(f"{run}: this run {what}; run the gate to its end, then bless it")
    if not rows:
        raise UsageError(f"{run}: this run scored no pairs, so nothing could be compared with it")
    target = folder / name
    staging = folder / f".{name}.new"
    shutil.rmtree(staging, ignore_errors=True)
    record.write(staging, found, rows)
    old = folder / f".{name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    staging.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target
