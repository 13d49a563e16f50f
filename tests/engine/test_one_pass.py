"""A session with real models: each text is tokenised and scored once, under one bar; then never."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from builders import make_pairs, make_suite
from scoring.models import in_fresh_process, save
from scoring.test_scorer import Bar

from rmcheck.checks import Check
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.scale_invariance import HEAD_FACTORS, PROBED, ScaleInvariance
from rmcheck.checks.score_gap import ScoreGap
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import Dialogue, pair_dialogues
from rmcheck.engine import Engine, Settings
from rmcheck.engine.bar import SessionBar
from rmcheck.engine.reading_watch import ReadingWatch
from rmcheck.scoring import scorer as scorer_module
from rmcheck.scoring.scorer import Scorer
from rmcheck.scoring.tokens import Tokens
from rmcheck.sources.model_source import ModelSource
from rmcheck.suite import Suite

PAIRS = make_pairs(50, group_size=5)
CHECKS: tuple[Check, ...] = (
    WinRate(min=0.1),
    ScoreGap(),
    NoRegression(),
    ScaleInvariance(examples=10),
)


def suites() -> list[Suite]:
    """Two suites of 30 pairs that share 10: 100 different texts."""
    return [
        make_suite(PAIRS[:30], CHECKS, name="one"),
        make_suite(PAIRS[20:], CHECKS, name="two", source="now"),
    ]


def run(root: Path, bar: Bar) -> Engine:
    """Prepare all checks of both suites; the second names the candidate's model by another spec."""
    settings = Settings.below(root, source="hf:now", baseline="hf:before", progress=bar)
    engine = Engine(settings, comparisons=2)
    groups = []
    for suite in suites():
        binding = engine.bind(suite, engine.candidate(), engine.baseline)
        groups.append((binding, suite.bound))
    engine.prepare_all(groups)
    return engine


@pytest.fixture
def root(tmp_path: Path) -> Path:
    save(tmp_path / "now")
    save(tmp_path / "before", seed=1)
    return tmp_path


