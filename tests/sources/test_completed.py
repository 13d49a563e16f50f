"""A source of two members, the defaults of the others, and an object that is not a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import make_pairs, make_suite

from rmcheck.checks import CANDIDATE
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import Dialogue
from rmcheck.engine import Settings
from rmcheck.engine.engine import Engine
from rmcheck.errors import SourceError
from rmcheck.record.run import SourceRecord
from rmcheck.reward_source import (
    Partial,
    Rescalable,
    Retrainable,
    RewardSource,
    Source,
    Streaming,
    completed,
)
from rmcheck.sources.function import as_source


class Two:
    """Nothing but `score` and `fingerprint`; good answers score 1."""

    fingerprint: Any = "two-1"

    def score(self, dialogues: Sequence[Dialogue]) -> np.ndarray:
        return np.array([float(one.response.startswith("good")) for one in dialogues])


class Slotted:
    __slots__ = ("fingerprint",)

    def score(self, dialogues: Sequence[Dialogue]) -> list[float]:
        return [0.0 for _ in dialogues]


class Proxy:
    """Finds members when it is asked, as a client of a server may."""

    def __getattr__(self, name: str) -> object:
        return getattr(Two(), name)


def test_what_two_members_leave_out_has_a_default() -> None:
    source = completed(Two())
    assert isinstance(source, RewardSource)
    assert (source.spec, source.fingerprint, source.scores_new_text) == ("Two", "two-1", True)
    assert (source.truncated, tuple(source.remarks), source.training) == (0, (), None)
    assert source.describe() == SourceRecord(spec="Two", fingerprint="two-1")
    for capability in (Partial, Streaming, Retrainable, Rescalable):
        assert not isinstance(source, capability)
    assert completed(source) is source
    assert completed(Two(), "mine:x").spec == "mine:x"
    assert completed(Proxy()).fingerprint == "two-1"
    slotted = Slotted()
    slotted.fingerprint = None
    assert completed(slotted).fingerprint is None


class All(Two):
    """Everything that a source may offer."""

    spec = "all:1"
    scores_new_text = False
    truncated = 3
    remarks = ("cut short",)

    def describe(self) -> SourceRecord:
        return SourceRecord(spec=self.spec, fingerprint=self.fingerprint, template="raw")

    def knows(self, dialogue: Dialogue) -> bool:
        return True

    def within(self, suite: str) -> Two:
        return Two()

    def ids(self, *, own: bool = False) -> frozenset[str]:
        return frozenset("a")

    def stream(self, dialogues: Sequence[Dialogue]) -> Iterator[tuple[Any, Any]]:
        yield np.arange(len(dialogues)), self.score(dialogues)

    def with_label_noise(self, rate: float, seed: int) -> Two:
        return Two()

    def with_head_scaled(self, factor: float) -> Two:
        return Two()


def test_what_a_source_offers_is_used() -> None:
    source = completed(All(), "asked:otherwise")
    assert (source.spec, source.scores_new_text) == ("all:1", False)
    assert (source.truncated, tuple(source.remarks)) == (3, ("cut short",))
    assert source.describe().template == "raw"
    for capability in (Partial, Streaming, Retrainable, Rescalable):
        assert isinstance(source, capability)
    assert source.ids() == {"a"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (object(), "object is not a reward source, score and fingerprint missing; a source has"),
        (type("Half", (), {"fingerprint": None})(), "Half is not a reward source, score missing;"),
        (type("Half", (), {"score": len})(), "Half is not a reward source, fingerprint missing;"),
        (Source(), "Source is not a reward source, score missing;"),
        (Two, r"expected a reward source, got the class; return Two\(\.\.\.\)"),
    ],
)
def test_what_is_not_a_source_is_told_what_it_lacks(given: object, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        completed(given)
    with pytest.raises(SourceError, match=said):
        as_source(given)


@pytest.mark.parametrize(
    ("value", "got"), [(7, "7"), ("", "''"), (lambda: "f", "a method .make it a property.")]
)
def test_a_fingerprint_is_text_or_none(value: object, got: str) -> None:
    source = Two()
    source.fingerprint = value
    with pytest.raises(SourceError, match=f"Two: fingerprint must be text or None, got {got}"):
        _ = completed(source).fingerprint


def test_the_engine_needs_no_more_than_two_members(tmp_path: Path) -> None:
    suite = make_suite(make_pairs(30), (WinRate(min=0.9),))
    for computed in (60, 0):  # the second session finds the scores of the first
        engine = Engine(Settings.below(tmp_path))
        given = Two()
        binding = engine.bind(suite, given, None)
        assert engine.bind(suite, given, None) is binding
        engine.prepare(binding, suite.bound)
        assert engine.judge(suite.bound[0], binding)[0].outcome == "pass"
        assert engine.book.counts().computed == computed
        assert engine.trainings() == []
        assert engine.context(suite, binding).name(CANDIDATE) == "Two"


def test_variants_of_a_source_are_completed_too(tmp_path: Path) -> None:
    from rmcheck.checks import SourceRef

    class Able(Two):
        def with_label_noise(self, rate: float, seed: int) -> Two:
            return Two()

    suite = make_suite(make_pairs(3))
    binding = Engine(Settings.below(tmp_path)).bind(suite, Able(), None)
    noisy = binding.source(SourceRef(flip_rate=0.2))
    assert (noisy.spec, noisy.truncated) == ("Able", 0)


def test_a_stream_gives_rewards(tmp_path: Path) -> None:
    class Wrong(Two):
        def stream(self, dialogues: Sequence[Dialogue]) -> Iterator[tuple[Any, Any]]:
            yield np.arange(len(dialogues)), np.full(len(dialogues), np.nan)

    suite = make_suite(make_pairs(3), (WinRate(min=0.9),))
    engine = Engine(Settings.below(tmp_path))
    binding = engine.bind(suite, Wrong(), None)
    engine.prepare(binding, suite.bound)
    with pytest.raises(SourceError, match="Wrong: the reward of p000/chosen is nan"):
        engine.require(binding, suite.bound[0])
