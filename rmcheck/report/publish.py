"""From a run folder to its reports: find the texts and the baseline, render every format."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rmcheck import collector
from rmcheck.data import preferences
from rmcheck.errors import RmcheckError, UsageError
from rmcheck.record import baseline as baselines
from rmcheck.record import folder as folders
from rmcheck.record import history as histories
from rmcheck.record.history import HistoryRun
from rmcheck.record.replacement import replacing
from rmcheck.record.run import RunRecord
from rmcheck.record.table import ScoreTable, one_each
from rmcheck.report import ReportInput, TextsByHash, TextsOf
from rmcheck.suite import Suite, load_suite


def report_input(
    folder: Path,
    *,
    root: Path,
    kept: Path,
    history: Path | None = None,
    rows: ScoreTable | None = None,
    suites: Iterable[Suite] = (),
) -> ReportInput:
    """The input of a report; what cannot be found is left out.

    `kept` is the folder of the baselines, `history` the file of earlier runs (None: no trend).
    `rows` are the scores in the folder, and `suites` some with their data, where the caller has
    them: a million pairs need not be read again.
    """
    record = folders.read(folder)
    scores = one_each(folders.read_scores(folder, record) if rows is None else rows)
    return ReportInput(
        record=record,
        scores=scores,
        baseline=_baseline(record, kept),
        texts=_texts(record, scores, root, suites),
        history=_history(history),
    )


def root_of(folder: Path) -> Path:
    """The project's root folder, which the paths in the record of a run start from.

    The nearest folder above the run, or else above the current folder, that contains a file of
    the record; otherwise the current folder.
    """
    record, here = folders.read(folder), Path.cwd()
    paths = [path for suite in record.suites for path in (suite.path, *suite.data.paths)]
    for root in (*folder.resolve().parents, here, *here.parents):
        if any((root / path).is_file() for path in paths if not Path(path).is_absolute()):
            return root
    return here


@dataclass(frozen=True)
class Published:
    """The reports of a run by file name, and a remark for each format that failed.

    `stale` names the files of failed formats: what an earlier run wrote there is not this run's.
    `where` says in which slices a run got worse; empty for any other run. `over_time` is what the
    history says.
    """

    texts: Mapping[str, str]
    stale: Sequence[str] = ()
    remarks: Sequence[str] = ()
    where: str = ""
    over_time: Sequence[str] = ()


@collector.paused()
def render(
    folder: Path,
    *,
    root: Path,
    kept: Path,
    history: Path | None = None,
    texts_of: TextsOf = "failing",
    rows: ScoreTable | None = None,
    suites: Iterable[Suite] = (),
) -> Published:
    """Every report of the run in `folder`: `index.html`, `summary.md`, and other packages'.

    A format of another package that fails adds a remark; it never fails the run. `rows` and
    `suites` as for `report_input`.
    """
    from rmcheck.report.formats import FORMATS

    found = report_input(folder, root=root, kept=kept, history=history, rows=rows, suites=suites)
    found = replace(found, texts_of=texts_of)
    worse = ""
    if any(check.state == "regressed" for suite in found.record.suites for check in suite.checks):
        # Any other run needs no search, and does not wait for what that imports.
        from rmcheck.report.where import headline, where_of

        found = replace(found, where=where_of(found))
        worse = headline(found.where) if found.where else ""
    formats, broken = FORMATS.sound()
    remarks = [str(error) for error in broken]
    texts: dict[str, str] = {}
    failed: list[str] = []
    for name, each in formats.items():
        try:
            text = each.render(found)
            if each.file_name in texts:
                raise ValueError(f"another format writes {each.file_name}; choose another name")
            if not isinstance(text, str):
                raise ValueError(f"render must return text, got {type(text).__name__}")
            texts[each.file_name] = text
        except Exception as error:
            if name in FORMATS.ours:
                raise
            failed.append(each.file_name)
            remarks.append(str(FORMATS.broken(name, error)))
    stale = [name for name in failed if name not in texts]
    return Published(texts, stale, remarks, worse, found.over_time)


def write(reports: Mapping[str, str], folder: Path) -> None:
    """Write reports into a new folder, or the one that `replacing` yields."""
    for name, text in reports.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")


def publish(
    folder: Path,
    *,
    root: Path,
    kept: Path,
    history: Path | None = None,
    texts_of: TextsOf = "failing",
) -> Published:
    """Render the reports into the run folder and replace the old ones.

    Raises
    ------
    UsageError
        When they cannot be written; the old reports are kept.
    """
    published = render(folder, root=root, kept=kept, history=history, texts_of=texts_of)
    try:
        with replacing(folder, published.stale) as staging:
            write(published.texts, staging)
    except OSError as error:
        why = error.strerror or error
        raise UsageError(f"{folder}: cannot write the reports ({why})") from None
    return published


def _baseline(record: RunRecord, kept: Path) -> tuple[RunRecord, ScoreTable] | None:
    if record.baseline is None or record.baseline.name not in baselines.names(kept):
        return None
    try:
        found = baselines.find(record.baseline.name, kept)
        return found.record, one_each(folders.read_scores(found.folder, found.record))
    except RmcheckError:
        return None


def _history(path: Path | None) -> Sequence[HistoryRun]:
    if path is None:
        return ()
    try:
        return histories.read(path).runs
    except OSError:
        return ()


def _texts(
    record: RunRecord, scores: ScoreTable, root: Path, loaded: Iterable[Suite]
) -> TextsByHash:
    """Texts by the pair's hash, from the data files that the record names.

    A suite that renames columns is loaded as the gate loads it. Texts of a hub data set are left
    out: a report uses no network.
    """
    texts = TextsByHash()
    for each in loaded:
        texts.add(each.data.pairs)
    lacking = _lacking(scores, texts)
    paths = {path for suite in record.suites if suite.name in lacking for path in suite.data.paths}
    for path in sorted(paths):
        if (root / path).is_file():
            with suppress(RmcheckError):
                texts.add(preferences.load([root / path]).pairs)
    lacking = _lacking(scores, texts)
    for suite in record.suites:
        if suite.name in lacking and any((root / path).is_file() for path in suite.data.paths):
            with suppress(RmcheckError):
                texts.add(load_suite(root / suite.path, root).data.pairs)
    return texts


def _lacking(scores: ScoreTable, texts: Container[str]) -> set[str]:
    """The suites with a pair whose texts are not there."""
    both = zip(scores.suites, scores.hashes, strict=True)
    return {suite for suite, stamp in both if stamp not in texts}
