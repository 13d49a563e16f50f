"""`rmcheck selftest` on a small project."""

from __future__ import annotations

import json
import shutil

import pytest
from plugin.projects import Project, Row, jsonl, pairs


@pytest.fixture
def gate(project: Project) -> Project:
    """Two suites, blessed, and then run with a model that swaps some pairs."""
    project.model()
    for name in ("chat", "code"):
        project.suite(name, "win_rate", "no_regression", rows=pairs(60, wrong=range(6), name=name))
    project.run().assert_outcomes(passed=2, skipped=2)
    project.cli("bless")
    rows = [swapped(row) if row["id"][-1] in "37" else row for row in project.rows()]
    project.write("other.jsonl", jsonl(rows))
    (project.root / "conftest.py").unlink()
    project.run("--rm", "scores:other.jsonl")
    return project


def swapped(row: Row) -> Row:
    return {**row, "chosen": row["rejected"], "rejected": row["chosen"]}


def test_what_it_prints(gate: Project) -> None:
    said = gate.cli("selftest", "--runs", "200")
    assert said.code == 0
    assert said.out[0].startswith("equal models: ")
    assert "of 200 simulated runs failed [" in said.out[0]
    assert said.out[0].endswith("within alpha (5 %); 2 required comparisons, seed 0")
    head = said.out[3].split()
    assert head == [
        "pairs", "differ", "equal", "1", "pt", "2", "pt", "3", "pt", "5", "pt", "detects",
        "max_drop",
    ]  # fmt: skip
    chat = said.out[4].split()
    # Every tenth pair ends in 3 and another in 7: 12 of 60 have changed sides.
    assert chat[:4] == ["chat::no_regression", "60", "20", "%"]
    assert chat[-2:] == ["2.0", "pt"]
    assert said.out[6:8] == ["", "too few pairs for their max_drop:"]
    assert said.out[8].startswith("  chat::no_regression: 60 pairs, max_drop 2.0 points, detects")
    assert said.out[8].endswith("pairs would detect 4.0")
    assert any("200/200" in line for line in said.err)


def test_json_says_the_same(gate: Project) -> None:
    said = gate.cli("selftest", "--runs", "50", "--format", "json", "--seed", "4")
    found = json.loads("\n".join(said.out))
    assert (found["runs"], found["seed"], found["comparisons"], found["alpha"]) == (50, 4, 2, 0.05)
    assert set(found["equal_models"]) == {"value", "low", "high"}
    assert found["cries_wolf"] is False
    assert [check["id"] for check in found["checks"]] == [
        "chat::no_regression", "code::no_regression",
    ]  # fmt: skip
    chat = found["checks"][0]
    assert (chat["n"], chat["n_groups"], chat["assumed"], chat["too_small"]) == (
        60,
        60,
        False,
        True,
    )
    assert chat["discordant"] == 0.2
    assert [entry["drop"] for entry in chat["caught"]] == [0.01, 0.02, 0.03, 0.05]
    assert gate.cli("selftest", "--runs", "50", "--format", "json", "--seed", "4").out == said.out


def test_a_measure_is_said_beside_its_check(gate: Project) -> None:
    gate.suite("code", {"check": "no_regression", "measure": "rank_log_loss"})
    said = gate.cli("selftest", "--runs", "20")
    assert said.out[5].startswith("code::no_regression by rank_log_loss ")
    assert not any("†" in line for line in said.out)  # both models' margins are known
    found = json.loads("\n".join(gate.cli("selftest", "--runs", "20", "--format", "json").out))
    for key in ("measure", "detected_by"):
        assert [check[key] for check in found["checks"]] == ["win_rate", "rank_log_loss"]


def test_without_a_baseline_what_is_detected_is_that_of_the_win_rate(gate: Project) -> None:
    gate.suite("code", {"check": "no_regression", "measure": "rank_log_loss"})
    shutil.rmtree(gate.root / "fixtures/baselines")
    said = gate.cli("selftest", "--runs", "20")
    assert "†" in said.out[5]
    assert "†" not in said.out[4]
    assert "† by win rate alone; the shares that fail are those of the measure" in said.out


def test_early_stopping_is_simulated_and_what_it_saves_is_told(gate: Project) -> None:
    gate.suite("code", {"check": "no_regression", "early_stop": True})
    said = gate.cli("selftest", "--runs", "20")
    place = said.out.index(
        "early_stop: share of the texts that are scored, for equal models and by loss"
    )
    assert said.out[place + 1].split() == ["equal", "1", "pt", "2", "pt", "3", "pt", "5", "pt"]
    row = said.out[place + 2].replace(" %", "").split()
    assert row[0] == "code::no_regression"
    assert all(25.0 <= float(share) <= 100.0 for share in row[1:])  # 15 prompts at least
    assert said.out[place + 3] == ""
    found = json.loads("\n".join(gate.cli("selftest", "--runs", "20", "--format", "json").out))
    chat, code = found["checks"]
    assert "early_stop" not in chat
    assert [entry["drop"] for entry in code["early_stop"]] == [0.0, 0.01, 0.02, 0.03, 0.05]
    assert all(0.25 <= entry["share"] <= 1.0 for entry in code["early_stop"])
    # The setting of the run decides for all checks.
    gate.write("pytest.ini", "[pytest]\nrm_early_stop = off\n")
    assert not [line for line in gate.cli("selftest", "--runs", "20").out if "early_stop" in line]


