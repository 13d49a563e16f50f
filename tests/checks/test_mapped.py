"""The same context with other numbers: the candidate's scores mapped and cast, nothing else."""

from __future__ import annotations

from builders import TableContext, from_wins, make_pairs

from rmcheck.checks import BASELINE
from rmcheck.checks.affine import AffineMap
from rmcheck.checks.mapped import MappedContext
from rmcheck.checks.win_rate import WinRate
from rmcheck.reward_source import Retrainable

PAIRS = make_pairs(20)
INNER = TableContext(
    PAIRS, ([2.0 + i for i in range(20)], [1.0] * 20), from_wins([1, 0] * 10),
    siblings=(WinRate(min=0.5),), comparisons=3, seed=7, examples=11,
    unknown=frozenset({"p003"}),
)  # fmt: skip


def test_the_candidate_is_mapped_and_the_baseline_is_not() -> None:
    seen = MappedContext(INNER, AffineMap(4.0, -1.0), "float32")
    scored = seen.scored(PAIRS[:3])
    assert scored.chosen.tolist() == [7.0, 11.0, 15.0]  # 4·r - 1 by hand
    assert scored.rejected.tolist() == [3.0, 3.0, 3.0]
    assert seen.score(PAIRS[1].dialogues()).tolist() == [11.0, 3.0]
    assert seen.scored(PAIRS[:2], BASELINE).chosen.tolist() == [1.0, -1.0]


def test_scores_are_held_in_the_precision() -> None:
    # Between 256 and 512 a bfloat16 has steps of 2: 257 is a tie of 256 and 258, and goes to 256.
    seen = MappedContext(INNER, AffineMap(1.0, 255.0), "bfloat16")
    assert seen.scored(PAIRS[:2]).chosen.tolist() == [256.0, 258.0]
    assert seen.scored(PAIRS[:1]).rejected.tolist() == [256.0]


def test_everything_else_is_the_inner_context() -> None:
    seen = MappedContext(INNER, AffineMap(4.0, -1.0), "float32")
    for name in ("suite", "data", "siblings", "seed", "examples", "comparisons"):
        assert getattr(seen, name) == getattr(INNER, name)
    assert seen.comparable(PAIRS)[1] == ["p003"]
    assert seen.changes(PAIRS).added == ("p003",)
    assert seen.offers(Retrainable) == INNER.offers(Retrainable)
    assert (seen.name(), seen.name(BASELINE)) == ("py:table", "main")
    assert seen.signature("x", {"n": 3}) == INNER.signature("x", {"n": 3})
