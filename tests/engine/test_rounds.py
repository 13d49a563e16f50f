"""Checks that stop early: what is scored for them, in which order, and what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from builders import honest, make_pairs, make_suite, noise, per_text, write_jsonl

from rmcheck.checks import Check
from rmcheck.checks.looks import looks_at
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.score_gap import ScoreGap
from rmcheck.checks.win_rate import WinRate
from rmcheck.engine import Engine, Settings
from rmcheck.errors import SourceError
from rmcheck.reward_source import Source
from rmcheck.suite import Suite
from rmcheck.verdict import Verdict

from .test_engine import Counting

PAIRS = make_pairs(300)
CLEAR = WinRate(min=0.5, early_stop=True)
"""The honest reward wins 0.92 of the pairs."""


def prepared(
    root: Path, suite: Suite, candidate: Source, baseline: object = None, **changes: Any
) -> tuple[Engine, list[Verdict]]:
    made = Engine(Settings.below(root, **changes))
    binding = made.bind(suite, candidate, baseline)
    made.prepare(binding, suite.bound)
    for bound in suite.bound:
        made.require(binding, bound)
    return made, [made.judge(bound, binding)[0] for bound in suite.bound]


def asked(source: Counting) -> list[str]:
    return [response for batch in source.batches for _, response in batch]


def test_scoring_stops_where_the_verdict_is_sure(tmp_path: Path) -> None:
    source = Counting()
    made, (verdict,) = prepared(tmp_path, make_suite(PAIRS, [CLEAR]), source)
    looked = verdict.looked
    assert looked is not None
    assert verdict.outcome == "pass"
    assert looked.pairs <= 60
    # Nothing else was scored: round by round, each text once, in the order of the looks.
    assert len(asked(source)) == len(set(asked(source))) == 2 * looked.pairs
    looks = looks_at(PAIRS, early=True)[: looked.look]
    sizes = [2 * len(look.pairs) for look in looks]
    assert [len(batch) for batch in source.batches] == [
        size - before for size, before in zip(sizes, [0, *sizes], strict=False)
    ]
    left = 600 - 2 * looked.pairs
    assert made.scoring().remarks == [
        f"chat::win_rate: early_stop left {left} of 600 texts unscored"
    ]
    assert made.scoring().computed == 2 * looked.pairs


def test_another_check_that_needs_all_pairs_leaves_nothing_to_save(tmp_path: Path) -> None:
    alone = prepared(tmp_path / "a", make_suite(PAIRS, [CLEAR]), Counting())[1][0]
    source = Counting()
    checks: list[Check] = [CLEAR, ScoreGap()]
    made, (verdict, _) = prepared(tmp_path / "b", make_suite(PAIRS, checks), source)
    assert len(asked(source)) == 600
    assert made.scoring().remarks == [
        "chat::win_rate: early_stop saved nothing: all of its 600 texts were scored"
    ]
    # The verdict is the same whatever else is scored, or was.
    assert verdict == alone
    cached = Counting(fingerprint="f")
    prepared(tmp_path / "c", make_suite(PAIRS, [ScoreGap()]), cached)
    again = Counting(fingerprint="f")
    _, (third,) = prepared(tmp_path / "c", make_suite(PAIRS, [CLEAR]), again)
    assert asked(again) == []
    assert (third.message, third.looked) == (alone.message, alone.looked)


def test_both_models_of_a_comparison_are_asked_look_by_look(tmp_path: Path) -> None:
    worse, before = Counting("py:worse"), Counting("py:before")
    worse.score = lambda texts: [  # type: ignore[assignment,method-assign]
        noise(d.response) for d in texts
    ]
    suite = make_suite(PAIRS, [NoRegression(early_stop=True)])
    made, (verdict,) = prepared(tmp_path, suite, worse, before)
    assert verdict.state == "regressed"
    assert verdict.looked is not None
    assert len(asked(before)) == 2 * verdict.looked.pairs < 300
    assert made.scoring().remarks == [
        f"chat::no_regression: early_stop left {1200 - 4 * verdict.looked.pairs:,} of 1,200 texts "
        "unscored"
    ]


def test_the_setting_overrules_the_suite(tmp_path: Path) -> None:
    source = Counting()
    suite = make_suite(PAIRS, [CLEAR])
    made, (verdict,) = prepared(tmp_path / "a", suite, source, early_stop=False)
    assert len(asked(source)) == 600
    assert (verdict.looked, made.scoring().remarks) == (None, [])
    plain = make_suite(PAIRS, [WinRate(min=0.5), ScoreGap(where=None)])
    _, (verdict, other) = prepared(tmp_path / "b", plain, Counting(), early_stop=True)
    assert verdict.looked is not None
    assert other.looked is None


def test_a_score_file_has_nothing_to_save_and_the_same_verdict(tmp_path: Path) -> None:
    rows = [
        {
            "id": pair.id,
            "chosen": honest(pair.prompt, pair.chosen),
            "rejected": honest(pair.prompt, pair.rejected),
        }
        for pair in PAIRS
    ]
    write_jsonl(tmp_path / "scores.jsonl", rows)
    made = Engine(Settings.below(tmp_path, source="scores:scores.jsonl"))
    suite = make_suite(PAIRS, [CLEAR])
    binding = made.bind(suite, made.candidate(), None)
    made.prepare(binding, suite.bound)
    verdict, _ = made.judge(suite.bound[0], binding)
    alone = prepared(tmp_path / "a", suite, per_text(honest))[1][0]
    assert (verdict.message, verdict.looked) == (alone.message, alone.looked)
    assert made.scoring().remarks == []


def test_a_source_that_fails_is_not_asked_again(tmp_path: Path) -> None:
    class Failing(Counting):
        def score(self, dialogues: Any) -> Any:
            self.batches.append([])
            raise SourceError("cannot be loaded")

    source = Failing()
    made = Engine(Settings.below(tmp_path))
    suite = make_suite(PAIRS, [CLEAR])
    binding = made.bind(suite, source, None)
    made.prepare(binding, suite.bound)
    assert len(source.batches) == 1
