"""Four published reward models on 447 pairs, where their scores are at hand."""

from __future__ import annotations

import importlib
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from builders import make_suite, pair_scores
from stats.newcombe import newcombe_limits
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from rmcheck.checks.no_regression import NoRegression
from rmcheck.compare.comparison import Side, compare
from rmcheck.compare.selftest import guards, selftest
from rmcheck.data.preferences import load
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.winrate import win_rate, wins

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/rewardmath"
MODELS = ("ArmoRM", "Eurus-RM-7b", "internlm2-20b-reward", "oasst-rm-2.1-pythia-1.4b")
PAIRS_OF_MODELS = list(combinations(MODELS, 2))

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="../shared/data/rewardmath is not there (not part of the project)"
)


@pytest.fixture(scope="module")
def columns() -> dict[str, tuple[list[float], list[float]]]:
    """(chosen, rejected) of each model, in the order of the pairs."""
    ids = [pair.id for pair in pairs()]
    found = {}
    for model in MODELS:
        text = (DATA / f"pairs_scores/{model}.jsonl").read_text(encoding="utf-8")
        rows = {row["id"]: row for row in map(json.loads, text.splitlines())}
        found[model] = ([rows[i]["chosen"] for i in ids], [rows[i]["rejected"] for i in ids])
    return found


def pairs():  # type: ignore[no-untyped-def]
    return load([DATA / "pairs.jsonl"]).pairs


@pytest.mark.parametrize(("first", "second"), PAIRS_OF_MODELS)
def test_every_comparison_is_mcnemars(columns, first: str, second: str) -> None:  # type: ignore[no-untyped-def]
    # statsmodels knows no ties, so the one that ArmoRM has counts as a loss here.
    one, two = (wins(*columns[model], ties="loss") for model in (first, second))
    table = np.array([[np.sum((one == a) & (two == b)) for b in (1, 0)] for a in (1, 0)])
    assert table.sum() == 447
    found = paired_difference(one, two, [pair.group for pair in pairs()])
    assert found.p_two_sided == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)
    (both, won), (lost, neither) = table.tolist()
    assert (found.newly_right, found.newly_wrong) == (won, lost)
    limits = newcombe_limits(both, won, lost, neither, 1.959963984540054)
    assert (found.estimate.low, found.estimate.high) == pytest.approx(limits)
    # Newcombe's interval lies near the one of a normal approximation at this n.
    error = np.sqrt(won + lost - (won - lost) ** 2 / 447) / 447
    delta = (won - lost) / 447
    assert found.estimate.low == pytest.approx(delta - 1.96 * error, abs=0.006)
    assert found.estimate.high == pytest.approx(delta + 1.96 * error, abs=0.006)


@pytest.mark.parametrize(("first", "second"), [p for p in PAIRS_OF_MODELS if "ArmoRM" not in p])
def test_the_command_finds_the_same(columns, first: str, second: str) -> None:  # type: ignore[no-untyped-def]
    sides = [Side(model, pair_scores(pairs(), columns[model], "math")) for model in (first, second)]
    verdict = compare(*sides, max_drop=0.02).verdicts["math"]
    one, two = (np.greater(*columns[model]) for model in (first, second))
    table = [[np.sum((one == a) & (two == b)) for b in (True, False)] for a in (True, False)]
    assert verdict.p_value == pytest.approx(mcnemar(table, exact=True).pvalue, rel=1e-9)
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx(one.mean() - two.mean())


@pytest.mark.parametrize("model", MODELS)
def test_win_rates_have_statsmodels_intervals(columns, model: str) -> None:  # type: ignore[no-untyped-def]
    won = wins(*columns[model], ties="loss")
    found = win_rate(won, [pair.group for pair in pairs()])
    oracle = proportion_confint(int(won.sum()), 447, method="wilson")
    assert (found.low, found.high) == pytest.approx(oracle)


def test_equal_models_rarely_go_red_on_these_pairs(columns) -> None:  # type: ignore[no-untyped-def]
    sides = {m: Side(m, pair_scores(pairs(), columns[m], "math")) for m in MODELS}
    suite = make_suite(pairs(), [NoRegression()], name="math")
    for first, second in PAIRS_OF_MODELS:
        found, notes = guards([suite], sides[first], sides[second])
        assert notes == []
        result = selftest(found, comparisons=1, runs=500)
        # At most 2.5 % in expectation; three standard errors of 500 runs are 2.1 points.
        assert result.red.value <= 0.046
        assert not result.tested[0].assumed


@pytest.mark.slow
def test_the_page_on_real_models_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs/build"))
    real_models = importlib.import_module("real_models")
    page = real_models.PAGE.read_text(encoding="utf-8")
    now = importlib.import_module("verdicts").filled(page, real_models.outputs(DATA))
    assert now == page, "run python docs/build/real_models.py DATA"
