"""`early_stop` and `--rm-early-stop` in a gate: what is scored, recorded, printed and blessed."""

from __future__ import annotations

import pytest

from .projects import Project, pairs, text_of

ROWS = pairs(200)
CHECK = {"check": "win_rate", "min": 0.7, "early_stop": True}


def test_a_gate_that_stops_early_tells_it_and_is_no_baseline(project: Project) -> None:
    project.suite("chat", CHECK, rows=ROWS)
    project.model()
    result = project.run()
    result.assert_outcomes(passed=1)
    check = project.checks()["chat::win_rate"]
    looked = check["looked"]
    assert looked["of"] == 200
    assert looked["pairs"] == len(looked["ids"]) == check["estimate"]["n"] < 60
    assert len(project.calls()) == 2 * looked["pairs"]
    assert {row["id"] for row in project.rows()} == set(looked["ids"])
    left = 400 - 2 * looked["pairs"]
    note = f"chat::win_rate: early_stop left {left} of 400 texts unscored"
    assert f"note: {note}" in text_of(result)
    assert project.record()["scoring"]["remarks"] == [note]
    summary = (project.root / "reports/latest/summary.md").read_text(encoding="utf-8")
    assert note in summary.replace("\\_", "_")
    page = (project.root / "reports/latest/index.html").read_text(encoding="utf-8")
    assert f"{looked['pairs']} of 200 pairs" in page
    assert f"look {looked['look']} of {looked['looks']} decided" in page
    assert "100 % interval" not in page
    said = project.cli("bless")
    assert said.code == 4
    assert "run the gate with --rm-early-stop off, then bless that run" in said.err[0]

    # As the message says: all pairs are scored, and the run can be blessed.
    project.run("--rm-early-stop", "off").assert_outcomes(passed=1)
    assert project.checks()["chat::win_rate"]["looked"] is None
    assert len(project.rows()) == 200
    assert project.cli("bless").code == 0
    # Then a gate that stops early is compared on what it looks at.
    project.suite("chat", CHECK, {"check": "no_regression", "early_stop": True})
    project.model(change="* -1")
    project.run().assert_outcomes(failed=2)
    check = project.checks()["chat::no_regression"]
    assert check["state"] == "regressed"
    assert check["looked"]["pairs"] < 60
    assert check["left_out"] == 0


def test_the_ini_key_and_a_bad_value(project: Project) -> None:
    project.ini("rm_early_stop = on")
    project.suite("chat", "win_rate", rows=ROWS)
    project.model()
    project.run().assert_outcomes(passed=1)
    assert project.checks()["chat::win_rate"]["looked"]["pairs"] < 60
    result = project.run("--rm-early-stop", "yes")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--rm-early-stop='yes': expected on or off" in text_of(result)
