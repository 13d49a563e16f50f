"""One pass a source over what all checks need; whose failure is whose; which baseline is meant."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import (
    honest,
    make_pairs,
    make_suite,
    noise,
    pair_scores,
    per_text,
    run_record,
    write_jsonl,
)  # fmt: skip

from rmcheck.checks import CannotDecide, Check
from rmcheck.checks.label_noise import LabelNoise
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.scale_invariance import HEAD_FACTORS, PROBED, ScaleInvariance
from rmcheck.checks.score_gap import ScoreGap
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import Dialogue, prompt_text
from rmcheck.engine import Engine, Settings
from rmcheck.engine.binding import Binding
from rmcheck.errors import BaselineMissing, BaselineRefused, ProblemsFound, SourceError, UsageError
from rmcheck.record import baseline
from rmcheck.record import folder as folders
from rmcheck.record import run as record
from rmcheck.reward_source import RewardSource, Source
from rmcheck.suite import BoundCheck, Suite


class Counting(Source):
    """A source that remembers each batch it was given."""

    spec, fingerprint, scores_new_text = "py:counting", None, True

    def __init__(self, spec: str = "py:counting", fingerprint: str | None = None) -> None:
        self.spec, self.fingerprint = spec, fingerprint
        self.batches: list[list[tuple[str, str]]] = []

    def score(self, dialogues: Sequence[Dialogue]) -> np.ndarray:
        texts = [(prompt_text(d.prompt), d.response) for d in dialogues]
        self.batches.append(texts)
        return np.array([honest(*text) for text in texts])


class Failing(Counting):
    def score(self, dialogues: Sequence[Dialogue]) -> np.ndarray:
        self.batches.append([])
        raise SourceError(f"{self.spec} cannot be loaded")


CHECKS: tuple[Check, ...] = (WinRate(min=0.6), ScoreGap(), NoRegression())


def engine(root: Path, **changes: Any) -> Engine:
    return Engine(Settings.below(root, **changes))


def all_of(*suites: Suite) -> list[BoundCheck]:
    return [bound for suite in suites for bound in suite.bound]


def judge_all(made: Engine, binding: Binding, items: list[BoundCheck]) -> list[str]:
    for bound in items:
        made.require(binding, bound)
    return [made.judge(bound, binding)[0].outcome for bound in items]


def test_needs_are_united_and_each_text_is_scored_once(tmp_path: Path) -> None:
    # Two suites of 30 pairs that share 10 pairs: 100 different texts, asked for 12 times.
    pairs = make_pairs(50)
    one = make_suite(pairs[:30], CHECKS, name="one")
    two = make_suite(pairs[20:], CHECKS, name="two")
    made, now, before = engine(tmp_path), Counting(), Counting("py:before")
    binding = made.bind(one, now, before)
    assert made.bind(two, now, before) is binding
    items = all_of(one, two)
    made.prepare(binding, items)
    for source in (now, before):
        (batch,) = source.batches
        assert len(batch) == len(set(batch)) == 100
    judge_all(made, binding, items)
    made.prepare(binding, items)
    assert len(now.batches) == len(before.batches) == 1
    counts = made.book.counts()
    assert (counts.needed, counts.computed, counts.cached) == (200, 200, 0)


def test_probes_are_batches_of_their_own(tmp_path: Path) -> None:
    suite = make_suite(make_pairs(60), (WinRate(min=0.6), ScaleInvariance(examples=10)))
    made, source = engine(tmp_path), Counting()
    binding = made.bind(suite, source, None)
    made.prepare(binding, all_of(suite))
    # All 120 texts, and 24 of them on their own; there is no head to rescale.
    assert [len(batch) for batch in source.batches] == [120, PROBED]
    assert judge_all(made, binding, all_of(suite)) == ["pass", "pass"]
    assert len(source.batches) == 2


def test_variants_of_a_source_are_scored_in_their_own_passes(tmp_path: Path) -> None:
    made_variants: list[Counting] = []

    class Varied(Counting):
        def with_label_noise(self, rate: float, seed: int) -> RewardSource:
            made_variants.append(Counting(f"noisy-{rate}-{seed}"))
            return made_variants[-1]

        def with_head_scaled(self, factor: float) -> RewardSource:
            made_variants.append(Counting(f"head-{factor:g}"))
            return made_variants[-1]

    checks = (LabelNoise(rates=(0.1, 0.2), seeds=2), ScaleInvariance(examples=10))
    suite = make_suite(make_pairs(60), checks)
    made = engine(tmp_path)
    binding = made.bind(suite, Varied(), None)
    made.prepare(binding, all_of(suite))
    made.prepare(binding, all_of(suite))
    sizes = {source.spec: [len(batch) for batch in source.batches] for source in made_variants}
    expected = {f"noisy-{rate}-{seed}": [120] for rate in (0.1, 0.2) for seed in (0, 1)}
    assert sizes == expected | {f"head-{factor:g}": [PROBED] for factor in HEAD_FACTORS}


@pytest.mark.parametrize(("fingerprint", "again"), [("f00d", 0), (None, 1)])
def test_scores_outlive_the_session_for_a_source_that_says_what_they_depend_on(
    tmp_path: Path, fingerprint: str | None, again: int
) -> None:
    suite = make_suite(make_pairs(20), CHECKS[:2])
    first, second = Counting(fingerprint=fingerprint), Counting(fingerprint=fingerprint)
    for source in (first, second):
        made = engine(tmp_path)
        binding = made.bind(suite, source, None)
        made.prepare(binding, all_of(suite))
        assert judge_all(made, binding, all_of(suite)) == ["pass", "pass"]
    assert len(first.batches) == 1
    assert len(second.batches) == again
    # Another fingerprint is another model.
    other = Counting(fingerprint="beef")
    made = engine(tmp_path)
    made.prepare(made.bind(suite, other, None), all_of(suite))
    assert len(other.batches) == 1


def test_a_source_that_fails_is_asked_once_and_fails_its_own_checks_only(tmp_path: Path) -> None:
    suite = make_suite(make_pairs(30), CHECKS)
    for now, before, bad in (
        (Failing(), Counting(), ["win_rate", "score_gap", "no_regression"]),
        (Counting(), Failing("py:old"), ["no_regression"]),
    ):
        made = engine(tmp_path)
        binding = made.bind(suite, now, before)
        made.prepare(binding, all_of(suite))
        failed = []
        for bound in suite.bound:
            try:
                made.require(binding, bound)
            except SourceError as error:
                failed.append(bound.check.kind)
                assert str(error).endswith("cannot be loaded")  # noqa: PT017
            else:
                assert made.judge(bound, binding)[0].outcome == "pass"
        assert failed == bad
        assert len(now.batches) == 1


def test_a_variant_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    class Brittle(Counting):
        def with_label_noise(self, rate: float, seed: int) -> RewardSource:
            return Failing("recipe:noisy")

    class Refusing(Counting):
        def with_label_noise(self, rate: float, seed: int) -> RewardSource:
            raise SourceError("recipe:noisy cannot be loaded")

    suite = make_suite(make_pairs(30), (WinRate(min=0.6), LabelNoise(), ScoreGap()))
    for source in (Brittle(), Refusing()):
        made = engine(tmp_path)
        binding = made.bind(suite, source, None)
        made.prepare(binding, all_of(suite))
        made.require(binding, suite.bound[0])
        made.require(binding, suite.bound[2])
        with pytest.raises(SourceError, match="recipe:noisy cannot be loaded"):
            made.require(binding, suite.bound[1])


def test_what_a_source_cannot_do_is_said_by_the_check_not_by_the_pass(tmp_path: Path) -> None:
    suite = make_suite(make_pairs(30), (LabelNoise(), NoRegression(), WinRate(min=0.6)))
    made = engine(tmp_path)
    binding = made.bind(suite, Counting(), None)
    made.prepare(binding, all_of(suite))
    for bound in suite.bound:
        made.require(binding, bound)
    with pytest.raises(CannotDecide, match="is not a recipe"):
        made.judge(suite.bound[0], binding)
    with pytest.raises(BaselineMissing, match=r"no baseline to compare with yet; .* rmcheck bless"):
        made.judge(suite.bound[1], binding)
    assert made.judge(suite.bound[2], binding)[0].outcome == "pass"


def test_a_suite_s_own_source_comes_first(tmp_path: Path) -> None:
    pairs = make_pairs(20)
    rows = [{"id": pair.id, "chosen": 1.0, "rejected": 2.0} for pair in pairs]
    write_jsonl(tmp_path / "mine.jsonl", rows)
    plain = make_suite(pairs, (WinRate(min=0.6),), name="plain")
    own = make_suite(pairs, (WinRate(min=0.6),), name="own", source="scores:mine.jsonl")
    made, fixture = engine(tmp_path), Counting()
    assert made.bind(plain, fixture, None).candidate is fixture
    binding = made.bind(own, fixture, None)
    assert binding.candidate.spec == "scores:mine.jsonl"
    # The file gets every pair wrong, the fixture most of them right.
    assert judge_all(made, binding, all_of(own)) == ["fail"]
    assert judge_all(made, made.bind(plain, fixture, None), all_of(plain)) == ["pass"]
    # One spec is one source, whoever asks.
    assert made.create("scores:mine.jsonl") is binding.candidate
    with pytest.raises(ProblemsFound, match=r"file not found: .*gone\.jsonl"):
        made.bind(dataclasses.replace(own, source="scores:gone.jsonl"), fixture, None)


def test_a_wrong_source_of_a_suite_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "chat.yaml"
    path.write_text("rmcheck: 1\nname: chat\nsource: scores:gone.jsonl\n")
    own = make_suite(make_pairs(2), (WinRate(min=0.6),), name="own", source="scores:gone.jsonl")
    own = dataclasses.replace(own, path=path, shown="chat.yaml")
    with pytest.raises(ProblemsFound, match=r"^chat\.yaml:3:9: scores:gone\.jsonl: file not found"):
        engine(tmp_path).bind(own, Counting(), None)


def test_what_a_fixture_gives_is_wrapped_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def mine(texts: list[tuple[str, str]]) -> list[float]:
        calls.append(len(texts))
        return [honest(*text) for text in texts]

    suite, made = make_suite(make_pairs(20), CHECKS), engine(tmp_path)
    binding = made.bind(suite, mine, mine)
    assert made.bind(suite, mine, mine) is binding
    made.prepare(binding, all_of(suite))
    verdict, seconds = made.judge(suite.bound[2], binding)
    assert calls == [40]  # the candidate and the baseline are one function
    assert verdict.state == "identical"
    assert seconds >= 0
    with pytest.raises(SourceError, match="int is not a reward source, score and"):
        made.bind(suite, 5, None)


def bless(
    root: Path, name: str, pairs: Sequence[Any], scores: Any, spec: str = "recipe:tiny"
) -> None:
    data = record.DataRecord(hash="", pairs=len(pairs), groups=len(pairs))
    suites = [record.SuiteRecord(name="chat", path="suites/chat.yaml", data=data)]
    run = run_record(suites=suites, source=record.SourceRecord(spec=spec, fingerprint="f00d"))
    folders.write(root / "run", run, pair_scores(pairs, scores))
    baseline.bless(root / "run", Settings.below(root).baselines, name)


def test_baselines_are_found_by_name(tmp_path: Path) -> None:
    pairs = make_pairs(30)
    # A new project has none, and says so only where one is asked for by name.
    assert engine(tmp_path).baseline is None
    assert engine(tmp_path).baseline_record is None
    with pytest.raises(
        UsageError, match=r"no baseline 'main' in .*; bless one first: rmcheck bless main"
    ):
        engine(tmp_path, baseline="main")
    for name, score in (("main", 1.0), ("older", 3.0)):
        bless(tmp_path, name, pairs, ([score] * 30, [0.0] * 30))
    for given, score in ((None, 1.0), ("main", 1.0), ("older", 3.0)):
        made = engine(tmp_path, baseline=given)
        assert made.baseline is not None
        assert made.baseline.score(pairs[0].dialogues()).tolist() == [score, 0.0]
        assert made.baseline_record is not None
        assert made.baseline_record.name == (given or "main")
        assert made.baseline_record.fingerprint == "f00d"
    with pytest.raises(
        UsageError, match=r"no baseline 'mian' in .*; did you mean 'main'\? .*main, older"
    ):
        engine(tmp_path, baseline="mian")


def test_the_default_source_is_not_compared_with_the_baseline_of_another(tmp_path: Path) -> None:
    """A lost key `rm_source` must not turn the gate into one of the default model."""
    pairs = make_pairs(30)
    suite = make_suite(pairs, (NoRegression(),))
    bless(tmp_path, "main", pairs, ([1.0] * 30, [0.0] * 30), "hf:mine")
    bless(tmp_path, "tiny", pairs, ([1.0] * 30, [0.0] * 30))
    default = Counting("recipe:tiny")
    lost = engine(tmp_path, source_named=False)
    with pytest.raises(
        BaselineRefused,
        match=r"the default recipe:tiny is not the source of baseline 'main' \(hf:mine\); set ",
    ):
        lost.bind(suite, default, lost.baseline)
    # Another candidate, a source that was named, and a baseline of the default's own are compared.
    assert lost.bind(suite, Counting("hf:mine"), lost.baseline).baseline_name == "main"
    for made in (engine(tmp_path), engine(tmp_path, source_named=False, baseline="tiny")):
        assert made.bind(suite, default, made.baseline).candidate is default


def test_a_baseline_may_be_a_source(tmp_path: Path) -> None:
    rows = [{"id": pair.id, "chosen": 1.0, "rejected": 0.0} for pair in make_pairs(20)]
    write_jsonl(tmp_path / "old.jsonl", rows)
    made = engine(tmp_path, baseline="scores:old.jsonl")
    assert made.baseline_record is not None
    assert made.baseline_record.name == "scores:old.jsonl"
    suite = make_suite(make_pairs(20), (NoRegression(),))
    binding = made.bind(suite, Counting(), made.baseline)
    assert binding.baseline_name == "scores:old.jsonl"
    with pytest.raises(UsageError, match="unknown kind 'score', did you mean 'scores'"):
        engine(tmp_path, baseline="score:old.jsonl")


def test_a_regression_against_a_kept_baseline(tmp_path: Path) -> None:
    pairs = make_pairs(60)
    bless(tmp_path, "main", pairs, ([1.0] * 60, [0.0] * 60))
    suite, made = make_suite(pairs, (NoRegression(),)), engine(tmp_path)
    worse = per_text(lambda p, r: noise(p, r), spec="py:worse")
    binding = made.bind(suite, worse, made.baseline)
    made.prepare(binding, all_of(suite))
    verdict, _ = made.judge(suite.bound[0], binding)
    # A coin wins about half of what the baseline won, all of it.
    assert verdict.state == "regressed"
    assert verdict.estimate is not None
    assert abs(verdict.estimate.value + 0.5) < 4 * (0.25 / 60) ** 0.5
    assert "against main" in verdict.message


def test_m_is_at_least_one(tmp_path: Path) -> None:
    settings = Settings.below(tmp_path, seed=9, examples=12)
    suite = make_suite(make_pairs(3))
    for given, m in ((0, 1), (1, 1), (7, 7)):
        made = Engine(settings, comparisons=given)
        context = made.context(suite, made.bind(suite, Counting(), None))
        assert (context.comparisons, context.seed, context.examples) == (m, 9, 12)
