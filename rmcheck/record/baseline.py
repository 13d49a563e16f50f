"""Baselines: run folders kept under a name, and the reward source that such a folder is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rmcheck import checks
from rmcheck.errors import BaselineRefused, RmcheckError, UsageError, did_you_mean
from rmcheck.record import run as record
from rmcheck.record.run import PairScore, RunRecord, SourceRecord
from rmcheck.reward_source import Source, SourceOptions
from rmcheck.sources import create
from rmcheck.wording import be, counted, listed

LATEST = "latest"
"""Stands for the baseline that was blessed last."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Baseline:
    """A kept run: its name, its folder, and what was recorded."""

    name: str
    folder: Path
    record: RunRecord

    def source(self, options: SourceOptions) -> Source:
        """Its scores as a reward source; knows the pairs of that run and no other text."""
        return create(f"scores:{self.folder / record.SCORES}", options)

    def source_of(self, suite: str) -> SourceRecord:
        """Who scored a suite of it; the suites of a merged baseline may differ in that."""
        found = next((each.source for each in self.record.suites if each.name == suite), None)
        return found or self.record.source


def refuse_unlike(candidate: SourceRecord, kept: SourceRecord, name: str) -> None:
    """Let scores be compared with the baseline `name` only where both were given texts alike.

    Raises
    ------
    BaselineRefused
        When the sources are of one kind and differ in template or length limit.
    """
    unlike = candidate.reads_unlike(kept)
    if unlike:
        raise BaselineRefused(
            f"{candidate.spec} reads its texts unlike the baseline '{name}' ({unlike}), so a "
            "change of the model could not be told from a change of the reading; keep this run as "
            "a new baseline: rmcheck bless"
        )


def names(folder: Path) -> list[str]:
    """The names of the baselines kept below `folder`, sorted."""
    if not folder.is_dir():
        return []
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if _NAME.fullmatch(entry.name)
        and entry.name != LATEST
        and (entry / record.RESULTS).is_file()
    )


def known(name: str, folder: Path) -> bool:
    """Whether `find` has an answer."""
    found = names(folder)
    return name in found or (name == LATEST and bool(found))


def find(name: str, folder: Path) -> Baseline:
    """The baseline of that name; `latest` is the one that was blessed last.

    Raises
    ------
    UsageError
        When there is none: with the names there are, or how to bless the first.
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
    return Baseline(name, folder / name, record.read(folder / name))


def every(folder: Path) -> list[Baseline]:
    """All baselines, the one blessed last at the end.

    The order is told by the files' content, not by their time stamps, which a checkout changes.
    """
    kept = [Baseline(name, folder / name, record.read(folder / name)) for name in names(folder)]
    return sorted(kept, key=lambda one: (one.record.blessed or "", one.record.started, one.name))


@dataclass(frozen=True)
class Blessing:
    """A run about to be kept under a name, merged with what is kept there already.

    `replaced` and `kept` are the names of suites of the old baseline, `added` those that are new.
    """

    name: str
    folder: Path
    record: RunRecord
    rows: tuple[PairScore, ...]
    added: tuple[str, ...]
    replaced: tuple[str, ...]
    kept: tuple[str, ...]

    def keep(self) -> Path:
        """Write the baseline; it appears by one rename. Gives its folder.

        Raises
        ------
        UsageError
            When the folder cannot be written to.
        """
        target = self.folder / self.name
        staging, old = (self.folder / f".{self.name}.{word}" for word in ("new", "old"))
        try:
            blessed = self.record.model_copy(update={"blessed": _next_time(self.folder)})
            shutil.rmtree(staging, ignore_errors=True)
            record.write(staging, blessed, self.rows)
            shutil.rmtree(old, ignore_errors=True)
            if target.exists():
                target.rename(old)
            staging.rename(target)
        except OSError as error:
            why = error.strerror or error
            raise UsageError(f"{target}: the baseline cannot be written ({why})") from None
        shutil.rmtree(old, ignore_errors=True)
        return target


def _next_time(folder: Path) -> str:
    """Now, or just after the last blessing where another clock was ahead."""
    now = datetime.now(UTC)
    times = [one.record.blessed for one in every(folder) if one.record.blessed]
    if times:
        now = max(now, datetime.fromisoformat(max(times)) + timedelta(microseconds=1))
    return now.isoformat(timespec="microseconds").replace("+00:00", "Z")


def bless(run: Path, folder: Path, name: str, *, red: bool = False) -> Path:
    """Keep the run folder `run` as the baseline `name`, as `prepare` says; give its new place."""
    return prepare(run, folder, name, red=red).keep()


def prepare(run: Path, folder: Path, name: str, *, red: bool = False) -> Blessing:
    """What blessing the run folder `run` as `name` would keep; `red` allows required failures.

    Suites of the run take the place of those of the same name; all others stay as they are. A
    suite of which the run scored nothing stays as it is, too.

    Raises
    ------
    UsageError
        For a name that cannot be a folder's; for a run that is incomplete, had errors, or scored
        nothing; for one in which required checks failed or were left out, unless `red`; for a
        suite of which it scored only a part and the baseline has more.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"baseline name {name!r}: use letters, digits, '.', '_' and '-'")
    if name == LATEST:
        raise UsageError(f"'{LATEST}' stands for the baseline blessed last; choose another name")
    found, rows = record.read(run), record.read_scores(run)
    if found.gap or _failed_to_score(found):
        what = f"is incomplete ({found.gap})" if found.gap else "had errors"
        remedy = "mend it and run the gate again" if found.unread else "run the gate to its end"
        raise UsageError(f"{run}: this run {what}; {remedy}, then bless it")
    if not rows:
        raise UsageError(f"{run}: this run scored no pairs, so nothing could be compared with it")
    if found.left_out and not red:
        count = len(found.left_out)
        raise UsageError(
            f"{run}: {counted(count, 'required check')} of its suites ({listed(found.left_out)}) "
            f"{be(count, past=True)} not selected, and may fail; run these suites whole, then "
            "bless that run, or keep this one all the same: --red"
        )
    if found.red and not red:
        raise UsageError(
            f"{run}: {failures(found)}, and no later run would have to do better; run the gate on "
            "a model that passes, then bless that run, or keep this one all the same: --red"
        )
    if name not in names(folder):
        added = tuple(suite.name for suite in found.suites)
        return Blessing(name, folder, found, tuple(rows), added, (), ())
    return _merged(name, folder, found, rows)


