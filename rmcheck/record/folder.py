"""A run on disk: `results.json`, `scores.jsonl` and its reports, written and read as a unit."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from rmcheck.documents.regular import regular_bytes
from rmcheck.errors import Problem, ProblemsFound, UsageError
from rmcheck.record.replacement import replacing, settle
from rmcheck.record.run import RESULTS, SCHEMA_VERSION, SCORES, RunRecord
from rmcheck.record.scores import PairScore
from rmcheck.record.table import ScoreTable
from rmcheck.wording import counted

PAGE = "index.html"
SUMMARY = "summary.md"
OWN = (RESULTS, SCORES, PAGE, SUMMARY)
"""The files of a run. None of another run stays beside a new one."""
_AT_ONCE = 10_000


def write(
    folder: Path,
    record: RunRecord,
    scores: Iterable[PairScore],
    reports: Callable[[Path], object] | None = None,
) -> None:
    """Write a run into `folder`, in place of the run that is there.

    A kill or a full disk at any moment leaves the run of before or the new one, never files of
    both: see `rmcheck.record.replacement`.

    Parameters
    ----------
    reports
        Called with the folder in which the record and its scores were written; adds the reports.

    Raises
    ------
    OSError
        When something cannot be written; the run of before is still there.
    """
    with replacing(folder, OWN) as staging:
        stamp = _write_rows(staging / SCORES, ScoreTable.of(scores))
        whole = record.model_copy(update={"scores_hash": stamp})
        text = whole.model_dump_json(indent=1) + "\n"
        (staging / RESULTS).write_text(text, encoding="utf-8", newline="\n")
        if reports is not None:
            reports(staging)


def _write_rows(path: Path, rows: ScoreTable) -> str:
    """Write rows a few thousand at a time; the hash of the whole file."""
    digest = hashlib.sha256()
    lines = rows.lines()
    with path.open("wb") as file:
        while part := "".join(islice(lines, _AT_ONCE)).encode():
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def present(folder: Path) -> bool:
    """Whether `folder` contains a run; completes what a killed process began to write.

    Raises
    ------
    UsageError
        When that cannot be finished.
    """
    if not folder.is_dir():
        return False
    try:
        settle(folder)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"{folder}: a run was interrupted while writing its files here, and they cannot be "
            f"completed ({error}); make the directory writable, or delete it and run the gate again"
        ) from None
    return (folder / RESULTS).is_file()


def _finite(text: str) -> float:
    """A number of JSON; ValueError for NaN, Infinity and what is as large as that."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is not a finite number")
    return number


def _whole(text: str) -> int:
    """A whole number of JSON; ValueError for one that no float can hold."""
    _finite(text)
    return int(text)


def read(folder: Path) -> RunRecord:
    """Read `results.json` of a run folder.

    Raises
    ------
    UsageError
        When the file is missing, or was written by another version of rmcheck.
    """
    path = folder / RESULTS
    if not present(folder):
        raise UsageError(
            f"{folder}: not a run folder: it has no {RESULTS}; `pytest suites/` writes one "
            "(default reports/latest)"
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read as JSON ({error}); run the gate again") from None
    return _record(content, str(path))


@lru_cache(maxsize=2)  # a gate asks for its baseline three times
def _record(content: bytes, path: str) -> RunRecord:
    try:
        raw = json.loads(
            content.decode("utf-8"),
            parse_constant=_finite,
            parse_float=_finite,
            parse_int=_whole,
        )
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: cannot be read as JSON ({error}); run the gate again") from None
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if version != SCHEMA_VERSION:
        raise UsageError(
            f"{path}: expected schema_version {SCHEMA_VERSION}, got {version!r}; "
            "run the gate again with this version"
        )
    try:
        return RunRecord.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: {place}: {first['msg']}; run the gate again") from None


def verify_scores(folder: Path, record: RunRecord) -> None:
    """Raise where `scores.jsonl` is not the file that was written with `results.json`.

    A record of before 0.2.0 has no hash of it; then the rows are counted, if all pairs of its
    suites were scored.

    Raises
    ------
    UsageError
        When the file is missing, cannot be read, or belongs to another run.
    """
    _verify(folder / SCORES, _content(folder / SCORES), record)


def _content(path: Path) -> bytes:
    try:
        return regular_bytes(path)
    except FileNotFoundError:
        said = f"{path}: file not found; it must be in the same folder as {RESULTS}"
        raise UsageError(said) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error}); run the gate again") from None


def _verify(path: Path, content: bytes, record: RunRecord) -> None:
    if record.scores_hash and _hash(content) != record.scores_hash:
        raise UsageError(
            f"{path}: does not match {RESULTS} in the same folder (the file was "
            "edited, truncated or copied from another run); restore both files, or run the gate "
            "again and bless that run"
        )
    if record.scores_hash:
        return
    rows = sum(not line.isspace() and bool(line) for line in content.split(b"\n"))
    if 0 < rows < record.pairs:
        raise UsageError(
            f"{path}: {counted(rows, 'row')} for the {counted(record.pairs, 'pair')} of the suites "
            f"in {RESULTS}; if the file was truncated, restore it, else run the gate again and "
            "bless that run"
        )


def read_scores(folder: Path, record: RunRecord | None = None) -> ScoreTable:
    """Read `scores.jsonl` of a run folder, in file order.

    Parameters
    ----------
    record
        What `read` gave for the folder: then the scores must belong to it.

    Raises
    ------
    ProblemsFound
        With the line of each row that is not a valid score.
    UsageError
        When the file is missing, not text, or not the record's.
    """
    path = folder / SCORES
    content = _content(path)
    if record is not None:
        _verify(path, content, record)
    try:
        text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
    except ValueError as error:
        raise UsageError(f"{path}: cannot be read ({error}); run the gate again") from None
    del content
    plain = ScoreTable.of_text(text)
    if plain is not None:
        return plain
    rows: list[PairScore] = []
    problems: list[Problem] = []
    # Not splitlines: an id may hold a line separator of Unicode.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            rows.append(PairScore.model_validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "row"
            problems.append(Problem(str(path), number, 1, f"{place}: {first['msg']}"))
    if problems:
        raise ProblemsFound(problems)
    return ScoreTable.of(rows)
