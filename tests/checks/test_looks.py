"""Early stopping: which pairs are looked at when, and what a look decides."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from builders import TableContext, make_pairs
from scipy.stats import binom

from rmcheck.checks import BASELINE, CANDIDATE
from rmcheck.checks.looks import FRACTIONS, Look, looks_at
from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.win_rate import WinRate
from rmcheck.data import Pairs, PreferencePair
from rmcheck.data.preferences import PreferenceData
from rmcheck.stats.decision import decide_threshold
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.paired import paired_difference
from rmcheck.stats.sequential import nominal_levels
from rmcheck.stats.winrate import wilson_limits, win_rate

PAIRS = make_pairs(400)
GROUPED = make_pairs(600, group_size=3)


def table(wins: np.ndarray, before: np.ndarray | None = None, pairs: list = PAIRS) -> TableContext:
    """Scores of which these pairs are right."""
    zeros = [0.0] * len(wins)
    baseline = None if before is None else ((2.0 * before - 1).tolist(), zeros)
    return TableContext(pairs, ((2.0 * wins - 1).tolist(), zeros), baseline)


def random_wins(rate: float, seed: int, n: int = 400) -> np.ndarray:
    return (np.random.default_rng(seed).random(n) < rate).astype(float)


def test_looks_grow_to_all_pairs_and_keep_prompts_whole() -> None:
    looks = looks_at(Pairs(GROUPED), early=True)
    assert [look.number for look in looks] == list(range(1, len(looks) + 1))
    # 200 prompts of 3 pairs: 5 % are 10 prompts, fewer than the 15 that a verdict needs, and so
    # are 7.5 %, 15 prompts, which is where the first look is.
    assert looks[0].fractions[0] == 0.075
    # Each at the first prompt that reaches its share, which 3 pairs are half a percent of.
    wanted = FRACTIONS[FRACTIONS.index(0.075) :]
    assert looks[0].fractions == pytest.approx([math.ceil(200 * f - 1e-9) / 200 for f in wanted])
    before: set[str] = set()
    for look in looks:
        ids = {pair.id for pair in look.pairs}
        assert before < ids
        assert len(ids) == len(look.pairs) == round(look.fractions[look.number - 1] * 600)
        assert not {pair.group for pair in look.pairs} & {pair.group for pair in look.rest}
        assert len(look.pairs) + len(look.rest) == 600
        before = ids
    assert [pair.id for pair in looks[-1].pairs] == [pair.id for pair in GROUPED]
    assert not looks[-1].rest


def test_the_order_depends_on_texts_alone() -> None:
    def seen(pairs: list) -> list[set[str]]:
        looks = looks_at(Pairs(pairs), early=True)
        return [{pair.hash for pair in look.pairs} for look in looks]

    renamed = [replace(pair, id=f"other-{pair.id}", group=f"g{pair.id}") for pair in PAIRS]
    assert seen(PAIRS) == seen(PAIRS[::-1]) == seen(renamed)
    # An edited pair moves itself only: the others keep their order.
    edited = [replace(PAIRS[0], chosen="another answer"), *PAIRS[1:]]
    assert len(seen(edited)[4] ^ seen(PAIRS)[4]) <= 4


def test_without_early_stopping_there_is_one_look_with_the_plain_levels() -> None:
    (look,) = looks_at(PAIRS, early=False)
    assert look.pairs is PAIRS
    assert (look.level, look.alpha(0.05, 7), look.adjusted(0.3)) == (0.95, 0.05, 0.3)
    assert (look.told, look.looked, look.facts) == ("", None, {})
    assert len(looks_at(make_pairs(15), early=True)) == 1


def test_levels_of_a_look_come_from_the_boundary() -> None:
    looks = looks_at(PAIRS, early=True)
    fourth = looks[3]
    nominal = nominal_levels(fourth.fractions, 0.025)[3]
    assert fourth.level == pytest.approx(1 - 2 * nominal)
    each = nominal_levels(fourth.fractions, one_sided_level(0.05, 5))[3]
    assert one_sided_level(fourth.alpha(0.05, 5), 5) == pytest.approx(each)


@pytest.mark.parametrize(("rate", "outcome"), [(0.95, "pass"), (0.4, "fail")])
def test_a_clear_win_rate_is_decided_on_few_pairs(rate: float, outcome: str) -> None:
    context = table(random_wins(rate, 0))
    verdict = WinRate(min=0.7, early_stop=True).judge(context)
    assert (verdict.decision, verdict.outcome, verdict.weak) == (outcome, outcome, False)
    looked, estimate = verdict.looked, verdict.estimate
    assert looked is not None
    assert estimate is not None
    assert estimate.n == looked.pairs == len(looked.ids) <= 80
    assert looked.of == 400
    # The interval is Wilson's at the level of that look: by hand from the win rate and n.
    critical = float(abs(np.sqrt(2) * _erfinv(estimate.level)))
    assert (estimate.low, estimate.high) == pytest.approx(
        wilson_limits(estimate.value, estimate.n, critical)
    )
    assert f"early_stop: decided on {looked.pairs} of 400 pairs (look {looked.look} of" in (
        verdict.message
    )
    assert "100%" not in verdict.message


def _erfinv(level: float) -> float:
    from scipy.special import erfinv

    return float(erfinv(level))


def test_a_close_win_rate_needs_all_pairs_and_says_so() -> None:
    verdict = WinRate(min=0.7, early_stop=True).judge(table(random_wins(0.7, 1)))
    assert verdict.decision == "inconclusive"
    assert verdict.looked is not None
    assert (verdict.looked.pairs, verdict.looked.ids) == (400, ())
    assert "no look before the last decided, so all 400 pairs were scored" in verdict.message
    plain = WinRate(min=0.7).judge(table(random_wins(0.7, 1)))
    assert plain.estimate is not None
    assert verdict.estimate is not None
    assert plain.estimate.value == verdict.estimate.value
    # All looks together hold 95 %, so the last one alone holds more: 2Φ(2.13) - 1 = 96.6 %.
    assert plain.estimate.level == 0.95 < verdict.estimate.level < 0.97
    assert plain.looked is None


def test_a_look_decides_where_no_result_of_the_others_counts() -> None:
    # 22 of 30 pairs are right, 10 are left, min is 0.60. Wilson's interval of 22 in 30 includes
    # 0.60; so does that of 22 in 40 (0.40 to 0.69), and 32 in 40 (0.65 to 0.90) is above it. So if
    # an inconclusive verdict passes, the check passes whatever the 10 are; else it may fail.
    few = PAIRS[:40]
    late = looks_at(few, early=True)[-2]
    assert len(late.pairs) == 30
    right = {pair.id for pair in late.pairs[:22]}
    context = table(np.array([float(pair.id in right) for pair in few]), pairs=few)
    for policy, settled in (("pass", True), ("point", False), ("fail", False)):
        check = WinRate(min=0.6, on_inconclusive=policy, early_stop=True)
        assert check.settles(context, late) == settled
    # The 10 pairs that are left can cost 25 points of all 40 at most. So far 6 pairs are newly
    # wrong and 6 newly right, which is no drop, with an interval that allows for one of 26.
    lost, won = ({pair.id for pair in late.pairs[rows]} for rows in (slice(6), slice(22, 28)))
    before = np.array([float(pair.id in right) for pair in few])
    after = np.array([float(pair.id in right - lost | won) for pair in few])
    comparison = NoRegression(max_drop=0.25, early_stop=True)
    same = table(after, before, few)
    assert not comparison.settles(same, late)
    assert replace(comparison, max_drop=0.26).settles(same, late)
    assert not replace(comparison, max_drop=0.26, require="non_inferior").settles(same, late)


def test_ties_and_few_prompts_are_never_decided_early() -> None:
    tied = np.full(400, 0.5)
    verdict = WinRate(min=0.3, early_stop=True).judge(table(tied))
    assert (verdict.decision, verdict.outcome) == ("inconclusive", "fail")
    assert verdict.looked is not None
    assert verdict.looked.pairs == 400
    both = NoRegression(early_stop=True).judge(table(tied, tied))
    assert "undecidable" in both.message
    assert both.looked is None or both.looked.pairs == 400


def test_a_clear_regression_is_decided_on_few_pairs() -> None:
    rng = np.random.default_rng(2)
    before = random_wins(0.8, 2)
    now = np.where(rng.random(400) < 0.45, 0.0, before)
    context = table(now, before)
    verdict = NoRegression(early_stop=True).judge(context)
    assert (verdict.state, verdict.outcome) == ("regressed", "fail")
    looked = verdict.looked
    assert looked is not None
    assert looked.pairs <= 160
    rows = [row for row, pair in enumerate(PAIRS) if pair.id in set(looked.ids)]
    seen = paired_difference(now[rows], before[rows], [PAIRS[row].group for row in rows])
    assert verdict.estimate is not None
    assert verdict.estimate.value == seen.estimate.value
    # The p-value accounts for the looks before, and is still below alpha/m.
    assert verdict.p_value is not None
    assert seen.p_two_sided < verdict.p_value <= 0.05
    assert verdict.detectable is None
    assert f"look:{looked.look}/{looked.looks}" in verdict.signature


def test_pairs_that_the_baseline_does_not_know_are_no_part_of_any_look() -> None:
    before, now = random_wins(0.8, 3), random_wins(0.3, 4)
    unknown = frozenset(pair.id for pair in PAIRS[:100])
    context = replace(table(now, before), unknown=unknown)
    verdict = NoRegression(early_stop=True).judge(context)
    assert verdict.looked is not None
    assert verdict.looked.of == 300
    assert verdict.looked.pairs < 300
    assert not unknown & set(verdict.looked.ids)


def test_a_candidate_that_is_the_baseline_is_not_called_identical_before_the_end() -> None:
    wins = random_wins(0.8, 5, 3000)
    pairs = make_pairs(3000)
    verdict = NoRegression(early_stop=True).judge(table(wins, wins, pairs))
    assert verdict.state == "non_inferior"
    assert verdict.looked is not None
    assert verdict.looked.pairs < 3000
    few = NoRegression(early_stop=True).judge(table(wins[:100], wins[:100], pairs[:100]))
    assert few.state == "identical"


def test_rounds_are_the_looks_without_what_came_before() -> None:
    data = PreferenceData(tuple(GROUPED))
    check = NoRegression(early_stop=True)
    rounds = check.rounds(data)
    looks = looks_at(Pairs(GROUPED), early=True)
    assert len(rounds) == len(looks)
    asked: list[str] = []
    for needs, look in zip(rounds, looks, strict=True):
        assert [need.source for need in needs] == [CANDIDATE, BASELINE]
        assert [d.key for d in needs[0].dialogues] == [d.key for d in needs[1].dialogues]
        asked += [dialogue.key for dialogue in needs[0].dialogues]
        sides = {side.key for pair in look.pairs for side in pair.dialogues()}
        assert sides == set(asked)
    assert len(asked) == 1200
    (plain,) = NoRegression().rounds(data)
    assert plain == NoRegression().needs(data)


def test_the_option_turns_it_on_and_off() -> None:
    check = WinRate(min=0.5)
    assert check.stopping(True).early_stop
    assert check.stopping(False) is check
    # Other measures need all pairs.
    other = NoRegression(measure="log_loss")
    assert other.stopping(True) is other
    with pytest.raises(ValueError, match="early_stop looks at wins alone"):
        NoRegression(measure="log_loss", early_stop=True)


@pytest.mark.parametrize("minimum", [0.7, 0.9])
@pytest.mark.parametrize("n", [300, 1000])
def test_a_model_at_the_minimum_is_seldom_called_below_it(
    n: int, minimum: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The exact probability: a binomial walk from look to look, which is absorbed where the check
    # calls the model below `min`. With Wilson's interval
    # alone it is 3.2 and 4.1 % of 300 pairs.
    monkeypatch.setattr(WinRate, "_out_of_reach", lambda *_: False)
    check, pairs = WinRate(min=minimum, early_stop=True), make_pairs(n)
    looks = looks_at(Pairs(pairs), early=True)
    walk, before, below = np.ones(1), 0, 0.0
    for look in looks:
        seen = len(look.pairs)
        step = binom.pmf(np.arange(seen - before + 1), seen - before, minimum)
        walk, before = np.convolve(walk, step), seen
        most = most_below(check, pairs, look)
        below += float(walk[: most + 1].sum())
        walk[: most + 1] = 0.0
    # 2.5, 2.1, 2.4 and 2.3 %; with one look at all pairs it is 2.7, 2.5, 2.5 and 2.8 %.
    assert 0.01 < below < 0.026


def most_below(check: WinRate, pairs: list[PreferencePair], look: Look) -> int:
    """The most wins among the pairs of a look with which it calls the model below `min`."""
    seen = [pair.id for pair in look.pairs]
    low, high = -1, int(check.min * len(seen))
    while low < high:
        middle = (low + high + 1) // 2
        won = set(seen[:middle])
        context = table(np.array([pair.id in won for pair in pairs], dtype=float), None, pairs)
        if look.last:
            wins = np.repeat([1.0, 0.0], [middle, len(seen) - middle])
            estimate = win_rate(wins, seen, level=look.level)
            decided = decide_threshold(estimate, minimum=check.min) == "fail"
        else:
            decided = check.settles(context, look)
        low, high = (middle, high) if decided else (low, middle - 1)
    return low
