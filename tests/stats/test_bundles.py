"""Very many groups are resampled in bundles; both ways agree within their Monte-Carlo error."""

from __future__ import annotations

import numpy as np
import pytest

from rmcheck.stats import bundles
from rmcheck.stats.bootstrap import bootstrap_means
from rmcheck.stats.bundles import bundled, facts, is_large, notes
from rmcheck.stats.calibration import calibrate
from rmcheck.stats.gap import score_gap
from rmcheck.stats.groups import Groups
from rmcheck.stats.signflip import sign_flip_p_margins

GROUPS = 3_000


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that these tests exceed, and fewer bundles than groups."""
    monkeypatch.setattr(bundles, "MOST_GROUPS", 1_000)
    monkeypatch.setattr(bundles, "BUNDLES", 600)


def data(seed: int) -> tuple[np.ndarray, Groups]:
    """Margins of 3,000 prompts with 1 to 3 pairs, alike within a prompt."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, GROUPS)
    codes = np.repeat(np.arange(GROUPS), sizes)
    own = rng.normal(0.6, 1.0, GROUPS)
    return own[codes] + rng.normal(0, 0.8, len(codes)), Groups(f"g{code}" for code in codes)


def test_up_to_the_limit_groups_stay_as_they_are_and_no_number_is_drawn() -> None:
    rng = np.random.default_rng(0)
    codes = np.arange(bundles.MOST_GROUPS)
    assert bundled(codes, rng) is codes
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state
    assert not is_large([str(code) for code in codes])
    assert len(np.unique(bundled(np.arange(len(codes) + 1), rng))) == bundles.BUNDLES


@pytest.mark.usefixtures("few")
def test_a_bundle_holds_whole_groups_and_as_many_as_any_other() -> None:
    codes = np.repeat(np.arange(3_100), 2)
    units = bundled(codes, np.random.default_rng(1))
    assert (units[0::2] == units[1::2]).all()
    sizes = np.bincount(units)
    assert len(sizes) == 600
    assert {5, 6} == set((sizes // 2).tolist())  # 3,100 groups = 600·5 + 100


@pytest.mark.usefixtures("few")
def test_the_error_of_a_mean_is_that_of_whole_groups() -> None:
    # The bootstrap error of a ratio of sums, by its formula: √Σ(sum - mean·size)² / n.
    margins, groups = data(2)
    sums = np.bincount(groups.codes, weights=margins - margins.mean())
    exact = float(np.sqrt(np.square(sums).sum())) / len(margins)
    drawn = bootstrap_means(margins, groups, draws=4_000, rng=np.random.default_rng(3))
    # 600 bundles and 4,000 draws: a relative error of √(1/1200 + 1/8000) = 3.1 %; four of them.
    assert abs(drawn.std() / exact - 1) < 0.125
    assert abs(drawn.mean() - margins.mean()) < 4 * exact / np.sqrt(4_000)


@pytest.mark.ci
def test_intervals_agree_with_and_without_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    margins, groups = data(4)
    zeros = np.zeros(len(margins))

    def both() -> tuple[tuple[float, float], tuple[float, float]]:
        gap = score_gap(margins, zeros, groups, rng=np.random.default_rng(5)).d_z
        fitted = calibrate(margins, groups, rng=np.random.default_rng(5)).fitted
        assert gap is not None
        assert fitted is not None
        return (gap.low, gap.high), (fitted.brier.low, fitted.brier.high)

    without = both()
    monkeypatch.setattr(bundles, "MOST_GROUPS", 1_000)
    monkeypatch.setattr(bundles, "BUNDLES", 600)
    # Kept results are by columns and generator; another one of the same state has another seed.
    margins = margins + 1e-13
    with_bundles = both()
    for (low, high), (low_2, high_2) in zip(without, with_bundles, strict=True):
        # Limits from 2,000 draws of 600 bundles are known to about 5 % of the half width.
        assert low_2 == pytest.approx(low, abs=0.15 * (high - low))
        assert high_2 == pytest.approx(high, abs=0.15 * (high - low))


@pytest.mark.usefixtures("few")
def test_the_sign_flip_test_of_bundles_is_valid() -> None:
    # Under the null the p-values are uniform: of 200, those up to 0.1 are 20 ± 4·4.24.
    found = []
    groups = Groups(f"g{code}" for code in range(1_200))
    for seed in range(200):
        rng = np.random.default_rng(seed)
        margins = rng.normal(0, 1, 1_200) * rng.exponential(1, 1_200)
        found.append(sign_flip_p_margins(margins, groups, rng=rng, draws=200))
    assert 3 <= sum(p <= 0.1 for p in found) <= 37
    assert 0.42 <= float(np.mean(found)) <= 0.58  # 0.5 ± 4·0.0204


@pytest.mark.usefixtures("few")
def test_signature_and_notes_say_it() -> None:
    many, some = Groups(map(str, range(1_001))), Groups(map(str, range(1_000)))
    assert (facts(some), notes(some)) == ({}, ())
    assert facts(many) == {"bundles": 600}
    (said,) = notes(many, "a remark")
    assert said == "1,001 prompts, more than 1,000: a remark"
