"""Worse than the baseline over all runs, and verdicts that changed on the same inputs."""

from __future__ import annotations

from typing import Any

from builders import run_record

from rmcheck.record.digest import digest
from rmcheck.record.history import HistoryCheck, HistoryRun, HistorySource, line_of, whole
from rmcheck.record.inputs import InputsRecord
from rmcheck.record.ledger import flakes
from rmcheck.record.run import BaselineRecord, CheckRecord, DataRecord, RunRecord, SuiteRecord
from rmcheck.record.standing import standings
from rmcheck.report.over_time import lines

MAIN = BaselineRecord(name="main", fingerprint="b", kept="2025-01-01T00:00:00Z")
CHECK = "chat::no_regression"


def a_run(day: int, p: float | None, value: float = -0.03, **fields: Any) -> HistoryRun:
    check = {
        "outcome": "pass", "state": "inconclusive", "value": value, "p_less": p,
        "inputs": f"model {day}",
    }  # fmt: skip
    check.update({key: fields.pop(key) for key in list(fields) if key in HistoryCheck.model_fields})
    given = {"baseline": MAIN, **fields}
    return HistoryRun(
        started=f"2025-02-{day:02d}T02:00:00Z",
        outcome="pass",
        source=HistorySource(spec="recipe:tiny", fingerprint="c"),
        checks={CHECK: HistoryCheck.model_validate(check)},
        **given,
    )


def test_each_look_has_its_share_of_alpha() -> None:
    # The third look is tested at 0.05/(3·4) = 0.00417.
    before = [a_run(1, 0.4), a_run(2, 0.03)]
    assert standings([*before, a_run(3, 0.0042)]) == ()
    (found,) = standings([*before, a_run(3, 0.0041, value=-0.031)])
    assert (found.check, found.baseline, found.checkpoints) == (CHECK, "main", 3)
    assert found.since.started.startswith("2025-02-03")
    assert found.p == 0.0041 * 12
    # The first at 0.025: what the gate's own first look would be.
    assert standings([a_run(1, 0.0249)])
    assert not standings([a_run(1, 0.0251)])


def test_it_stays_known_and_says_when_a_later_checkpoint_is_no_longer_below() -> None:
    runs = [a_run(1, 0.001, value=-0.05), a_run(2, 0.2, value=-0.01)]
    (found,) = standings(runs)
    assert (found.then, found.now, found.recovered) == (-0.05, -0.01, False)
    (found,) = standings([*runs, a_run(3, 0.9, value=0.01)])
    assert found.recovered
    (line,) = lines([*runs, a_run(3, 0.9, value=0.01)])
    assert "was worse than baseline 'main' in the run of 2025-02-01 02:00 (−5.0 points)" in line
    assert "the latest checkpoint is not below it (+1.0 points); p=0.002" in line


def test_the_same_inputs_again_are_no_new_look() -> None:
    same = [a_run(day, 0.3, inputs="one model") for day in range(1, 9)]
    assert standings([*same, a_run(20, 0.008)])[0].checkpoints == 2  # tested at 0.05/6
    assert standings([*same, a_run(20, 0.0084)]) == ()
    # What cannot be recognised counts each time: the ninth is tested at 0.05/90.
    unknown = [a_run(day, 0.3, inputs="") for day in range(1, 9)]
    assert standings([*unknown, a_run(20, 0.001, inputs="")]) == ()


def test_a_new_baseline_begins_anew_and_the_baseline_itself_is_no_look() -> None:
    other = BaselineRecord(name="main", fingerprint="b", kept="2024-12-01T00:00:00Z")
    old = [a_run(day, 1e-9, baseline=other) for day in range(1, 5)]
    assert standings([*old, a_run(10, 0.4)]) == ()
    itself = [a_run(day, 1.0, state="identical", value=0.0) for day in range(5, 9)]
    (found,) = standings([*old, *itself, a_run(10, 0.02)])
    assert found.checkpoints == 1
    assert standings([*old, a_run(10, 0.02, baseline=None)]) == ()


def test_comparisons_share_alpha() -> None:
    assert standings([a_run(1, 0.004, comparisons=5)])
    assert standings([a_run(1, 0.006, comparisons=5)]) == ()