def failures(run: RunRecord) -> str:
    """How many required checks of a run failed, and which."""
    failed = [check.id for check in run.red]
    return f"{counted(len(failed), 'required check')} failed in it ({listed(failed)})"


def _failed_to_score(found: RunRecord) -> bool:
    """Whether a check ended in an error for another reason than the old baseline."""
    for check in (check for suite in found.suites for check in suite.checks):
        if check.outcome == "error" and not checks.compares(check.kind):
            return True
    return False


def _merged(name: str, folder: Path, found: RunRecord, rows: Sequence[PairScore]) -> Blessing:
    target = folder / name
    try:
        old, old_rows = record.read(target), record.read_scores(target)
    except RmcheckError as error:
        raise UsageError(f"the baseline '{name}' cannot be added to: {error}") from None
    _refuse_parts(name, found, rows, old_rows)
    scored, before = {row.suite for row in rows}, {suite.name for suite in old.suites}
    taken = [each for each in found.suites if each.name in scored or each.name not in before]
    new = {each.name for each in taken}
    stay = [each for each in old.suites if each.name not in new]
    suites = sorted([*stay, *taken], key=lambda each: each.path)
    place = {each.name: number for number, each in enumerate(suites)}
    both = [row for row in old_rows if row.suite not in new] + [r for r in rows if r.suite in new]
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
        tuple(sorted(both, key=lambda row: place.get(row.suite, len(place)))),
        added=tuple(each for each in place if each in new - before),
        replaced=tuple(each for each in place if each in new & before),
        kept=tuple(each for each in place if each not in new),
    )


def _refuse_parts(
    name: str, found: RunRecord, rows: Iterable[PairScore], old_rows: Iterable[PairScore]
) -> None:
    """A suite of which a part was scored must not take the place of one that has more."""
    mine, theirs = _ids(rows), _ids(old_rows)
    for suite in found.suites:
        ids, others = mine.get(suite.name, set()), theirs.get(suite.name, set())
        if ids and len(ids) < suite.data.pairs and others - ids:
            raise UsageError(
                f"{suite.name}: this run scored {len(ids)} of {suite.data.pairs} pairs and the "
                f"baseline '{name}' has {len(others)}; run the whole suite, then bless it, or "
                "bless this run under another name"
            )


def _ids(rows: Iterable[PairScore]) -> dict[str, set[str]]:
    """Ids of scored pairs by suite."""
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.suite, set()).add(row.id)
    return found
