"""Slices, what checks ask for, and the registry."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import pytest
from builders import from_margins, make_pairs

from rmcheck import checks as registry
from rmcheck.checks import BASELINE, CANDIDATE, ScoredPairs, Slice, SourceRef
from rmcheck.checks.best_of_n import BestOfN
from rmcheck.checks.label_noise import LabelNoise
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.scale_invariance import ALONE, HEAD_FACTORS, PROBED, ScaleInvariance
from rmcheck.checks.score_gap import ScoreGap
from rmcheck.checks.threshold import ThresholdCheck
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import PreferencePair
from rmcheck.data.preferences import PreferenceData

PAIR = PreferencePair("a", "p", "long answer", "short", "g", ("x", "y"), 0.8)


@pytest.mark.parametrize(
    ("where", "holds"),
    [
        (Slice(), True),
        (Slice(tags=("y", "z")), True),  # any of them
        (Slice(tags=("z",)), False),
        (Slice(without_tags=("z",)), True),
        (Slice(without_tags=("z", "x")), False),
        (Slice(min_confidence=0.8), True),
        (Slice(min_confidence=0.81), False),
        (Slice(max_confidence=0.8), True),
        (Slice(max_confidence=0.79), False),
        (Slice(shorter="rejected"), True),
        (Slice(shorter="chosen"), False),
        (Slice(tags=("x",), shorter="chosen"), False),  # every key given must hold
    ],
)
def test_a_slice_by_hand(where: Slice, holds: bool) -> None:
    assert where.holds(PAIR) is holds


def test_edges_of_a_slice() -> None:
    sure = dataclasses.replace(PAIR, confidence=None)  # counts as 1
    assert Slice(min_confidence=1.0).holds(sure)
    assert not Slice(max_confidence=0.99).holds(sure)
    level = dataclasses.replace(PAIR, rejected="equal size!")
    assert len(level.chosen) == len(level.rejected)
    assert not Slice(shorter="chosen").holds(level)
    assert not Slice(shorter="rejected").holds(level)


def test_scored_pairs_and_rows_of_them() -> None:
    import numpy as np

    pairs = make_pairs(3)
    chosen, rejected = from_margins([1.0, -2.0, 0.5])
    scored = ScoredPairs(pairs, np.array(chosen), np.array(rejected) + 0.25)
    assert scored.margins.tolist() == [0.75, -2.25, 0.25]
    some = scored.take([2, 0])
    assert [pair.id for pair in some.pairs] == ["p002", "p000"]
    assert some.margins.tolist() == [0.25, 0.75]
    assert some.groups == ["p-g2", "p-g0"]


def test_what_each_kind_asks_to_have_scored() -> None:
    tagged = make_pairs(30, tags=["x"], prefix="t")
    data = PreferenceData((*tagged, *make_pairs(10)))
    where = Slice(tags=("x",))
    texts = [dialogue for pair in tagged for dialogue in pair.dialogues()]

    def asked(check: registry.Check) -> list[tuple[SourceRef, int]]:
        return [(need.source, len(need.dialogues)) for need in check.needs(data)]

    for plain in (WinRate(min=0.5, where=where), ScoreGap(where=where)):
        (need,) = plain.needs(data)
        assert (need.source, list(need.dialogues)) == (CANDIDATE, texts)
    assert asked(NoRegression(where=where)) == [(CANDIDATE, 60), (BASELINE, 60)]
    # Each rate with each seed is a training of its own.
    noisy = asked(LabelNoise(where=where, rates=(0.1, 0.3), seeds=2))
    assert noisy[0] == (CANDIDATE, 60)
    assert {(ref.flip_rate, ref.flip_seed) for ref, n in noisy[1:]} == {
        (0.1, 0), (0.1, 1), (0.3, 0), (0.3, 1),
    }  # fmt: skip
    assert [n for _, n in noisy] == [60] * 5
    # 30 pairs: half as many texts are probed, at most 24.
    scale = asked(ScaleInvariance(where=where))
    assert scale[:2] == [(CANDIDATE, 60), (ALONE, 15)]
    assert {ref.head_scale for ref, _ in scale[2:]} == set(HEAD_FACTORS)
    assert dict(asked(ScaleInvariance()))[ALONE] == 20
    assert PROBED == 24


def test_the_registry_knows_its_kinds() -> None:
    assert registry.kinds()[:5] == [
        "win_rate", "score_gap", "label_noise", "scale_invariance", "no_regression",
    ]  # fmt: skip
    for kind in registry.kinds():
        found = registry.find(kind)
        assert found is not None
        assert found.kind == kind
        manual = registry.manual(kind)
        # The manual page speaks of every key of its own.
        own = set(found.keys()) - set(registry.Check.keys())
        assert all(key in manual for key in own), kind
    assert registry.find("win_rat") is None
    assert registry.manual("win_rat") == ""


def test_what_thresholds_share_is_said_once_and_stands_where_each_kind_lists_it() -> None:
    shared = registry.described(ThresholdCheck)["on_inconclusive"]
    assert shared.startswith("`point` (default: the point estimate decides")
    kinds = [found for kind in registry.kinds() if (found := registry.find(kind))]
    of_both = [kind for kind in kinds if issubclass(kind, ThresholdCheck)]
    assert len(of_both) == 14
    for kind in of_both:
        assert registry.described(kind)["on_inconclusive"] == shared
    assert WinRate.keys() == (
        "name", "where", "objective", "gate",
        "min", "ties", "epsilon", "on_inconclusive", "min_groups", "early_stop",
    )  # fmt: skip
    assert BestOfN.keys()[4:] == ("min", "on_inconclusive")


def test_keys_without_a_description_come_last() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Terse(ThresholdCheck):
        """A line.

        Parameters
        ----------
        late
            Described.
        """

        bare: int = 1
        late: int = 2

    assert Terse.keys() == ("name", "where", "objective", "gate", "on_inconclusive", "late", "bare")


def test_which_decisions_depend_on_the_scale() -> None:
    assert WinRate(min=0.5).scale_free
    assert not WinRate(min=0.5, ties="epsilon", epsilon=0.1).scale_free
    assert ScoreGap().scale_free
    assert NoRegression().scale_free
