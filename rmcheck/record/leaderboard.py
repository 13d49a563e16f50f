"""The results file of a benchmark's leaderboard, from the record of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rmcheck.errors import UsageError
from rmcheck.record.run import CheckRecord, RunRecord
from rmcheck.wording import listed

KIND = "benchmark"


def benchmark_checks(run: RunRecord) -> list[tuple[CheckRecord, str]]:
    """The checks of that kind that were decided, each with the name of its benchmark."""
    return [
        (check, str(check.criterion["benchmark"]))
        for suite in run.suites
        for check in suite.checks
        if check.kind == KIND and check.criterion.get("benchmark")
    ]


def parts_of(check: CheckRecord, title: str) -> dict[str, float]:
    """The value of each part and total that the check has measured."""
    found: dict[str, float] = {}
    for table in check.evidence.tables:
        value = table.columns.index("value") if "value" in table.columns else None
        if value is not None:
            rows = [row for row in table.rows if row[value] is not None]
            ours = {str(row[0]): float(row[value]) for row in rows}
            found = {**found, **ours} if table.title == title else {**ours, **found}
    return found


def results_file(
    run: RunRecord, check: CheckRecord, wanted: Sequence[str], *, model: str, title: str
) -> str:
    """The text of the file: model, kind of model, template, and each subset's score.

    As `save_to_hub` in `rewardbench/utils.py` of github.com/allenai/reward-bench (05a9005) writes
    it: JSON with sorted keys.

    Parameters
    ----------
    wanted
        The subsets that the file lists.
    title
        The title of the check's table of parts.

    Raises
    ------
    UsageError
        When the run lacks some of them: the file would claim more than was measured.
    """
    values = parts_of(check, title)
    missing = [name for name in wanted if name not in values]
    if missing:
        raise UsageError(
            f"{check.id}: the run has no score of {listed(missing, limit=8)}, which the results "
            "file lists; run the whole benchmark"
        )
    template = next((suite.source for suite in run.suites if check in suite.checks), None)
    source = template or run.source
    rows: dict[str, Any] = {
        "model": model,
        "model_type": "Seq. Classifier" if source.beta is None else "DPO",
        "chat_template": source.template or "unknown",
    }
    return json.dumps(rows | {name: values[name] for name in wanted}, indent=4, sort_keys=True)
