"""How the checks went over time: `history.jsonl`, one line a run, appended and never rewritten.

A line holds what a trend is drawn from and nothing else, so a file of a thousand runs stays small;
the runs themselves are kept as baselines. Lines of a later version may hold more keys: they are
read for what this version knows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from rmcheck.documents.regular import regular_bytes, require_regular
from rmcheck.record.digest import digest
from rmcheck.record.run import BaselineRecord, CheckOutcome, CheckRecord, RunRecord

HISTORY = "history.jsonl"
MOST_RUNS = 50


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class HistorySource(_Model):
    """The reward source of a run: how it was asked for, and what its scores depend on."""

    spec: str
    fingerprint: str | None = None


class HistoryCheck(_Model):
    """The result of a check in a run; `value`, `low` and `high` are None if undecided.

    `inputs` is a hash of all that the verdict depends on (empty: not known), `p_less` the
    one-sided p of a required comparison.
    """

    outcome: CheckOutcome
    state: str | None = None
    weak: bool = False
    value: FiniteFloat | None = None
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    inputs: str = ""
    p_less: FiniteFloat | None = None


class HistoryRun(_Model):
    """A line of `history.jsonl`: one run; `checks` by id (`suite::name`), in the suites' order.

    `comparisons` is m, the number of required comparisons that alpha was divided by.
    """

    schema_version: Literal[1] = 1
    started: str
    outcome: Literal["pass", "fail", "error"]
    incomplete: bool = False
    source: HistorySource
    baseline: BaselineRecord | None = None
    seed: int = 0
    commit: str | None = None
    run_id: str = ""
    comparisons: int = 1
    checks: dict[str, HistoryCheck]


@dataclass(frozen=True)
class History:
    """The runs of a file in its order, and the numbers (from 1) of lines that are not runs."""

    runs: Sequence[HistoryRun] = ()
    broken: Sequence[int] = ()


def line_of(record: RunRecord) -> HistoryRun:
    """The line that a run leaves."""
    return HistoryRun(
        started=record.started,
        outcome=record.outcome,
        incomplete=bool(record.gap),
        source=HistorySource(spec=record.source.spec, fingerprint=record.source.fingerprint),
        baseline=record.baseline,
        seed=record.seed,
        commit=record.commit,
        run_id=record.run_id,
        comparisons=record.inputs.comparisons if record.inputs else 1,
        checks={
            check.id: _check(check, digest(record, suite, check))
            for suite in record.suites
            for check in suite.checks
        },
    )


def _check(check: CheckRecord, inputs: str) -> HistoryCheck:
    estimate = check.estimate
    return HistoryCheck(
        outcome=check.outcome,
        state=check.state,
        weak=check.weak,
        value=estimate.value if estimate else None,
        low=estimate.low if estimate else None,
        high=estimate.high if estimate else None,
        inputs=inputs,
        p_less=check.p_less if check.gate == "required" else None,
    )


def beside(folder: Path, root: Path) -> Path:
    """The file for the runs that leave their report in `folder`.

    Beside the folder, so that it outlives each report (`reports/history.jsonl` for
    `reports/latest`); within it, where the folder's parent is the project's root.
    """
    return (folder if folder.parent == root else folder.parent) / HISTORY


def append(path: Path, run: HistoryRun) -> None:
    """Add a line in one write, so that two runs at once leave two whole lines.

    A file that ends within a line (a disk that was full) loses that line only.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = run.model_dump_json() + "\n"
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    try:
        require_regular(file)
        size = os.fstat(file).st_size
        if size and os.pread(file, 1, size - 1) != b"\n":
            line = "\n" + line
        os.write(file, line.encode("utf-8"))
    finally:
        os.close(file)


def read(path: Path) -> History:
    """Read a history; a missing file is an empty history, a line that is not a run is skipped.

    Raises
    ------
    OSError
        When the file is there and cannot be read.
    """
    try:
        content = regular_bytes(path)
    except FileNotFoundError:
        return History()
    runs: list[HistoryRun] = []
    broken: list[int] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            runs.append(HistoryRun.model_validate_json(line))
        except ValidationError:
            broken.append(number)
    return History(tuple(runs), tuple(broken))


def whole(runs: Sequence[HistoryRun], record: RunRecord) -> tuple[HistoryRun, ...]:
    """All runs that end with this one, by time; those of its second by their place in the file."""
    own = line_of(record)
    known = [run.run_id for run in runs]
    if record.run_id and record.run_id in known:
        runs = runs[: known.index(record.run_id)]
    earlier = [run for run in runs if run.started <= record.started and run != own]
    return (*sorted(earlier, key=lambda run: run.started), own)


def up_to(runs: Sequence[HistoryRun], record: RunRecord) -> tuple[HistoryRun, ...]:
    """The last `MOST_RUNS` runs that end with this one, by time, whatever was appended since.

    A report that is rendered again years later is therefore the one that the gate wrote; and it
    needs no line of its own run.
    """
    return whole(runs, record)[-MOST_RUNS:]