def test_numbers_at_and_past_the_ends_are_read_as_they_were_meant() -> None:
    assert standings([a_run(1, 0.0)])
    assert standings([a_run(1, 7.0, comparisons=0)]) == ()
    assert standings([a_run(1, -1.0, comparisons=-3)])


def test_one_run_alone_says_nothing_more_than_the_gate() -> None:
    assert lines([a_run(1, 1e-9)]) == []


def test_a_verdict_that_changed_on_the_same_inputs() -> None:
    first = a_run(1, 0.5, inputs="same", outcome="fail", state="regressed")
    other = a_run(2, 0.5, inputs="other")
    now = a_run(3, 0.5, inputs="same")
    (found,) = flakes([first, other, now])
    assert (found.check, found.earlier) == (CHECK, first)
    assert (found.before, found.now) == ("fail (regressed)", "pass (inconclusive)")
    (line,) = [each for each in lines([first, other, now]) if each.startswith("UNSTABLE")]
    assert "fail (regressed) in the run of 2025-02-01 02:00, pass (inconclusive) now" in line


def test_what_is_no_flake() -> None:
    now = a_run(3, 0.5, inputs="same")
    assert flakes([]) == ()
    assert flakes([a_run(1, 0.5, inputs="same", value=-0.02), now]) == ()
    assert flakes([a_run(1, 0.5, inputs="same", outcome="error", state=None), now]) == ()
    assert flakes([a_run(1, 0.5, inputs="else", outcome="fail"), now]) == ()
    unknown = a_run(1, 0.5, inputs="", outcome="fail")
    assert flakes([unknown, a_run(3, 0.5, inputs="")]) == ()


def a_record(**fields: Any) -> RunRecord:
    check = CheckRecord(
        id=CHECK, kind="no_regression", gate="required", outcome="pass", message="m", p_less=0.25
    )
    suite = SuiteRecord(
        name="chat", path="suites/chat.yaml", hash="s", checks=[check],
        data=DataRecord(hash="d", pairs=20, groups=20),
    )  # fmt: skip
    given = {"suites": [suite], "inputs": InputsRecord(comparisons=3), "run_id": "00"}
    return run_record(**{**given, **fields})


def test_the_hash_is_of_all_that_decides_and_of_nothing_else() -> None:
    def of(**fields: Any) -> str:
        record = a_record(**fields)
        return digest(record, record.suites[0], record.suites[0].checks[0])

    known = of()
    assert len(known) == 16
    assert of(started="2030-01-01T00:00:00Z", run_id="ff", duration_s=99.0, commit="x") == known
    changes: list[dict[str, Any]] = [
        {"seed": 1}, {"rmcheck": "9"}, {"baseline": MAIN}, {"inputs": InputsRecord(comparisons=4)},
        {"inputs": InputsRecord(comparisons=3, packages={"numpy": "3"})},
    ]  # fmt: skip
    assert len({known, *(of(**change) for change in changes)}) == 1 + len(changes)
    record = a_record()
    nameless = record.model_copy(update={"source": record.source.model_copy(
        update={"fingerprint": None})})  # fmt: skip
    assert digest(nameless, nameless.suites[0], nameless.suites[0].checks[0]) == ""
    assert of(inputs=None) == ""


def test_the_line_has_them_and_only_required_comparisons_are_looks() -> None:
    line = line_of(a_record())
    assert (line.run_id, line.comparisons, line.checks[CHECK].p_less) == ("00", 3, 0.25)
    suite = a_record().suites[0]
    advisory = suite.checks[0].model_copy(update={"gate": "advisory"})
    record = a_record(suites=[suite.model_copy(update={"checks": [advisory]})])
    assert line_of(record).checks[CHECK].p_less is None


def test_runs_of_one_second_keep_the_order_of_the_file() -> None:
    record = a_record(run_id="b")
    before, own, after = (line_of(a_record(run_id=name)) for name in "abc")
    later = before.model_copy(update={"started": "2999-01-01T00:00:00Z", "run_id": "d"})
    assert whole([before, own, after], record) == (before, own)
    assert whole([before, later], record) == (before, own)
