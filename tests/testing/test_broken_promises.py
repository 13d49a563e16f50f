"""Each promise that a source or a kind can break is named by `rmcheck.testing`."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from rmcheck.checks import CANDIDATE, Check, Context, Need, ScoredPairs
from rmcheck.checks.threshold import too_few, undecidable
from rmcheck.data import Dialogue, pair_dialogues
from rmcheck.data.preferences import PreferenceData
from rmcheck.testing import PromiseBroken, check_kind, check_source
from rmcheck.verdict import Estimate, Evidence, Table, Verdict


class Length:
    """Two members, and nothing else."""

    fingerprint: Any = "length-1"

    def score(self, dialogues: Sequence[Dialogue]) -> Any:
        return np.array([float(len(one.response)) for one in dialogues])


def test_two_members_are_a_source() -> None:
    check_source(Length())


def scoring(function: Callable[[Sequence[Dialogue]], Any]) -> Length:
    source = Length()
    source.score = function  # type: ignore[method-assign]
    return source


def lengths(dialogues: Sequence[Dialogue]) -> list[float]:
    return [float(len(one.response)) for one in dialogues]


class Forgetful(Length):
    count = itertools.count()

    @property
    def fingerprint(self) -> str:  # type: ignore[override]
        return f"f{next(self.count)}"


class Method(Length):
    def fingerprint(self) -> str:  # type: ignore[override]
        return "f"


class Stream(Length):
    def stream(self, dialogues: Sequence[Dialogue]) -> Iterator[tuple[Any, Any]]:
        for row in range(len(dialogues)):
            yield np.array([row]), np.array([0.0])


class Twice(Length):
    def stream(self, dialogues: Sequence[Dialogue]) -> Iterator[tuple[Any, Any]]:
        yield np.array([0, 0]), np.array([1.0, 1.0])


class Scaled(Length):
    def with_head_scaled(self, factor: float) -> Length:
        return Length()


calls = itertools.count()

SOURCES: dict[str, tuple[object, str]] = {
    "nothing": (object(), "score and fingerprint missing"),
    "no score": (type("Named", (), {"fingerprint": None})(), "score missing;"),
    "no fingerprint": (type("Nameless", (), {"score": lengths})(), "fingerprint missing;"),
    "a class": (Length, r"got the class; return Length\(\.\.\.\)"),
    "a column": (scoring(lambda d: np.zeros((len(d), 1))), r"got \(6, 1\)"),
    "too few": (scoring(lambda d: lengths(d)[1:]), r"expected 6 scores for 6 texts, got 5"),
    "not finite": (scoring(lambda d: [float("nan")] * len(d)), "must be finite"),
    "text": (scoring(lambda d: ["good"] * len(d)), r"expected numbers from score\(\)"),
    "sorted": (scoring(lambda d: sorted(lengths(d))), "not in the order of the texts"),
    "by the batch": (
        scoring(lambda d: (np.array(lengths(d)) - np.mean(lengths(d))).tolist()),
        "depends on the rest of its batch",
    ),
    "by the call": (scoring(lambda d: [float(next(calls))] * len(d)), "scoring a text twice"),
    "by repetition": (
        scoring(lambda d: [x + len(d) - len(set(d)) for x in lengths(d)]),
        "twice in a batch",
    ),
    "fingerprint that changes": (Forgetful(), "differs when asked for twice"),
    "fingerprint that is a method": (Method(), "make it a property"),
    "fingerprint that is a number": (
        type("Numbered", (Length,), {"fingerprint": 7})(), "text or None, got 7"),
    "a stream of other scores": (Stream(), "stream and score differ"),
    "a stream that repeats": (Twice(), "index 0 twice"),
    "a variant of the same fingerprint": (Scaled(), "its own fingerprint"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "promise"), SOURCES.values(), ids=SOURCES)
def test_a_source_that_breaks_a_promise_is_told_which(source: object, promise: str) -> None:
    with pytest.raises(PromiseBroken, match=promise):
        check_source(source)


@dataclass(frozen=True, kw_only=True)
class Sound(Check):
    """The share of pairs that are won is at least `min`.

    Parameters
    ----------
    min
        The smallest share, in [0, 1].
    """

    kind: ClassVar[str] = "sound"
    min: float

    def judge(self, ctx: Context) -> Verdict:
        pairs = self.select(ctx.data)
        scored = ctx.scored(pairs)
        reason = too_few(len(pairs), len({pair.group for pair in pairs}))
        if reason or not scored.margins.any():
            return undecidable(self.label, reason or "every pair is tied", {"min": self.min})
        return self._verdict(ctx, scored)

    def _verdict(self, ctx: Context, scored: ScoredPairs) -> Verdict:
        n, share = len(scored.pairs), float((scored.margins > 0).mean())
        held = "pass" if share >= self.min else "fail"
        return Verdict(
            decision=held,
            outcome=held,
            message=f"{self.label} {share:.2f}",
            estimate=Estimate(
                value=share, low=0.0, high=1.0, level=0.95, method="bounds", n=n, n_groups=n
            ),
            signature=ctx.signature(self.kind, {"n": n}),
            evidence=self._evidence(scored),
        )

    def _evidence(self, scored: ScoredPairs) -> Evidence:
        return Evidence()


def test_a_sound_kind_keeps_every_promise() -> None:
    check_kind(Sound)
    check_kind(Sound, min=0.9)


def changed(**members: Any) -> type[Check]:
    """`Sound` with other members, again a frozen dataclass with its docstring."""
    made = type("Changed", (Sound,), {"__doc__": Sound.__doc__, **members})
    return dataclass(frozen=True, kw_only=True)(made)  # type: ignore[return-value]


def never_undecided(self: Sound, ctx: Context) -> Verdict:
    pairs = self.select(ctx.data)
    if not pairs:
        return undecidable(self.label, "no pairs", {})
    return self._verdict(ctx, ctx.scored(pairs))


def by_order(self: Sound, ctx: Context, scored: ScoredPairs) -> Verdict:
    held = "pass" if scored.pairs[0].id == "p00" else "fail"
    return Verdict(decision=held, outcome=held, message="first")


def without_signature(self: Sound, ctx: Context, scored: ScoredPairs) -> Verdict:
    return dataclasses.replace(Sound._verdict(self, ctx, scored), signature="")


def two_lines(self: Sound, ctx: Context, scored: ScoredPairs) -> Verdict:
    return dataclasses.replace(Sound._verdict(self, ctx, scored), message="a\nb")


def numpy_evidence(self: Sound, scored: ScoredPairs) -> Evidence:
    return Evidence(tables=(Table(title="n", columns=("n",), rows=((np.int64(3),),)),))


asked = itertools.count()


def fickle(self: Sound, data: PreferenceData) -> list[Need]:
    return [Need(CANDIDATE, pair_dialogues(self.select(data))[: next(asked)])]


class Plain(Check):
    """Not a dataclass of its own."""

    kind: ClassVar[str] = "plain"


@dataclass(frozen=True, kw_only=True)
class Terse(Check):
    """One line."""

    kind: ClassVar[str] = "terse"
    min: float = 0.5


KINDS: dict[str, tuple[Any, str]] = {
    "no class": (Length, "expected a subclass"),
    "no dataclass": (Plain, r"must be a @dataclass\(frozen=True\)"),
    "no kind": (changed(kind="two words"), "kind must be a name"),
    "no docstring": (changed(__doc__=None), "needs a docstring"),
    "a key without a word": (Terse, "describe min under 'Parameters'"),
    "a word without a key": (
        changed(__doc__=f"{Sound.__doc__}max\n        Nothing.\n"), "describes max, which is not"),
    "other needs each time": (changed(needs=fickle), r"needs\(\) differs when asked twice"),
    "rounds that lack some": (
        changed(rounds=lambda self, data: [self.needs(data)[:0]] * 2), r"all rounds\(\) together"),
    "no verdict": (changed(judge=lambda self, ctx: True), "must return a Verdict, got True"),
    "passes on nothing": (changed(judge=never_undecided), "must not pass"),
    "by the order": (changed(_verdict=by_order), "changes with the order"),
    "no signature": (changed(_verdict=without_signature), "needs ctx.signature"),
    "two lines": (changed(_verdict=two_lines), "must be one line"),
    "numbers of numpy": (changed(_evidence=numpy_evidence), "plain JSON.*int64"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "promise"), KINDS.values(), ids=KINDS)
def test_a_kind_that_breaks_a_promise_is_told_which(kind: Any, promise: str) -> None:
    with pytest.raises(PromiseBroken, match=promise):
        check_kind(kind)


def test_a_key_whose_value_cannot_be_guessed_is_asked_for() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Listed(Sound):
        """The share of pairs that are won is at least `min`.

        Parameters
        ----------
        min
            The smallest share.
        words
            Some words.
        """

        words: tuple[str, ...]

    with pytest.raises(PromiseBroken, match=r"give a value: check_kind\(Listed, words=…\)"):
        check_kind(Listed)
    check_kind(Listed, words=("a",))
