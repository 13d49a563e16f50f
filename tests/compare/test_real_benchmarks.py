"""Four published reward models on RewardMATH, where their scores are at hand."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest
from builders import TableContext
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from rmcheck.checks.benchmark import Benchmark
from rmcheck.data.preferences import load
from rmcheck.stats.ranking import rank_models
from rmcheck.stats.winrate import wins

DATA = Path(__file__).parents[3] / "shared/data/rewardmath"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="../shared/data/rewardmath is not there (not part of the project)"
)

# What `RewardMATHEvaluation` of github.com/kimsh0507/RewardMATH_official (cde06ab) prints for its
# own files `results/RewardMATH/*_reward.json`: accuracy and MRR in percent.
PUBLISHED = {
    "ArmoRM": (20.497, 42.182),
    "Eurus-RM-7b": (16.977, 38.303),
    "internlm2-20b-reward": (33.954, 51.953),
    "oasst-rm-2.1-pythia-1.4b": (7.039, 27.026),
}


def rows_of(file: Path) -> dict[str, dict[str, list[float]]]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_numbers_of_reward_math(model: str) -> None:
    scores = rows_of(DATA / f"sets_scores/{model}.jsonl")
    sets = [(entry, scores[entry.id]["scores"]) for entry in load([DATA / "sets.jsonl"]).sets]
    assert len(sets) == 483
    for total, published in zip(("accuracy", "MRR"), PUBLISHED[model], strict=True):
        check = Benchmark(benchmark="rewardmath", total=total, min=0.0)
        estimate = check.judge(TableContext([], ([], []), ([], []), sets=sets)).estimate
        assert estimate is not None
        assert round(100 * estimate.value, 3) == published
        assert estimate.low < estimate.value < estimate.high


def test_a_ranking_is_mcnemar_and_holm_of_statsmodels() -> None:
    ids = [pair.id for pair in load([DATA / "pairs.jsonl"]).pairs]
    columns = {}
    for model in PUBLISHED:
        rows = rows_of(DATA / f"pairs_scores/{model}.jsonl")
        both = [[rows[each][side] for each in ids] for side in ("chosen", "rejected")]
        columns[model] = wins(*both, ties="loss")
    found = {frozenset((one.better, one.worse)): one for one in rank_models(columns, ids).versus}
    pairs = list(combinations(columns, 2))
    tables = [
        [[int(((columns[a] == x) & (columns[b] == y)).sum()) for y in (1, 0)] for x in (1, 0)]
        for a, b in pairs
    ]
    p = [mcnemar(table, exact=True).pvalue for table in tables]
    apart, adjusted, *_ = multipletests(p, 0.05, "holm")
    for pair, single, joint, told in zip(pairs, p, adjusted, apart, strict=True):
        one = found[frozenset(pair)]
        assert (one.p, one.adjusted_p) == pytest.approx((single, joint), rel=1e-9)
        assert one.apart == told
