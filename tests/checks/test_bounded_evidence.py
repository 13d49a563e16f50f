"""What a verdict shows is bounded: `results.json`, which is committed, does not grow per pair."""

from __future__ import annotations

import dataclasses
import json

import pytest
from builders import TableContext, make_pairs, noise

from rmcheck.checks import Check, SourceRef
from rmcheck.checks.evidence import MOST_DOTS, MOST_PAIRS
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.perturbed import PerturbedCheck
from rmcheck.checks.scale_invariance import ScaleInvariance
from rmcheck.data import ResponseSet

from .test_degenerate import CHECKS

KINDS = {check.kind: check for check in CHECKS.values()}
"""One check of each kind; test_degenerate sees that none is missing."""
FEW, MANY = 2_100, 3_300


def context(n: int) -> TableContext:
    """n pairs, of which every third is newly wrong, each with a tag of its own; n / 40 sets.

    A third of the scores are lost in half precision, so that a search for lost orderings finds
    that many pairs.
    """
    pairs = [
        dataclasses.replace(
            pair,
            ratings=(4.0 + i % 3, 1.0),
            chosen=pair.chosen + " more" * (i % 2),
            tags=(f"t{i}",),
        )
        for i, pair in enumerate(make_pairs(n))
    ]
    low = [noise(str(-i)) for i in range(n)]
    high = [low[i] + (1e-9 if i % 3 == 1 else -5.0 if i % 3 == 0 else 5.0) for i in range(n)]
    before = [5.0 + noise(f"b{i}") for i in range(n)], [noise(f"c{i}") for i in range(n)]
    sets = [
        (ResponseSet(f"s{i}", pairs[i].prompt, ("a", "b", "c"), (0, 1), pairs[i].group),
         [high[i], high[i] + 0.1, low[i]])
        for i in range(n // 40)
    ]  # fmt: skip
    now = (high, low)
    variants = {SourceRef(flip_rate=0.2, flip_seed=seed): now for seed in range(2)}
    return TableContext(pairs, now, before, variants=variants, sets=sets)


@pytest.fixture(scope="module")
def contexts() -> tuple[TableContext, TableContext]:
    return context(FEW), context(MANY)


def size(check: Check, found: TableContext) -> int:
    evidence = check.judge(found).evidence
    assert len(evidence.pairs) <= MOST_PAIRS
    return len(json.dumps(dataclasses.asdict(evidence)))


def _slow(check: Check) -> bool:
    return isinstance(check, PerturbedCheck) or check.kind in ("correlation", "selection")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.ci if _slow(check) else ())
        for kind, check in KINDS.items()
    ],
)
def test_more_pairs_show_no_more(contexts: tuple[TableContext, TableContext], kind: str) -> None:
    assert max(MOST_DOTS, 3 * MOST_PAIRS) < FEW
    few, many = (size(KINDS[kind], each) for each in contexts)
    assert many < 1.03 * few + 200  # numbers and names have more digits


@pytest.mark.parametrize(
    ("check", "counted"),
    [
        (NoRegression(), "1,100 pairs newly wrong"),
        (ScaleInvariance(examples=10), " of 3300 orderings are lost"),
    ],
)
def test_pairs_beyond_the_bound_are_still_counted(
    contexts: tuple[TableContext, TableContext], check: Check, counted: str
) -> None:
    verdict = check.judge(contexts[1])
    assert verdict.outcome == "fail"
    assert len(verdict.evidence.pairs) == MOST_PAIRS
    assert counted in verdict.message
