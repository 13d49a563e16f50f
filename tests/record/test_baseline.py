"""Blessing a run, finding it again, and what cannot be blessed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import make_pairs, pair_scores, run_record

from rmcheck.data import PreferencePair
from rmcheck.engine.binding import baseline_source
from rmcheck.errors import UsageError
from rmcheck.record import baseline
from rmcheck.record import folder as folders
from rmcheck.record.run import CheckRecord, DataRecord, SuiteRecord
from rmcheck.reward_source import SourceOptions

PAIRS = make_pairs(20)


def suite(name: str, pairs: Sequence[PreferencePair], **changes: Any) -> SuiteRecord:
    data = DataRecord(hash="", pairs=len(pairs), groups=len(pairs))
    return SuiteRecord(name=name, path=f"suites/{name}.yaml", data=data, **changes)


def a_run(
    folder: Path,
    score: float = 1.0,
    suites: dict[str, list[PreferencePair]] | None = None,
    checks: Sequence[CheckRecord] = (),
    **changes: Any,
) -> Path:
    """A run folder in which every chosen response of every suite scored `score`."""
    chosen = {"chat": PAIRS} if suites is None else suites
    rows = [
        row
        for name, pairs in chosen.items()
        for row in pair_scores(pairs, ([score] * len(pairs), [0.0] * len(pairs)), name)
    ]
    made = [suite(name, pairs, checks=list(checks)) for name, pairs in chosen.items()]
    folders.write(folder / "run", run_record(suites=made, **changes), rows)
    return folder / "run"


def scores(folder: Path, name: str) -> dict[tuple[str, str], float]:
    return {(row.suite, row.id): row.chosen for row in folders.read_scores(folder / name)}


def test_a_blessed_run_is_found_by_its_name(tmp_path: Path) -> None:
    kept = tmp_path / "baselines"
    assert baseline.names(kept) == []
    place = baseline.bless(a_run(tmp_path, 2.0, seed=4), kept, "main")
    assert place == kept / "main"
    assert baseline.names(kept) == ["main"]
    found = baseline.find("main", kept)
    assert (found.name, found.folder, found.record.seed) == ("main", place, 4)
    # A baseline is a run folder: the files of one, and nothing else.
    assert sorted(path.name for path in place.iterdir()) == ["results.json", "scores.jsonl"]
    assert sorted(path.name for path in kept.iterdir()) == ["main"]


def test_its_scores_are_a_source(tmp_path: Path) -> None:
    kept = tmp_path / "baselines"
    baseline.bless(a_run(tmp_path, 2.0), kept, "main")
    options = SourceOptions(root=tmp_path, cache=tmp_path / "cache")
    source = baseline_source(baseline.find("main", kept), options)
    assert source.score(PAIRS[3].dialogues()).tolist() == [2.0, 0.0]
    assert not source.scores_new_text


def test_blessing_again_takes_the_place_of_the_old_run(tmp_path: Path) -> None:
    kept = tmp_path / "baselines"
    baseline.bless(a_run(tmp_path, 1.0, seed=1), kept, "main")
    baseline.bless(a_run(tmp_path, 2.0, seed=2), kept, "main")
    assert baseline.find("main", kept).record.seed == 2
    assert set(scores(kept, "main").values()) == {2.0}
    assert [path.name for path in kept.iterdir()] == ["main"]


def test_the_last_blessed_is_the_latest_whatever_it_is_called(tmp_path: Path) -> None:
    kept = tmp_path / "baselines"
    for name, seed in (("zulu", 1), ("alpha", 2), ("mike", 3)):
        baseline.bless(a_run(tmp_path, seed=seed), kept, name)
    assert baseline.names(kept) == ["alpha", "mike", "zulu"]
    assert baseline.find("latest", kept).name == "mike"
    baseline.bless(a_run(tmp_path, seed=4), kept, "alpha")
    assert baseline.find("latest", kept).name == "alpha"


def test_a_suite_that_was_not_run_stays_in_the_baseline(tmp_path: Path) -> None:
    kept = tmp_path / "baselines"
    baseline.bless(a_run(tmp_path, 1.0, {"chat": PAIRS, "code": PAIRS}), kept, "main")
    baseline.bless(a_run(tmp_path, 2.0, {"code": PAIRS, "math": PAIRS}), kept, "main")
    found = scores(kept, "main")
    # By hand: chat is as it was, code is new, math was added.
    by_suite = {
        name: {v for (s, _), v in found.items() if s == name} for name in ("chat", "code", "math")
    }
    assert by_suite == {"chat": {1.0}, "code": {2.0}, "math": {2.0}}
    assert len(found) == 60
    names = [each.name for each in baseline.find("main", kept).record.suites]
    assert names == ["chat", "code", "math"]


def test_a_suite_without_scores_of_pairs_is_replaced_where_it_was_decided(tmp_path: Path) -> None:
    """Response sets have no scores of pairs."""
    kept = tmp_path / "baselines"

    def run(*names: str, outcome: Any = "pass") -> Path:
        checks = [
            CheckRecord(id=f"sets::{name}", kind=name, gate="required", outcome=outcome, message="")
            for name in names
        ]
        return a_run(tmp_path, suites={"chat": PAIRS, "sets": []}, checks=checks)

    def checks() -> list[str]:
        suites = {each.name: each for each in baseline.find("main", kept).record.suites}
        return [check.id for check in suites["sets"].checks]

    baseline.bless(run("best_of_n"), kept, "main")
    baseline.bless(run("best_of_n", "ties", outcome="skipped"), kept, "main")
    assert checks() == ["sets::best_of_n"]  # it looked at nothing
    made = baseline.prepare(run("best_of_n", "ties"), kept, "main")
    assert (made.replaced, made.kept) == (("chat", "sets"), ())
    made.keep()
    assert checks() == ["sets::best_of_n", "sets::ties"]


def test_half_a_suite_does_not_take_the_place_of_a_whole_one(tmp_path: Path) -> None:
    kept = tmp_path / "baselines"
    baseline.bless(a_run(tmp_path), kept, "main")
    rows = pair_scores(PAIRS[:5], ([9.0] * 5, [0.0] * 5))
    folders.write(tmp_path / "part", run_record(suites=[suite("chat", PAIRS)]), rows)
    with pytest.raises(UsageError, match=r"chat: this run scored 5 of 20 pairs and the baseline"):
        baseline.bless(tmp_path / "part", kept, "main")
    assert set(scores(kept, "main").values()) == {1.0}


@pytest.mark.parametrize(
    "name", ["", "a b", "../x", "a/b", ".hidden", "-x", "main\n", "é", "latest"]
)
def test_names_that_cannot_be_a_baseline_s(tmp_path: Path, name: str) -> None:
    run = a_run(tmp_path)
    with pytest.raises(UsageError, match=r"baseline name|'latest' means"):
        baseline.bless(run, tmp_path / "baselines", name)
    assert not (tmp_path / "baselines").exists()


def errored(kind: str) -> CheckRecord:
    return CheckRecord(id="chat::x", kind=kind, gate="required", outcome="error", message="")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"incomplete": True}, "this run is incomplete (the run stopped before all checks were"),
        (
            {"incomplete": True, "unread": ["suites/a.yaml"]},
            "this run is incomplete (suites/a.yaml could not be read, and the run stopped before "
            "all checks were decided); fix it and run the gate again",
        ),
        (
            {"outcome": "error", "checks": [errored("win_rate")]},
            "this run had errors; run the gate to its end",
        ),
        ({"suites": {}}, "this run scored no pairs"),
    ],
)
def test_runs_that_cannot_be_blessed(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    run = a_run(tmp_path, **changes)
    with pytest.raises(UsageError, match=re.escape(said)):
        baseline.bless(run, tmp_path / "baselines", "main")
    assert baseline.names(tmp_path / "baselines") == []


def test_a_failed_gate_may_be_blessed(tmp_path: Path) -> None:
    # That is how a new state of affairs is accepted.
    baseline.bless(a_run(tmp_path, outcome="fail"), tmp_path / "baselines", "main")
    assert baseline.names(tmp_path / "baselines") == ["main"]


def test_folders_that_are_no_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"it has no results\.json"):
        baseline.bless(tmp_path / "nowhere", tmp_path / "baselines", "main")
    run = a_run(tmp_path)
    (run / "scores.jsonl").unlink()
    with pytest.raises(UsageError, match=r"scores\.jsonl: file not found"):
        baseline.bless(run, tmp_path / "baselines", "main")


def test_a_missing_name_lists_the_names_there_are(tmp_path: Path) -> None:
    kept = tmp_path / "baselines"
    with pytest.raises(
        UsageError, match=r"no baseline 'main' in .*; bless one first: rmcheck bless main"
    ):
        baseline.find("main", kept)
    for name in ("main", "release-1"):
        baseline.bless(a_run(tmp_path), kept, name)
    with pytest.raises(UsageError, match=r"did you mean 'main'\? \(allowed: .*main, release-1\)"):
        baseline.find("mian", kept)


def test_what_a_killed_blessing_leaves_is_no_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "baselines"
    baseline.bless(a_run(tmp_path, 1.0), kept, "main")

    def killed(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        baseline.bless(a_run(tmp_path, 2.0), kept, "main")
    monkeypatch.undo()
    assert baseline.names(kept) == ["main"]
    assert set(scores(kept, "main").values()) == {1.0}
    baseline.bless(a_run(tmp_path, 3.0), kept, "main")
    assert set(scores(kept, "main").values()) == {3.0}
    assert [path.name for path in kept.iterdir()] == ["main"]
