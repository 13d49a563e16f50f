"""Two records, or sources, against each other: the gate's own decision without pytest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from builders import TableContext, make_pairs, pair_scores, run_record, write_jsonl, write_suite
from scipy.stats import binomtest

from rmcheck.checks.no_regression import NoRegression
from rmcheck.compare.comparison import Side, compare, read_side, state_first, suites_below
from rmcheck.engine import Settings
from rmcheck.errors import ProblemsFound, UsageError
from rmcheck.record import baseline
from rmcheck.record import folder as folders
from rmcheck.record.run import DataRecord, SuiteRecord

PAIRS = make_pairs(60)
GOOD = ([1.0] * 60, [0.0] * 60)
# 40 of 60 pairs are still right, and 20 are wrong now.
WORSE = ([0.5] * 40 + [-0.5] * 20, [0.0] * 60)


def side(name: str, columns: tuple[list[float], list[float]], *suites: str) -> Side:
    rows = [row for suite in suites or ("chat",) for row in pair_scores(PAIRS, columns, suite)]
    return Side(name, rows)


def test_a_regression_between_two_records() -> None:
    (verdict,) = compare(side("new", WORSE), side("old", GOOD), max_drop=0.02).verdicts.values()
    assert (verdict.state, verdict.outcome) == ("regressed", "fail")
    assert verdict.estimate is not None
    assert verdict.estimate.value == -20 / 60
    assert verdict.p_value == pytest.approx(binomtest(0, 20, 0.5).pvalue)
    assert "against old" in verdict.message
    assert verdict.signature.startswith("no_regression|src:new|data:chat|base:old|n:60|")


def test_another_measure_is_that_of_the_gate() -> None:
    rng = np.random.default_rng(5)
    before = rng.normal(1.0, 1, 60).tolist(), rng.normal(0, 1, 60).tolist()
    now = (np.array(before[0]) + rng.normal(0, 1, 60)).tolist(), before[1]
    sides = side("py:table", now), side("main", before)
    found = compare(*sides, max_drop=0.02, measure="rank_log_loss").verdicts["chat"]
    check = NoRegression(max_drop=0.02, measure="rank_log_loss")
    expected = check.judge(TableContext(PAIRS, now, before))
    assert dataclasses.replace(found, signature="") == dataclasses.replace(expected, signature="")
    assert found.p_value != compare(*sides, max_drop=0.02).verdicts["chat"].p_value


def test_other_states() -> None:
    same = compare(side("new", GOOD), side("old", GOOD), max_drop=0.02).verdicts["chat"]
    assert (same.state, same.outcome) == ("identical", "pass")
    better = compare(side("new", GOOD), side("old", WORSE), max_drop=0.02).verdicts["chat"]
    assert (better.state, better.outcome) == ("improved", "pass")
    tolerated = compare(side("new", WORSE), side("old", GOOD), max_drop=0.5).verdicts["chat"]
    assert tolerated.state == "non_inferior"


def test_the_verdict_is_that_of_the_gate() -> None:
    rng = np.random.default_rng(11)
    now = rng.normal(0.5, 1, 60).tolist(), rng.normal(0, 1, 60).tolist()
    before = rng.normal(0.9, 1, 60).tolist(), rng.normal(0, 1, 60).tolist()
    found = compare(side("py:table", now), side("main", before), max_drop=0.05).verdicts["chat"]
    expected = NoRegression(max_drop=0.05).judge(TableContext(PAIRS, now, before))
    assert dataclasses.replace(found, signature="") == dataclasses.replace(expected, signature="")


def test_every_suite_that_both_have_counts_as_a_comparison() -> None:
    # 8 lost, none won: p = 2 · 2⁻⁸ = 0.0078, which holds against 0.05 / m for m up to 6.
    lost = ([-1.0] * 8 + [1.0] * 52, [0.0] * 60)
    for m, state in ((1, "regressed"), (6, "regressed"), (7, "inconclusive")):
        names = [f"s{i}" for i in range(m)]
        found = compare(side("new", lost, *names, "mine"), side("old", GOOD, *names, "theirs"),
                        max_drop=0.02)  # fmt: skip
        assert (list(found.verdicts), found.m) == (names, m)
        assert found.counted == "the suites that both have"
        assert (found.only_candidate, found.only_baseline) == (("mine",), ("theirs",))
        assert {verdict.state for verdict in found.verdicts.values()} == {state}


def test_alpha_is_shared_as_in_the_candidate_s_run() -> None:
    lost = ([-1.0] * 8 + [1.0] * 52, [0.0] * 60)
    old = dataclasses.replace(side("old", GOOD), comparisons=9)
    for m, state in ((0, "regressed"), (6, "regressed"), (7, "inconclusive")):
        found = compare(dataclasses.replace(side("new", lost), comparisons=m), old, max_drop=0.02)
        assert found.m == max(1, m)
        assert (found.counted == "the required comparisons of new") == (m > 0)
        verdict = found.verdicts["chat"]
        assert verdict.state == state
        assert f"test:signflip@0.05/{found.m}" in verdict.signature


def test_records_without_a_common_suite() -> None:
    with pytest.raises(UsageError, match=r"new and old have no suite in common \(a, b / c\)"):
        compare(side("new", GOOD, "a", "b"), side("old", GOOD, "c"), max_drop=0.02)


def test_edited_added_and_removed_pairs() -> None:
    old = side("old", GOOD)
    edited = [dataclasses.replace(pair, chosen="other") for pair in PAIRS[55:]]
    added = make_pairs(3, prefix="new")
    now = [*PAIRS[10:55], *edited, *added]
    columns = ([1.5] * 45 + [-1.0] * 8, [0.0] * 53)
    verdict = compare(Side("new", pair_scores(now, columns)), old, max_drop=0.02).verdicts["chat"]
    # Only the 45 pairs that are the same in both count; all of them are right in both.
    assert verdict.estimate is not None
    assert (verdict.estimate.n, verdict.estimate.value) == (45, 0.0)
    notes = " ".join(verdict.evidence.notes)
    for pair in (*edited, *added):
        assert pair.id in notes
    assert "p020" not in notes


def settings(root: Path) -> Settings:
    return Settings.below(root)


def keep(root: Path, folder: str) -> Path:
    data = DataRecord(hash="", pairs=60, groups=60)
    suites = [SuiteRecord(name="chat", path="suites/chat.yaml", data=data)]
    folders.write(root / folder, run_record(suites=suites), pair_scores(PAIRS, GOOD))
    return root / folder


def test_a_side_is_a_run_folder_a_baseline_or_a_source(tmp_path: Path) -> None:
    run = keep(tmp_path, "runs/one")
    assert [row.id for row in read_side("runs/one", settings(tmp_path), []).rows] == [
        pair.id for pair in PAIRS
    ]
    assert len(read_side(str(run), settings(tmp_path), []).rows) == 60
    baseline.bless(run, settings(tmp_path).baselines, "main")
    assert len(read_side("main", settings(tmp_path), []).rows) == 60
    # A source scores the pairs of the suites that it knows.
    write_suite(tmp_path, "  - {check: win_rate, min: 0.5}\n", n=40)
    rows = [{"id": pair.id, "chosen": 3.0, "rejected": 1.0} for pair in PAIRS[:35]]
    write_jsonl(tmp_path / "new.jsonl", rows)
    suites = suites_below(tmp_path / "suites", Settings.below(tmp_path))
    found = read_side("scores:new.jsonl", settings(tmp_path), suites)
    assert [row.id for row in found.rows] == [pair.id for pair in PAIRS[:35]]
    assert {(row.suite, row.chosen, row.rejected) for row in found.rows} == {("chat", 3.0, 1.0)}
    # The texts are the same as in the record, so that they can be compared.
    verdict = compare(found, read_side("main", settings(tmp_path), []), max_drop=0.02).verdicts[
        "chat"
    ]
    assert verdict.estimate is not None
    assert verdict.estimate.n == 35


def test_what_is_no_side(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"'nothing' is not a run folder, a known baseline \(there are none\)"
    ):
        read_side("nothing", settings(tmp_path), [])
    baseline.bless(keep(tmp_path, "run"), settings(tmp_path).baselines, "main")
    with pytest.raises(UsageError, match=r"a known baseline \(main\) or a source \(recipe:NAME"):
        read_side("nothing", settings(tmp_path), [])
    write_jsonl(tmp_path / "new.jsonl", [{"id": "a", "chosen": 1, "rejected": 0}])
    with pytest.raises(
        UsageError, match="is a source, but there are no suites to score; set --suites"
    ):
        read_side("scores:new.jsonl", settings(tmp_path), [])


def test_suites_below_a_folder(tmp_path: Path) -> None:
    check = "  - {check: win_rate, min: 0.5}\n"
    for name in ("b", "a"):
        write_suite(tmp_path, check, n=15, name=name)
    found = suites_below(tmp_path / "suites", Settings.below(tmp_path))
    assert [suite.shown for suite in found] == ["suites/a.yaml", "suites/b.yaml"]
    (tmp_path / "suites/other.yaml").write_text("name: nothing of ours\n")
    with pytest.raises(ProblemsFound, match=r"suites/other\.yaml:1:1: not a suite \(keys found"):
        suites_below(tmp_path / "suites", Settings.below(tmp_path))
    (tmp_path / "suites/other.yaml").unlink()
    (tmp_path / "suites/c.yml").write_text("rmcheck: 1\n")
    with pytest.raises(ProblemsFound, match=r"suites/c\.yml:1:1: the key 'name' is missing"):
        suites_below(tmp_path / "suites", Settings.below(tmp_path))


def test_ids_made_anew_are_paired_by_their_texts() -> None:
    renamed = [dataclasses.replace(pair, id=f"new-{pair.id}") for pair in PAIRS]
    new = Side("new", pair_scores(renamed, WORSE, "chat"))
    found = compare(new, side("old", GOOD), max_drop=0.02)
    verdict = found.verdicts["chat"]
    assert (verdict.state, verdict.left_out) == ("regressed", 0)
    assert verdict.estimate is not None
    assert verdict.estimate.n == len(PAIRS)


def test_a_line_names_the_state_first() -> None:
    regressed = compare(side("new", WORSE), side("old", GOOD), max_drop=0.02).verdicts["chat"]
    assert state_first("chat", regressed).startswith("chat: regressed: win rate fell 33.3 points")
    # The interval is below zero, but the drop is within what is tolerated: not "passed".
    tolerated = compare(side("new", WORSE), side("old", GOOD), max_drop=0.4).verdicts["chat"]
    assert tolerated.estimate is not None
    assert tolerated.estimate.high < 0
    line = state_first("chat", tolerated)
    assert line.startswith("chat: inconclusive: win rate fell 33.3 points against old ["), line
    few = compare(
        Side("new", pair_scores(PAIRS[:30], ([1.0] * 30, [0.0] * 30), "chat")),
        side("old", GOOD),
        max_drop=0.02,
    ).verdicts["chat"]
    assert state_first("chat", few).startswith("chat: failed, identical: every score is the same")
