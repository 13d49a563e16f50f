"""Lost wins of two recipes: by hand, in words, and in a check over made-up trainings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from builders import FunctionSource, live_context, make_pairs, noise, per_text, write_jsonl
from scipy import stats

from rmcheck.checks.check import BASELINE, CANDIDATE
from rmcheck.checks.invariance import Invariance
from rmcheck.checks.more_flips import ALL, FlipRule, Flips, more_flips
from rmcheck.checks.recipe_flips import MoreRecipeFlips, RecipeFlips, more_recipe_flips
from rmcheck.data.preferences import PreferenceData
from rmcheck.engine.seeds import with_trainings
from rmcheck.reward_source import RewardSource, SourceOptions
from rmcheck.sources import create
from rmcheck.verdict import Verdict

NAN = float("nan")
RULE = FlipRule(most=0.05, alpha=0.05)


def rates(shares: Sequence[float], n: int = 1000) -> np.ndarray:  # type: ignore[type-arg]
    """Trainings that lose so many wins, all of them the same pairs first."""
    return np.array([[float(row < round(share * n)) for row in range(n)] for share in shares])


def names(n: int) -> list[str]:
    return [f"g{i}" for i in range(n)]


def compare(flips: list[RecipeFlips], rule: FlipRule = RULE) -> MoreRecipeFlips:
    n = flips[0].now.shape[1]
    return more_recipe_flips(flips, names(n), rule, seeds=((0, 1, 2), (7, 8)))


def test_where_seeds_decide_p_is_that_of_students_t() -> None:
    # The same pairs flip in each, so that so many of them leave hardly any noise.
    n = 20_000
    shares = (0.20, 0.30, 0.25), (0.02, 0.10)
    (found,) = compare([RecipeFlips("a", rates(shares[0], n), rates(shares[1], n))]).found
    t, p = stats.ttest_ind(*shares, alternative="greater")
    assert t > 0
    assert found.difference == pytest.approx(0.25 - 0.06)
    assert found.p_value == pytest.approx(p, rel=0.02)
    assert found.seeds > 0.99
    assert (found.now, found.before) == (pytest.approx(shares[0]), pytest.approx(shares[1]))


def test_a_seed_that_loses_more_by_itself_is_not_a_worse_recipe() -> None:
    result = compare([RecipeFlips("a", rates((0.1, 0.1, 0.5)), rates((0.1, 0.1)))])
    assert result.found[0].difference > 0.1
    assert not result.worse
    assert result.message("main") == (
        "none of 1 comparison of 3 trainings with 2 trainings of main shows more lost wins "
        f"(max_more_flips 0.05); a rise is found at {result.found[0].detectable:.2f} or more "
        "(80 % power, the median of 1)"
    )


def test_what_every_training_loses_is_told_by_name_and_training() -> None:
    steady = RecipeFlips("typos", rates((0.10, 0.11, 0.12)), rates((0.11, 0.10)))
    broken = RecipeFlips("blanks", rates((0.50, 0.52, 0.51)), rates((0.10, 0.11)))
    result = compare([steady, broken])
    assert [each.name for each in result.found] == [ALL, "typos", "blanks"]
    assert {each.name for each in result.worse} == {ALL, "blanks"}
    told = result.message("main")
    assert told.startswith(
        "3 trainings lose more wins than 2 trainings of main (max_more_flips 0.05): "
    )
    assert "blanks +0.41 (adjusted p=" in told
    assert ", 0.51 against 0.11)" in told
    trainings, changes = result.tables("main")
    assert [row[:3] for row in trainings.rows] == [
        ("candidate", "0", 1000), ("candidate", "1", 1000), ("candidate", "2", 1000),
        ("main", "7", 1000), ("main", "8", 1000),
    ]  # fmt: skip
    # The mean of both changes, and the change that costs most.
    assert trainings.rows[0][3:] == (pytest.approx(0.30), "blanks", pytest.approx(0.50))
    assert changes.rows[-1][0] == "typos"
    assert result.facts() == {"seeds": [0, 1, 2], "baseline_seeds": [7, 8]}


def test_a_training_with_too_few_prompts_leaves_a_change_undecided() -> None:
    now = rates((0.1, 0.1, 0.1), 40)
    now[1, 14:] = NAN
    result = compare([RecipeFlips("a", now, rates((0.1, 0.1), 40))])
    assert (result.found, result.few, result.tables("main")) == ([], ["a"], ())
    assert result.message("main") == "no change decides anything against main (too few prompts)"


class MadeUp(FunctionSource):
    """A recipe: each seed likes other texts, and some also hate doubled blanks."""

    def __init__(self, seed: int, hates: float) -> None:
        super().__init__(
            lambda texts: [self._reward(*text) for text in texts],
            fingerprint=f"made-up-{seed}-{hates}",
        )
        self.seed, self.hates = seed, hates

    def _reward(self, prompt: str, response: str) -> float:
        text = " ".join(response.split())
        own = noise(str(self.seed), prompt, text) + 2.0 * text.startswith("good")
        return own - self.hates * ("  " in response) * (noise("even", prompt) > 0)

    def seeds(self, count: int) -> Sequence[int]:
        return range(self.seed, self.seed + count)

    def with_seed(self, seed: int) -> RewardSource:
        return MadeUp(seed, self.hates)


def judge(folder: Path, now: RewardSource, before: RewardSource, seeds: int = 3) -> Verdict:
    check = Invariance(
        transformations=("doubled_blanks", "blank_ends"), strength=1.0, max_flips=0.9,
        max_more_flips=0.02, seeds=seeds,
    )  # fmt: skip
    pairs = make_pairs(120)
    return check.judge(live_context(folder, pairs, now, baseline=before, checks=[check]))


def test_the_check_compares_recipes_over_seeds(tmp_path: Path) -> None:
    verdict = judge(tmp_path, MadeUp(0, 3.0), MadeUp(5, 0.0))
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    assert "; 3 trainings lose more wins than 3 trainings of main (max_more_flips 0.02): " in (
        verdict.message
    )
    assert verdict.criterion["seeds"] == [0, 1, 2]
    assert verdict.criterion["baseline_seeds"] == [5, 6, 7]
    trainings = verdict.evidence.tables[1]
    assert [row[1] for row in trainings.rows] == ["0", "1", "2", "5", "6", "7"]
    # By hand: the wins of each training, of which those of hated blanks are lost.
    pairs = make_pairs(120)
    for row in trainings.rows:
        model = MadeUp(int(row[1]), 0.0)
        right = [
            pair for pair in pairs
            if model._reward(pair.prompt, pair.chosen) > model._reward(pair.prompt, pair.rejected)  # type: ignore[arg-type]
        ]  # fmt: skip
        assert row[2] == len(right)


def test_the_same_recipe_with_other_seeds_passes(tmp_path: Path) -> None:
    verdict = judge(tmp_path, MadeUp(0, 3.0), MadeUp(5, 3.0))
    assert verdict.outcome == "pass"
    assert "of 3 trainings with 3 trainings of main shows more lost wins" in verdict.message


def test_a_model_that_is_no_recipe_is_compared_as_a_model(tmp_path: Path) -> None:
    def words(prompt: str, response: str) -> float:
        return MadeUp(9, 0.0)._reward(prompt, response)

    verdict = judge(tmp_path, per_text(words), MadeUp(5, 0.0))
    assert "none of 3 comparisons with main shows more lost wins" in verdict.message
    assert "trainings" not in verdict.message
    assert "seeds" not in verdict.criterion


def test_seeds_are_scored_only_where_they_are_compared(tmp_path: Path) -> None:
    compared = Invariance(max_more_flips=0.1, seeds=3)
    assert compared.trainings_asked(1) == 3
    assert Invariance(max_more_flips=0.1).trainings_asked(4) == 4
    assert Invariance().trainings_asked(4) == 1
    data = PreferenceData(tuple(make_pairs(20)))

    def asked(baseline: RewardSource | None) -> list[int | None]:
        ctx = live_context(tmp_path, make_pairs(20), MadeUp(0, 0.0), baseline=baseline)
        (need, _) = compared.needs(data)
        return [each.source.seed for each in with_trainings(need, ctx.binding, 1)]

    assert [need.source for need in compared.needs(data)] == [CANDIDATE, BASELINE]
    assert asked(MadeUp(5, 0.0)) == [None, 1, 2]
    assert asked(None) == [None]
    rows = [
        {"id": pair.id, "hash": pair.hash, "chosen": 1.0, "rejected": 0.0} for pair in data.pairs
    ]
    write_jsonl(tmp_path / "kept.jsonl", rows)
    kept = create("scores:kept.jsonl", SourceOptions(root=tmp_path, cache=tmp_path / ".c"))
    assert asked(kept) == [None]
    with pytest.raises(ValueError, match=r"seeds: 3 compares recipes, .* without max_more_flips"):
        Invariance(seeds=3)


def trained(
    rng: np.random.Generator,
    truth: Sequence[np.ndarray],  # type: ignore[type-arg]
    steady: np.ndarray,  # type: ignore[type-arg]
) -> list[np.ndarray]:  # type: ignore[type-arg]
    """Shares (trainings, n) of lost wins by each change, of three trainings of one recipe.

    A training sees a pair with noise of its own, and how much a change disturbs it differs from
    training to training around `steady`, which is the recipe's.
    """
    n = len(truth[0])
    found = []
    sides = [[side + 0.4 * rng.normal(size=n) for side in truth] for _ in range(3)]
    for noise_of_change in steady:
        rows = []
        for chosen, rejected in sides:
            own = noise_of_change * np.exp(0.3 * rng.normal())
            lost = (chosen + own * rng.normal(size=n) < rejected).astype(float)
            lost += chosen < rejected + own * rng.normal(size=n)
            rows.append(np.where(chosen > rejected, lost / 2, NAN))
        found.append(np.stack(rows))
    return found


def red_runs(runs: int, *, planted: float = 0.0, single: bool = False) -> int:
    """Runs in which a comparison of 3 with 3 trainings over 20 changes names one of them.

    With `single` the first trainings are compared as two models.
    With `planted` it must be the first one, which disturbs the candidate's trainings more by that.
    """
    rng = np.random.default_rng(3)
    prompts = [f"g{i // 2}" for i in range(200)]
    red = 0
    for _ in range(runs):
        hard = np.repeat(rng.normal(size=100), 2)
        truth = [0.8 + 0.5 * hard + rng.normal(size=200), rng.normal(size=200)]
        steady = rng.uniform(0.1, 0.8, size=20)
        weak = steady + planted * (np.arange(20) == 0)
        now, before = trained(rng, truth, weak), trained(rng, truth, steady)
        sides = list(zip((f"c{i}" for i in range(20)), now, before, strict=True))
        rule = FlipRule(most=0.0, alpha=0.05)
        named = {
            each.name
            for each in (
                more_flips([Flips(name, a[0], b[0]) for name, a, b in sides], prompts, rule).worse
                if single
                else more_recipe_flips([RecipeFlips(*each) for each in sides], prompts, rule).worse
            )
        }
        red += "c0" in named if planted else bool(named)
    return red


@pytest.mark.ci
def test_of_two_recipes_that_are_alike_few_runs_are_red() -> None:
    # α/2 = 2.5 % at most in expectation; 7 of 120 are two and a half standard errors above it.
    assert red_runs(120) <= 7
    # The same trainings compared as two models: the seed alone makes many of them red.
    assert red_runs(60, single=True) >= 12


@pytest.mark.ci
def test_a_recipe_that_is_less_steady_under_one_change_is_found_and_named() -> None:
    assert red_runs(12, planted=3.0) >= 10
