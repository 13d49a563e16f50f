"""Baselines: run folders kept under a name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rmcheck.errors import RmcheckError, UsageError, did_you_mean
from rmcheck.record import folder as folders
from rmcheck.record import run as record
from rmcheck.record.refusal import bless_refusal
from rmcheck.record.replacement import unfinished
from rmcheck.record.run import RunRecord, SourceRecord, SuiteRecord
from rmcheck.record.table import ScoreTable

LATEST = "latest"
"""Means the baseline that was blessed last."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Baseline:
    """A kept run: its name, its folder, and what was recorded."""

    name: str
    folder: Path
    record: RunRecord

    @property
    def scores(self) -> Path:
        """The file of its scores."""
        return self.folder / record.SCORES

    def source_of(self, suite: str) -> SourceRecord:
        """Who scored a suite of it; the suites of a merged baseline may differ in that."""
        found = next((each.source for each in self.record.suites if each.name == suite), None)
        return found or self.record.source


def names(folder: Path) -> list[str]:
    """The names of the baselines kept below `folder`, sorted."""
    if not folder.is_dir():
        return []
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if _NAME.fullmatch(entry.name) and entry.name != LATEST and folders.present(entry)
    )


def known(name: str, folder: Path) -> bool:
    """Whether `find` has an answer."""
    found = names(folder)
    return name in found or (name == LATEST and bool(found))


def refuse_lost(name: str, folder: Path, earlier: Iterable[str] = ()) -> None:
    """Raise an error if a baseline existed before and is missing now; a new project passes.

    Parameters
    ----------
    earlier
        The baselines that earlier runs were compared with.

    Raises
    ------
    UsageError
        If a part of it or one with a similar name exists, or an earlier run was compared with it.
    """
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    anyway = "to run without a comparison: --rm-baseline none"
    for entry in entries:
        begun = entry.is_dir() and any(entry.iterdir()) and unfinished(entry)
        if entry.name == name and not begun:
            raise UsageError(
                f"{entry}: the baseline has no {record.RESULTS}; restore it, or delete the "
                f"directory and bless a run: rmcheck bless {name} ({anyway})"
            )
        if entry.name != name and entry.name.casefold() == name.casefold():
            raise UsageError(
                f"baseline '{name}' not found in {folder}, but '{entry.name}' is there; rename it "
                f"to '{name}' ({anyway})"
            )
        if entry.name.casefold() in (f".{name}.old".casefold(), f".{name}.new".casefold()):
            raise UsageError(
                f"baseline '{name}' not found in {folder}, but '{entry.name}' is there: blessing "
                f"was interrupted; rename it to '{name}', or delete it and bless a run: rmcheck "
                f"bless {name} ({anyway})"
            )
    if name in earlier:
        raise UsageError(
            f"baseline '{name}' not found in {folder}, but earlier runs were compared with it "
            f"(see the history of runs); restore it, or bless a run: rmcheck bless {name} "
            f"({anyway})"
        )


def find(name: str, folder: Path) -> Baseline:
    """The baseline of that name; `latest` is the one that was blessed last.

    Raises
    ------
    UsageError
        When it does not exist: with the known names, or how to bless the first.
    """
    if not known(name, folder):
        there_are = names(folder)
        first = "main" if name == LATEST else name
        remedy = (
            did_you_mean(name, [*there_are, LATEST])
            if there_are
            else f"bless one first: rmcheck bless {first}"
        )
        raise UsageError(f"no baseline '{name}' in {folder}; {remedy}")
    if name == LATEST:
        return every(folder)[-1]
    return Baseline(name, folder / name, folders.read(folder / name))


def every(folder: Path) -> list[Baseline]:
    """All baselines, the one blessed last at the end.

    The order comes from the files' content, not from their time stamps, which a checkout changes.
    """
    kept = [Baseline(name, folder / name, folders.read(folder / name)) for name in names(folder)]
    return sorted(kept, key=lambda one: (one.record.blessed or "", one.record.started, one.name))


@dataclass(frozen=True)
class Blessing:
    """A run about to be kept under a name, merged with what is kept there already.

    `replaced` and `kept` are the names of suites of the old baseline, `added` those that are new,
    `removed` those that are gone from the project.
    """

    name: str
    folder: Path
    record: RunRecord
    rows: ScoreTable
    added: tuple[str, ...]
    replaced: tuple[str, ...]
    kept: tuple[str, ...]
    removed: tuple[str, ...] = ()

    def keep(self) -> Path:
        """Write the baseline: a kill leaves the old one or the new one. Gives its folder.

        Raises
        ------
        UsageError
            When the folder cannot be written to.
        """
        target = self.folder / self.name
        try:
            blessed = self.record.model_copy(update={"blessed": _next_time(self.folder)})
            folders.write(target, blessed, self.rows)
        except OSError as error:
            why = error.strerror or error
            raise UsageError(f"{target}: baseline cannot be written ({why})") from None
        return target


