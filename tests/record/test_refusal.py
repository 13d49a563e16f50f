"""Which runs `bless` refuses: one answer, for the command and for the reports that invite to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import make_pairs, pair_scores, run_record

from rmcheck.errors import UsageError
from rmcheck.record import baseline
from rmcheck.record import folder as folders
from rmcheck.record import run as record
from rmcheck.record.refusal import bless_refusal
from rmcheck.record.run import CheckRecord, DataRecord, RunRecord, SuiteRecord
from rmcheck.report.sentence import invitation

PAIRS = make_pairs(20)


def a_run(*, check: dict[str, Any] | None = None, pairs: int = 20, **changes: Any) -> RunRecord:
    values = {"kind": "win_rate", "gate": "required", "outcome": "pass", **(check or {})}
    decided = CheckRecord(id="chat::one", message="", **values)
    data = DataRecord(hash="", pairs=pairs, groups=pairs)
    suite = SuiteRecord(name="chat", path="suites/chat.yaml", data=data, checks=[decided])
    return run_record(suites=[suite], **changes)


RUNS = {
    "passed": (a_run(), None, "rmcheck bless main"),
    "advisory failure": (
        a_run(check={"gate": "advisory", "outcome": "fail"}), None, "rmcheck bless main",
    ),
    "failed": (a_run(check={"outcome": "fail"}), "red", "rmcheck bless main --red"),
    "left out": (a_run(left_out=["chat::two"]), "left out", None),
    "stopped": (a_run(incomplete=True), "unfinished", None),
    "unread": (a_run(unread=["suites/a.yaml"]), "unfinished", None),
    "error": (a_run(check={"outcome": "error"}), "unfinished", None),
    "no pairs": (a_run(pairs=0), "unscored", None),
    "stopped early": (
        a_run(check={"looked": {"look": 2, "looks": 9, "pairs": 15, "of": 20}}),
        "stopped early",
        None,
    ),
    "last look": (
        a_run(check={"looked": {"look": 9, "looks": 9, "pairs": 20, "of": 20}}),
        None,
        "rmcheck bless main",
    ),
    # Its error may be the old baseline's, which the new one would take the place of.
    "error of a comparison": (
        a_run(check={"kind": "mine", "compares": True, "outcome": "error"}),
        None,
        "rmcheck bless main",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_the_command_and_the_invitation_agree(tmp_path: Path, name: str) -> None:
    run, why, command = RUNS[name]
    refusal = bless_refusal(run)
    assert (refusal and refusal.why) == why
    found = invitation(run)
    assert (found and found.command) == command
    n = run.suites[0].data.pairs
    rows = pair_scores(PAIRS[:n], ([1.0] * n, [0.0] * n))
    folders.write(tmp_path / "run", run, rows)

    def refused(**options: bool) -> str:
        try:
            baseline.prepare(tmp_path / "run", tmp_path / "kept", "main", **options)
        except UsageError as error:
            return str(error)
        return ""

    assert refused() == (f"{tmp_path / 'run'}: {refusal.said}" if refusal else "")
    assert bool(refused(red=True)) == (why in ("unfinished", "unscored", "stopped early"))


def test_a_run_without_a_row_of_scores_is_refused_though_its_suites_have_pairs() -> None:
    refusal = bless_refusal(a_run(), scored=False)
    assert refusal is not None
    assert (refusal.why, refusal.overruled_by_red) == ("unscored", False)


def test_a_run_that_has_a_baseline_invites_to_nothing() -> None:
    run = a_run(baseline=record.BaselineRecord(name="main"))
    assert bless_refusal(run) is None
    assert invitation(run) is None
