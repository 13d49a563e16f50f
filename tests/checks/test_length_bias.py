"""`length_bias`: models that love length, hate it, or do not look at it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import TableContext, from_wins, make_pairs
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from rmcheck.checks.length_bias import LengthBias
from rmcheck.data import PreferencePair
from rmcheck.verdict import Verdict


def uneven(n_longer: int, n_shorter: int, n_equal: int = 0) -> list[PreferencePair]:
    """Pairs whose chosen side is longer, then shorter, then equal, in characters."""
    lengths = [(40, 20)] * n_longer + [(20, 40)] * n_shorter + [(30, 30)] * n_equal
    return [
        replace(pair, chosen="c" * (chosen + i % 7), rejected="r" * (rejected + i % 7))
        for i, (pair, (chosen, rejected)) in enumerate(
            zip(make_pairs(len(lengths)), lengths, strict=True)
        )
    ]


def judge(pairs: list[PreferencePair], wins: list[int], **keys: object) -> Verdict:
    return LengthBias(**keys).judge(TableContext(pairs, from_wins(wins)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("longer", "shorter", "max_gap", "decision", "outcome"),
    [
        ((80, 100), (78, 100), 0.20, "pass", "pass"),
        ((95, 100), (40, 100), 0.20, "fail", "fail"),
        ((40, 100), (95, 100), 0.20, "fail", "fail"),  # a love of brevity is a bias, too
        ((70, 100), (60, 100), 0.20, "inconclusive", "pass"),
        ((85, 100), (60, 100), 0.20, "inconclusive", "fail"),
    ],
)
def test_the_difference_is_newcombes_in_statsmodels(
    longer: tuple[int, int], shorter: tuple[int, int], max_gap: float, decision: str, outcome: str
) -> None:
    (a, m), (b, n) = longer, shorter
    wins = [1] * a + [0] * (m - a) + [1] * b + [0] * (n - b) + [1] * 30
    verdict = judge(uneven(m, n, 30), wins, max_gap=max_gap)
    low, high = confint_proportions_2indep(a, m, b, n, method="newcomb")
    assert verdict.estimate is not None
    assert (verdict.estimate.low, verdict.estimate.high) == pytest.approx((low, high))
    assert (verdict.decision, verdict.outcome) == (decision, outcome)
    where = "within" if outcome == "pass" else "outside"
    weak = "; weak: the interval includes 0.20" if decision == "inconclusive" else ""
    difference = f"{a / m - b / n:.3f} [{low:.3f}, {high:.3f}]".replace("-", "−")
    assert verdict.message == (
        f"length_bias win rate {a / m:.3f} where the chosen side is longer, {b / n:.3f} where it "
        f"is shorter; difference {difference} (newcombe-unpaired "
        f"95%, n={m + n}) {where} ±max_gap {max_gap:.2f}{weak}"
    )


def test_a_difference_of_the_size_allowed_is_within() -> None:
    # 16 of 20 less 12 of 20 is the 0.2 that was asked for, whatever 0.8 - 0.6 is in binary.
    verdict = judge(uneven(20, 20), [1] * 16 + [0] * 4 + [1] * 12 + [0] * 8, max_gap=0.2)
    assert verdict.outcome == "pass"


def test_a_model_that_counts_characters_is_seen_through() -> None:
    pairs = uneven(60, 60)
    scores = [float(len(p.chosen)) for p in pairs], [float(len(p.rejected)) for p in pairs]
    verdict = LengthBias().judge(TableContext(pairs, scores))
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    assert "win rate 1.000 where the chosen side is longer, 0.000 where it is" in verdict.message
    rows = {row[0]: row[1:] for row in verdict.evidence.tables[0].rows}
    assert rows["Spearman of score and length"][0] == pytest.approx(1.0)
    assert rows["effect of length on P(win), log-odds"][1] > 0
    assert rows["win rate at equal lengths"][0] == pytest.approx(0.5, abs=0.05)


def test_spearman_is_scipys_over_all_responses() -> None:
    pairs = uneven(40, 40, 10)
    rng = np.random.default_rng(0)
    chosen, rejected = rng.normal(1, 1, 90), rng.normal(0, 1, 90)
    ctx = TableContext(pairs, (chosen.tolist(), rejected.tolist()))
    rows = {row[0]: row[1] for row in LengthBias().judge(ctx).evidence.tables[0].rows}
    lengths = [len(p.chosen) for p in pairs] + [len(p.rejected) for p in pairs]
    oracle = stats.spearmanr([*chosen, *rejected], lengths).statistic
    assert rows["Spearman of score and length"] == pytest.approx(oracle)


FEW = "{0} pairs whose chosen side is the {1} of {0} different prompts; at least 15 prompts are "
FEW += "needed"
TIED = "all 40 pairs are tied: the model scores both responses the same"


@pytest.mark.parametrize(
    ("pairs", "wins", "reason"),
    [
        ([], [], "no pairs to decide on"),
        (uneven(20, 20), [2] * 40, TIED),
        (uneven(40, 14), [1] * 54, FEW.format(14, "shorter")),
        (uneven(0, 40), [1] * 40, FEW.format(0, "longer")),
        (uneven(0, 0, 40), [1] * 40, FEW.format(0, "longer")),
    ],
)
def test_what_cannot_be_decided_never_passes(
    pairs: list[PreferencePair], wins: list[int], reason: str
) -> None:
    columns = from_wins(wins) if wins[:1] != [2] else ([1.0] * 40, [1.0] * 40)
    check = LengthBias(max_gap=1.0, on_inconclusive="pass")
    verdict = check.judge(TableContext(pairs, columns))
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("inconclusive", "fail", True)
    assert verdict.message == f"length_bias: undecidable: {reason}"


def test_pairs_of_one_prompt_widen_the_interval() -> None:
    pairs = uneven(90, 90)
    wins = ([1] * 6 + [0] * 3) * 20
    shared = [replace(pair, group=f"g{i // 3}") for i, pair in enumerate(pairs)]
    plain, clustered = judge(pairs, wins).estimate, judge(shared, wins).estimate
    assert plain is not None
    assert clustered is not None
    assert clustered.high - clustered.low > 1.4 * (plain.high - plain.low)