def test_without_a_baseline_it_says_what_it_assumes(gate: Project) -> None:
    said = gate.cli("selftest", "--runs", "20", "--against", "reports/latest")
    assert "20 %*" in said.out[4]
    assert said.out[6] == (
        "* assumed: this run and reports/latest win and lose the same pairs, or share too few pairs"
    )
    for path in (gate.root / "fixtures/baselines/main").iterdir():
        path.unlink()
    said = gate.cli("selftest", "--runs", "20")
    assert said.out[6] == (
        "* assumed: no baseline to measure how often two models differ; give one with "
        "--against NAME"
    )


def test_a_gate_that_cries_wolf_ends_with_one(gate: Project) -> None:
    strict = {"check": "no_regression", "require": "non_inferior"}
    gate.suite("chat", strict)
    said = gate.cli("selftest", "--runs", "100")
    assert said.code == 1
    assert "more than alpha (5 %)" in said.out[0]


MISTAKES = [
    (
        ["--run", "gone"],
        "gone: not a run folder: it has no results.json; `pytest suites/` writes one",
    ),
    (["--against", "mian"], "'mian' is not a run folder, a known baseline (main)"),
    (["--suites", "gone"], "gone is not a directory; give the folder of suites with --suites"),
    (
        ["--suites", "suites/plain"],
        "suites/plain: no comparison to simulate: no suite has the check no_reg",
    ),
    (
        ["--suites", "data"],
        "data: no comparison to simulate: no suite matches rmcheck_files",
    ),
    (["--runs", "0"], "argument --runs: 0 is less than 1"),
    (["--runs", "many"], "argument --runs"),
    (["--seed", "x"], "argument --seed"),
]


def test_mistakes_are_one_line(gate: Project) -> None:
    gate.suite("plain", "win_rate", rows=pairs(30), folder="suites/plain")
    for arguments, message in MISTAKES:
        said = gate.cli("selftest", *arguments)
        assert said.code == 4
        assert said.out == []
        assert len(said.err) == 1
        assert message in said.err[0]


def test_other_suites_than_those_of_the_run(gate: Project) -> None:
    gate.suite("art", "no_regression", rows=pairs(40, name="art"))
    said = gate.cli("selftest", "--runs", "20")
    assert said.code == 0
    assert said.out[-1] == (
        "reports/latest has no scores for art; run `pytest suites/` first (running only some "
        "suites overwrites the previous results)"
    )
    assert "3 required comparisons" in said.out[0]


def test_a_run_of_other_suites_alone_says_what_to_do_first(gate: Project) -> None:
    gate.suite("art", "win_rate", rows=pairs(40, name="art"))
    gate.model()
    gate.run("suites/art.yaml").assert_outcomes(passed=1)
    said = gate.cli("selftest", "--runs", "20")
    assert (said.code, said.out, said.err) == (
        4,
        [],
        [
            "rmcheck selftest: suites: no comparison to simulate: reports/latest has no scores "
            "for chat and code; run `pytest suites/` first (running only some suites overwrites "
            "the previous results)"
        ],
    )


def test_pairs_without_a_score_are_counted(gate: Project) -> None:
    gate.data("chat", [*pairs(60, wrong=range(6), name="chat"), *pairs(1, name="new")])
    said = gate.cli("selftest", "--runs", "20")
    assert said.out[-1] == "chat::no_regression: reports/latest has no scores for 1 pair"


def test_nights_and_bisect_are_sections_of_their_own(gate: Project) -> None:
    asked = ("selftest", "--runs", "10", "--nights", "8", "--bisect")
    said = gate.cli(*asked)
    assert said.code == 0
    told = [line for line in said.out if line.startswith(("over time: ", "bisect: "))]
    assert told[0].startswith("over time: equal models, a new one each night for 8 nights: 0.0%")
    assert told[0].endswith("of 10 simulated histories have an alarm, within alpha (5%)")
    assert told[1].startswith("bisect: series of 16 equal models: a step is named in ")
    assert "steps scored on average, 5 at most" in told[2]
    head = said.out[said.out.index(told[0]) + 3].split()
    assert head == ["equal", "drop", "from", "night", "1", "after", "20", "nights"]
    found = json.loads("\n".join(gate.cli(*asked, "--format", "json").out))
    assert found["nights"]["nights"] == 8
    assert [check["id"] for check in found["nights"]["checks"]] == [
        "chat::no_regression", "code::no_regression",
    ]  # fmt: skip
    assert found["nights"]["checks"][0]["drop"] == found["checks"][0]["detectable"]
    assert set(found["bisect"]["drops"]) == {"chat", "code"}
    plain = json.loads("\n".join(gate.cli("selftest", "--runs", "9", "--format", "json").out))
    assert not {"nights", "bisect"} & set(plain)


def test_a_history_that_cries_wolf_ends_with_one(
    gate: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rmcheck.record import standing

    monkeypatch.setattr(standing, "anytime_p", lambda p, look, comparisons: p / 10)
    said = gate.cli("selftest", "--runs", "20", "--nights", "10")
    assert said.code == 1
    assert any("have an alarm, more than alpha (5%)" in line for line in said.out)


def test_nights_follow_required_comparisons_alone(gate: Project) -> None:
    for name in ("chat", "code"):
        gate.suite(name, {"check": "no_regression", "gate": "advisory"})
    said = gate.cli("selftest", "--runs", "5", "--nights", "5")
    assert (said.code, said.out) == (4, [])
    assert said.err[-1].endswith(
        "--nights: all comparisons are advisory; a history follows required ones"
    )
