"""`directional`: a text that is made worse must score lower."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from builders import PerText, honest, live_context, make_pairs, noise, per_text
from scipy.stats import binomtest

from rmcheck.checks.directional import Directional
from rmcheck.data import PreferencePair, Variant
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Verdict


def told(n: int = 60) -> list[PreferencePair]:
    """Pairs of two sentences on each side."""
    return [
        dataclasses.replace(
            pair, chosen=f"{pair.chosen}. Here is why.", rejected=f"{pair.rejected}. That is all."
        )
        for pair in make_pairs(n)
    ]


def values_length(prompt: str, response: str) -> float:
    return honest(prompt, response.partition(".")[0]) + 0.1 * len(response)


def blind(prompt: str, response: str) -> float:
    """Reads the beginning, and gives what is left out a chance of its own."""
    return honest(prompt, response.partition(".")[0]) + 0.2 * noise("x", response)


def judge(folder: Path, model: PerText, pairs: list[PreferencePair], **keys: object) -> Verdict:
    check = Directional(**{"min": 0.8, "transformations": ("first_sentence",), **keys})  # type: ignore[arg-type]
    return check.judge(live_context(folder, pairs, per_text(model)))


def row_of(verdict: Verdict, name: str) -> dict[str, object]:
    table = verdict.evidence.tables[0]
    return next(dict(zip(table.columns, row, strict=True)) for row in table.rows if row[0] == name)


def test_a_model_that_values_the_rest_of_an_answer_passes(tmp_path: Path) -> None:
    verdict = judge(tmp_path, values_length, told())
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("pass", "pass", False)
    assert "directional scores that fall 1.000 [0.940, 1.000]" in verdict.message
    row = row_of(verdict, "first_sentence")
    assert (row["scores that fall"], row["prompts"]) == (1.0, 60)
    assert row["rise (sd)"] < 0  # type: ignore[operator]


def test_a_model_that_reads_the_beginning_only_fails(tmp_path: Path) -> None:
    pairs = told()
    verdict = judge(tmp_path, blind, pairs)
    falls = sum(
        blind(p.prompt, p.chosen.partition(". ")[0] + ".") < blind(p.prompt, p.chosen)  # type: ignore[arg-type]
        for p in pairs
    )
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx(falls / 60)
    row = row_of(verdict, "first_sentence")
    assert row["p"] == pytest.approx(binomtest(falls, 60, 0.8, "less").pvalue)
    assert row["detectable"] < 0.8  # type: ignore[operator]
    assert "; 1 of 1 changes breaks its promise: first_sentence 0." in verdict.message
    first = verdict.evidence.counterexamples[0]
    assert first.key.endswith("/chosen")
    assert first.after == first.before.partition(". ")[0] + "."
    assert first.after_score >= first.before_score == first.against


def test_a_score_that_stays_is_half_a_fall(tmp_path: Path) -> None:
    verdict = judge(tmp_path, lambda p, r: honest(p, r.partition(".")[0]), told())
    assert row_of(verdict, "first_sentence")["scores that fall"] == 0.5


def test_both_sides_count_where_they_are_asked_for(tmp_path: Path) -> None:
    def poor_only(prompt: str, response: str) -> float:
        """Values the rest of a bad answer only."""
        return values_length(prompt, response) - 0.2 * len(response) * response.startswith("good")

    assert row_of(judge(tmp_path, poor_only, told()), "first_sentence")["scores that fall"] == 0.0
    both = judge(tmp_path, poor_only, told(), sides="both")
    assert row_of(both, "first_sentence")["scores that fall"] == 0.5
    needs = Directional(min=0.5, sides="both", transformations=("first_sentence",)).needs(
        PreferenceData(tuple(told(20)))
    )
    assert [len(each.dialogues) for each in needs] == [80]


def test_a_worse_variant_of_the_data_counts(tmp_path: Path) -> None:
    pairs = [
        dataclasses.replace(
            pair, variants=(Variant("wrong_number", "degrades", chosen=f"bad answer {i}"),)
        )
        for i, pair in enumerate(make_pairs(60))
    ]
    verdict = judge(tmp_path, honest, pairs, transformations=("variants",), min=0.7)
    falls = sum(
        honest(p.prompt, p.variants[0].chosen or "") < honest(p.prompt, p.chosen) for p in pairs
    )  # type: ignore[arg-type]
    assert row_of(verdict, "wrong_number")["scores that fall"] == pytest.approx(falls / 60)
    assert verdict.outcome == "pass"