def _next_time(folder: Path) -> str:
    """Now, or just after the last blessing where another clock was ahead."""
    now = datetime.now(UTC)
    times = [one.record.blessed for one in every(folder) if one.record.blessed]
    if times:
        now = max(now, datetime.fromisoformat(max(times)) + timedelta(microseconds=1))
    return now.isoformat(timespec="microseconds").replace("+00:00", "Z")


def bless(run: Path, folder: Path, name: str, *, red: bool = False) -> Path:
    """Save the run folder `run` as the baseline `name` (see `prepare`); return its new path."""
    return prepare(run, folder, name, red=red).keep()


def prepare(run: Path, folder: Path, name: str, *, red: bool = False) -> Blessing:
    """What blessing the run folder `run` as `name` would keep; `red` allows required failures.

    Suites of the run replace those of the same name; all others are kept, unless the run was one
    of the whole project. A suite in which the run scored nothing is kept, too; one of response sets
    alone, which has no scores of pairs, is replaced if the run decided any of its checks.

    Raises
    ------
    UsageError
        For an invalid name; for a run that is incomplete, had errors, or scored nothing; for one in
        which required checks failed or were not selected, unless `red`; for a suite that it
        scored in part when the baseline has more pairs of it.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"invalid baseline name {name!r}: use letters, digits, '.', '_' and '-'")
    if name == LATEST:
        raise UsageError(f"'{LATEST}' means the baseline blessed last; choose another name")
    if name == "none":
        raise UsageError("'none' means no baseline (--rm-baseline none); choose another name")
    found = folders.read(run)
    rows = folders.read_scores(run, found)
    refusal = bless_refusal(found, scored=bool(rows))
    if refusal and not (red and refusal.overruled_by_red):
        raise UsageError(f"{run}: {refusal.said}")
    if name not in names(folder):
        added = tuple(suite.name for suite in found.suites)
        return Blessing(name, folder, found, rows, added, (), ())
    return _merged(name, folder, found, rows)


def _merged(name: str, folder: Path, found: RunRecord, rows: ScoreTable) -> Blessing:
    target = folder / name
    try:
        old = folders.read(target)
        old_rows = folders.read_scores(target, old)
    except RmcheckError as error:
        raise UsageError(f"baseline '{name}' cannot be updated: {error}") from None
    _refuse_parts(name, found, rows, old_rows)
    scored, before = set(rows.suites), {suite.name for suite in old.suites}
    paired = set(old_rows.suites)
    taken = [
        each
        for each in found.suites
        if each.name in scored
        or each.name not in before
        or (each.name not in paired and _decided(each))
    ]
    new = {each.name for each in taken}
    here = {each.name for each in found.suites}
    gone = [each.name for each in old.suites if found.whole and each.name not in here]
    stay = [each for each in old.suites if each.name not in new and each.name not in gone]
    suites = sorted([*stay, *taken], key=lambda each: each.path)
    place = {each.name: number for number, each in enumerate(suites)}
    left = {each.name for each in stay}
    both = ScoreTable.joined([old_rows.of_suites(left), rows.of_suites(new)])
    order = sorted(range(len(both)), key=lambda row: place.get(both.suites[row], len(place)))
    trained = {one.fingerprint: one for one in [*(old.training if stay else []), *found.training]}
    merged = found.model_copy(
        update={
            "suites": suites,
            "outcome": record.outcome(suites),
            "training": list(trained.values()),
        }
    )
    return Blessing(
        name,
        folder,
        merged,
        both.take(order),
        added=tuple(each for each in place if each in new - before),
        replaced=tuple(each for each in place if each in new & before),
        kept=tuple(each for each in place if each not in new),
        removed=tuple(gone),
    )


def _decided(suite: SuiteRecord) -> bool:
    """Whether any of its checks has a verdict."""
    return any(check.outcome not in {"skipped", "error"} for check in suite.checks)


def _refuse_parts(name: str, found: RunRecord, rows: ScoreTable, old_rows: ScoreTable) -> None:
    """A suite that was scored in part must not replace one that has more pairs."""
    mine, theirs = _ids(rows), _ids(old_rows)
    for suite in found.suites:
        ids, others = mine.get(suite.name, set()), theirs.get(suite.name, set())
        if ids and len(ids) < suite.data.pairs and others - ids:
            raise UsageError(
                f"{suite.name}: this run scored {len(ids)} of {suite.data.pairs} pairs and the "
                f"baseline '{name}' has {len(others)}; run the whole suite, then bless it, or "
                "bless this run under another name"
            )


def _ids(rows: ScoreTable) -> dict[str, set[str]]:
    """Ids of scored pairs by suite."""
    found: dict[str, set[str]] = {}
    for suite, name, _ in rows.keys():  # noqa: SIM118 - three columns, not a mapping
        found.setdefault(suite, set()).add(name)
    return found
