"""What the linter says of thresholds, against counting and simulation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from rmcheck.checks.win_rate import WinRate
from rmcheck.lint import LintReport, lint, render
from rmcheck.lint.coverage import pairs_needed
from rmcheck.lint.thresholds import guess_passes, half_width, pairs_until

from .rows import many, write


def linted(folder: Path, n: int, checks: str, expect: float | None = None, **more: object):
    write(folder / "data.jsonl", many(n, **more))
    suite = folder / "s.yaml"
    suite.write_text(f"rmcheck: 1\nname: s\ndata: data.jsonl\nchecks:\n{checks}", encoding="utf-8")
    return lint([suite], root=folder, expect=expect)


def said(report: LintReport, code: str) -> list[tuple[str, str]]:
    return [(str(f.place), f.message) for f in report.findings if f.kind.code == code]


@pytest.mark.parametrize(("rate", "n"), [(0.5, 100), (0.7, 155), (0.62, 1000)])
def test_half_width_is_half_of_wilsons_interval(rate: float, n: int) -> None:
    low, high = proportion_confint(rate * n, n, method="wilson")
    assert half_width(rate, n) == pytest.approx((high - low) / 2)


@pytest.mark.parametrize("policy", ["point", "fail", "pass"])
@pytest.mark.parametrize(("minimum", "n"), [(0.55, 60), (0.6, 35), (0.7, 150)])
def test_the_chance_that_a_guess_passes_is_a_sum_over_all_outcomes(
    policy: str, minimum: float, n: int
) -> None:
    def passes(wins: int) -> bool:
        low, high = proportion_confint(wins, n, method="wilson")
        return {"point": wins / n, "fail": low, "pass": high}[policy] >= minimum

    expected = sum(binom.pmf(wins, n, 0.5) for wins in range(n + 1) if passes(wins))
    check = WinRate(min=minimum, on_inconclusive=policy)  # type: ignore[arg-type]
    assert guess_passes(check, n) == pytest.approx(expected)


def test_pairs_needed_tell_from_guessing_four_times_in_five() -> None:
    def caught(n: int) -> float:
        """How often the Wilson interval lies above one half at a rate of 0.7, by counting."""
        wins = np.arange(n + 1)
        low, _ = proportion_confint(wins, n, method="wilson")
        return float(binom.pmf(wins, n, 0.7)[low > 0.5].sum())

    needed = pairs_needed(0.2)
    # Binomial steps: power goes up and down a little with n.
    assert caught(needed) >= 0.8
    assert caught(needed - 8) < 0.8
    with pytest.raises(ValueError, match="would need more than 1,000 pairs"):
        pairs_needed(0.01, most=1000)


def test_pairs_until_rounds_up_to_two_digits() -> None:
    assert pairs_until(lambda n: n >= 20) == 20
    # The steps 20, 22, 24.2, … reach 1,000 at 20·1.1^42 = 1,095.
    assert pairs_until(lambda n: n >= 1000) == 1100
    assert pairs_until(lambda n: False) is None


def test_a_threshold_near_guessing(tmp_path: Path) -> None:
    report = linted(tmp_path, 155, "  - check: win_rate\n    min: 0.55\n")
    ((place, message),) = said(report, "guess-passes")
    assert place == "s.yaml:5"
    # P(Binomial(155, 1/2) ≥ 86) = 0.0993
    assert binom.sf(85, 155, 0.5) == pytest.approx(0.0993, abs=1e-4)
    assert "passes 10% of the time" in message
    ((_, band),) = said(report, "threshold-band")
    # The Wilson interval at 0.55 of 155 has a half width of 0.0773.
    assert "half width 0.077, so rates of 0.47 to 0.63 are inconclusive" in band


def test_a_clear_threshold_has_a_band_and_no_warning(tmp_path: Path) -> None:
    report = linted(tmp_path, 200, "  - check: win_rate\n    min: 0.7\n", expect=0.85)
    assert [f.kind.code for f in report.findings] == ["threshold-band"]


def test_the_expected_rate_and_agreement(tmp_path: Path) -> None:
    check = "  - check: win_rate\n    min: 0.7\n"
    ((_, message),) = said(linted(tmp_path, 200, check, expect=0.72), "expected-inside-band")
    assert "0.020 from the expected 0.72" in message
    # Wilson's half width at 0.7 falls to 0.02 at about n = z²·0.21/0.02² = 2,017.
    needed = int(message.split("about ")[1].split(" pairs")[0].replace(",", ""))
    assert 2017 <= needed <= 2017 * 1.15
    ((_, message),) = said(linted(tmp_path, 200, check, confidence=0.75), "above-agreement")
    assert "mean confidence of the labels, 0.750" in message
    assert not said(linted(tmp_path, 200, check, confidence=0.9), "above-agreement")


def test_groups_make_the_band_wider(tmp_path: Path) -> None:
    rows = many(200)
    for index, row in enumerate(rows):
        row["prompt"] = rows[index - index % 4]["prompt"]
    write(tmp_path / "data.jsonl", rows)
    (tmp_path / "s.yaml").write_text(
        "rmcheck: 1\nname: s\ndata: data.jsonl\nchecks: [{check: win_rate, min: 0.7}]\n"
    )
    ((_, band),) = said(lint([tmp_path / "s.yaml"], root=tmp_path), "threshold-band")
    assert "200 pairs (worth 50 at worst, by groups)" in band


def test_a_slice_with_too_few_pairs(tmp_path: Path) -> None:
    checks = "  - {check: win_rate, min: 0.7, where: {tags: [rare]}}\n"
    rows = [*many(14, tags=["rare"]), *many(100)[14:]]
    write(tmp_path / "data.jsonl", rows)
    suite = tmp_path / "s.yaml"
    suite.write_text(f"rmcheck: 1\nname: s\ndata: data.jsonl\nchecks:\n{checks}")
    report = lint([suite], root=tmp_path)
    ((place, message),) = said(report, "small-slice")
    assert place == "s.yaml:5"
    assert "`where:` selects 14 pairs in 14 groups, and at least 15 groups are needed" in message
    assert not said(report, "small-data")


def test_too_few_pairs_without_a_slice(tmp_path: Path) -> None:
    report = linted(tmp_path, 14, "  - check: score_gap\n")
    assert len(said(report, "small-data")) == 1
    assert "where" not in render(report)
    assert not said(linted(tmp_path, 15, "  - check: score_gap\n"), "small-data")


def test_a_small_tag_is_told_its_groups(tmp_path: Path) -> None:
    rows = many(30, tags=["rare"])
    for index, row in enumerate(rows):
        row["prompt"] = rows[index - index % 3]["prompt"]  # 30 pairs, 10 groups
    ((_, message),) = said(lint([write(tmp_path / "d.jsonl", rows)], root=tmp_path), "small-tag")
    assert message == (
        "fewer groups (prompts) than the 15 that a verdict needs; groups of each: rare (10)"
    )


def simulated_power(n: int, drop: float, max_drop: float, alpha: float) -> float:
    """How often an exact one-sided test of n pairs, 10 % of them discordant, sees a drop."""
    rng = np.random.default_rng(0)
    share = max(0.10, drop)
    changed = rng.binomial(n, share, 20_000)
    lost = rng.binomial(changed, (share + drop) / (2 * share))
    p = binom.sf(lost - 1, changed, 0.5)
    return float(((p <= alpha / 2) & (2 * lost - changed >= max_drop * n)).mean())


def test_a_comparison_that_sees_only_large_drops(tmp_path: Path) -> None:
    report = linted(tmp_path, 150, "  - check: no_regression\n    max_drop: 0.02\n")
    ((_, message),) = said(report, "blind-comparison")
    seen = float(message.split("drops of ")[1].split("%")[0]) / 100
    assert simulated_power(150, seen, 0.02, 0.05) == pytest.approx(0.8, abs=0.03)
    needed = int(message.split("about ")[1].split(" prompts")[0].replace(",", ""))
    assert simulated_power(needed, 0.04, 0.02, 0.05) >= 0.8
    assert simulated_power(round(needed * 0.8), 0.04, 0.02, 0.05) < 0.8
    assert not said(
        linted(tmp_path, 150, "  - {check: no_regression, max_drop: 0.1}\n"), "blind-comparison"
    )