def test_a_session_scores_each_text_once_in_one_pass_under_one_bar(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[list[Dialogue]] = []
    tokenised: dict[int, Counter[str]] = {}
    loaded: list[str] = []
    encode, ids, load = Tokens.encode, Tokens._ids, ModelSource._loaded

    def listening(self: Tokens, dialogues: Sequence[Dialogue]) -> list[np.ndarray]:
        encoded.append(list(dialogues))
        return encode(self, dialogues)

    def counting(self: Tokens, texts: list[str]) -> list[list[int]]:
        tokenised.setdefault(id(self), Counter()).update(texts)
        return ids(self, texts)

    def counted(self: ModelSource, device: str) -> Scorer:
        loaded.append(self.spec)
        return load(self, device)

    monkeypatch.setattr(Tokens, "encode", listening)
    monkeypatch.setattr(Tokens, "_ids", counting)
    monkeypatch.setattr(ModelSource, "_loaded", counted)
    # Rows that hold everything, so that every prefix that two texts share is shared.
    monkeypatch.setattr(scorer_module, "budgets", lambda *_: (100_000, 100_000))
    # The comparison of readings has passes of its own.
    monkeypatch.setattr(ReadingWatch, "look", lambda *_: None)
    bar = Bar()
    engine = run(root, bar)

    # Two models; of one of them 24 texts more for each suite: on their own, and with three heads.
    assert loaded == ["hf:now", "hf:before"]
    sizes = [len(dialogues) for dialogues in encoded]
    probed = len({one.hash for suite in suites() for one in _probed(suite)})
    assert sizes == [100, 100, probed, *[probed] * len(HEAD_FACTORS)]
    for dialogues in encoded:
        assert max(Counter(one.hash for one in dialogues).values()) == 1
    # The texts of the probes are tokenised already.
    assert [(len(each), each.total()) for each in tokenised.values()] == [(100, 100), (100, 100)]
    total = sum(sizes)
    assert bar.started == [("scoring", total, "dialogues")]
    assert (bar.done, bar.finished) == (total, 1)
    counts = engine.book.counts()
    assert (counts.needed, counts.cached, counts.computed) == (total, 0, total)

    # What the model computed is the trie: the different prefixes of the different texts.
    candidate = engine.candidate()
    assert isinstance(candidate, ModelSource)
    passes = [encoded[0], *encoded[2:]]
    tries = [
        {
            tuple(ids[: end + 1])
            for ids in encode(candidate.scorer.tokens, each)
            for end in range(len(ids))
        }
        for each in passes
    ]
    assert candidate.scorer.unique_tokens == sum(map(len, tries))
    # Preparing again, or asking for what is there, computes nothing.
    calls = candidate.scorer.calls
    engine.book.scores(candidate, pair_dialogues(PAIRS))
    assert candidate.scorer.calls == calls
    assert len(encoded) == len(sizes)


def _probed(suite: Suite) -> list[Dialogue]:
    needs = ScaleInvariance(examples=10).needs(suite.data)
    (alone,) = [need for need in needs if need.source.probe and need.source.head_scale == 1.0]
    assert 0 < len(alone.dialogues) <= PROBED
    return list(alone.dialogues)


AGAIN = """
import json, sys
from pathlib import Path
import rmcheck.sources.model_source as models

def refused(*_):
    raise AssertionError("a model is loaded although all scores are known")

models.ModelSource._loaded = refused
from rmcheck.engine import Engine, Settings
from rmcheck.progress import NoProgress
from builders import make_pairs
from rmcheck.data import pair_dialogues

engine = Engine(Settings.below(Path(sys.argv[1]), source="hf:now", baseline="hf:before"))
texts = pair_dialogues(make_pairs(50, group_size=5))
sources = (engine.candidate(), engine.baseline)
scores = [engine.book.scores(source, texts).tolist() for source in sources]
heavy = {"torch", "transformers", "tokenizers", "datasets", "peft", "trl", "scipy", "pandas"}
counts = engine.book.counts().model_dump()
print(json.dumps({"scores": scores, "counts": counts, "heavy": sorted(heavy & set(sys.modules))}))
"""


def test_the_next_session_calls_no_model_and_imports_no_torch(root: Path) -> None:
    engine = run(root, Bar())
    texts = pair_dialogues(PAIRS)
    baseline = engine.baseline
    assert baseline is not None
    expected = [engine.book.scores(one, texts).tolist() for one in (engine.candidate(), baseline)]
    found = in_fresh_process(AGAIN, root)
    assert found["scores"] == expected
    counts = found["counts"]
    assert (counts["needed"], counts["cached"], counts["computed"]) == (200, 200, 0)
    assert found["heavy"] == []


def test_a_training_in_between_keeps_its_own_bar() -> None:
    shown = Bar()
    bar = SessionBar(shown)
    with bar.over(30):
        for start, done in ((10, 10), (20, 5)):
            bar.start("one source", start, "dialogues")
            bar.advance(done)
            bar.finish()
        bar.start("training", 7, "steps")
        bar.advance(7)
        bar.finish()
        bar.start("another source", 15, "dialogues")
        bar.advance(15)
        bar.finish()
    bar.start("asked later", 3, "dialogues")
    bar.advance(3)
    bar.finish()
    assert shown.started == [
        ("scoring", 30, "dialogues"),
        ("training", 7, "steps"),
        ("scoring", 15, "dialogues"),
        ("asked later", 3, "dialogues"),
    ]
    assert (shown.done, shown.finished) == (40, 4)


def test_a_few_texts_get_no_bar() -> None:
    shown = Bar()
    bar = SessionBar(shown)
    for total in (1, 15, 16):
        with bar.over(total):
            bar.start("one source", total, "dialogues")
            bar.advance(total)
            bar.finish()
    assert (shown.started, shown.done, shown.finished) == ([("scoring", 16, "dialogues")], 16, 1)


def test_a_source_that_fails_leaves_no_bar_open() -> None:
    shown = Bar()
    bar = SessionBar(shown)

    def fails() -> None:
        with bar.over(50):
            bar.start("one source", 50, "dialogues")
            raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        fails()
    assert (shown.started, shown.finished) == ([("scoring", 50, "dialogues")], 1)
