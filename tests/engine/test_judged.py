"""Verdicts as they are written: plain JSON, whatever numbers they were made of."""

from __future__ import annotations

import numpy as np
from builders import make_pairs, make_suite

from rmcheck.checks.win_rate import WinRate
from rmcheck.engine.judged import check_record, undecided_record
from rmcheck.record.run import CheckRecord
from rmcheck.suite import BoundCheck
from rmcheck.verdict import Dot, Estimate, Evidence, Picture, Scatter, Table, Verdict

PAIRS = make_pairs(20)


def test_typed_pictures_are_written_as_free_ones_are() -> None:
    typed = Scatter(
        title="T", x_label="x", y_label="y", points=(Dot(np.float64(1), 2.0, "kept_right", "a"),)
    )
    free = Picture(kind="scatter", title="T", data=typed.data)
    verdict = Verdict(
        decision="pass", outcome="pass", message="m", evidence=Evidence(pictures=(typed, free))
    )
    suite = make_suite(PAIRS, (WinRate(min=0.5),))
    one, other = check_record(BoundCheck(suite, suite.checks[0], 7), verdict, 0.0).evidence.pictures
    assert one == other
    assert one.model_dump(mode="json") == {
        "kind": "scatter",
        "title": "T",
        "data": {"points": [[1.0, 2.0, "kept_right", "a"]], "x_label": "x", "y_label": "y"},
    }


def test_verdicts_become_plain_json() -> None:
    suite = make_suite(PAIRS, (WinRate(min=0.5),), gate="advisory")
    estimate = Estimate(
        value=np.float64(0.5), low=np.float32(0.25), high=0.75, level=0.95, method="wilson",
        n=np.int64(20), n_groups=20,
    )  # fmt: skip
    verdict = Verdict(
        decision="pass",
        outcome="pass",
        message="m",
        estimate=estimate,
        criterion={"min": np.float64(0.5), "rates": (0.1, np.float32(0.5))},
        p_value=np.float64(0.25),
        weak=np.bool_(True),  # type: ignore[arg-type]
        evidence=Evidence(
            pictures=(Picture(kind="forest", title="T", data={"x": np.arange(3), 1: (1, 2)}),),
            tables=(Table(title="T", columns=("a",), rows=((np.int64(1),),)),),
            pairs=("p000",),
        ),
    )
    found = check_record(BoundCheck(suite, suite.checks[0], 7), verdict, 0.123456)
    assert CheckRecord.model_validate_json(found.model_dump_json()) == found
    assert (found.id, found.kind, found.gate, found.line) == (
        "chat::win_rate",
        "win_rate",
        "advisory",
        7,
    )
    assert found.criterion == {"min": 0.5, "rates": [0.1, 0.5]}
    assert found.evidence.pictures[0].data == {"x": [0, 1, 2], "1": [1, 2]}
    assert found.evidence.tables[0].rows == [[1]]
    assert (found.weak, found.p_value, found.duration_s) == (True, 0.25, 0.1235)
    skipped = undecided_record(
        BoundCheck(suite, suite.checks[0], 7), outcome="skipped", message="why"
    )
    assert (skipped.outcome, skipped.decision, skipped.message) == ("skipped", None, "why")
