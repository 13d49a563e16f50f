"""`invariance`: wins that a change which means nothing must not lose."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from builders import PerText, honest, live_context, make_pairs, noise, per_text, write_jsonl
from scipy.stats import binomtest

from rmcheck.checks.check import BASELINE, CANDIDATE
from rmcheck.checks.invariance import Invariance
from rmcheck.data import PreferencePair, Variant
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import Unscorable
from rmcheck.reward_source import RewardSource, SourceOptions
from rmcheck.sources import create
from rmcheck.verdict import Verdict

BLANKS = ("doubled_blanks", "blank_ends")


def told(n: int = 60, **options: int) -> list[PreferencePair]:
    """Pairs of several words, tagged by turns."""
    return [
        dataclasses.replace(pair, tags=(("even", "odd")[i % 2],))
        for i, pair in enumerate(make_pairs(n, **options))  # type: ignore[arg-type]
    ]


def words(prompt: str, response: str) -> float:
    """Reads words only: no change of white space can move it."""
    return honest(prompt, " ".join(response.split()))


def hates_blanks(prompt: str, response: str) -> float:
    """Takes 3 standard deviations off each doubled blank of an answer with an even number."""
    text = " ".join(response.split())
    even = int(text.split()[2]) % 2 == 0
    return words(prompt, text) - 3.0 * ("  " in response and even)


def judge(
    folder: Path,
    model: PerText,
    pairs: list[PreferencePair],
    *,
    baseline: RewardSource | None = None,
    comparisons: int = 1,
    **keys: object,
) -> Verdict:
    check = Invariance(**{"transformations": BLANKS, "strength": 1.0, **keys})  # type: ignore[arg-type]
    ctx = live_context(
        folder, pairs, per_text(model), baseline=baseline, comparisons=comparisons, checks=[check]
    )
    return check.judge(ctx)


def rows_of(verdict: Verdict, place: int = 0) -> dict[str, dict[str, object]]:
    table = verdict.evidence.tables[place]
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_a_model_that_reads_words_loses_no_win_to_white_space(tmp_path: Path) -> None:
    verdict = judge(tmp_path, words, told(200))
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("pass", "pass", False)
    assert verdict.estimate is not None
    assert verdict.estimate.value == 0.0
    assert "invariance lost wins 0.000 [0.000, " in verdict.message
    assert "; none of 2 changes breaks its promise beyond chance; " in verdict.message
    assert verdict.evidence.counterexamples == ()
    assert rows_of(verdict)["doubled_blanks"]["shift (sd)"] == 0.0
    assert rows_of(verdict)["doubled_blanks"]["p (no move)"] == 1.0


def test_lost_wins_are_those_that_a_count_by_hand_finds(tmp_path: Path) -> None:
    pairs = told()
    verdict = judge(tmp_path, hates_blanks, pairs)
    won = [p for p in pairs if words(p.prompt, p.chosen) > words(p.prompt, p.rejected)]  # type: ignore[arg-type]
    # The rejected response with doubled blanks falls, so that one comparison of two can be lost.
    flips = [
        0.5
        * (
            hates_blanks(p.prompt, p.chosen.replace(" ", "  "))  # type: ignore[arg-type]
            < words(p.prompt, p.rejected)  # type: ignore[arg-type]
        )
        for p in won
    ]
    row = rows_of(verdict)["doubled_blanks"]
    assert row["prompts"] == len(won)
    assert row["lost wins"] == pytest.approx(sum(flips) / len(won))
    assert rows_of(verdict)["blank_ends"]["lost wins"] == 0.0
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx(sum(flips) / len(won) / 2)
    # Two changes, Holm: the smaller p counts twice. Flips are rounded down to whole ones.
    oracle = binomtest(int(sum(flips)), len(won), 0.1, "greater").pvalue
    assert row["p"] == pytest.approx(oracle)
    assert row["adjusted p"] == pytest.approx(2 * oracle)
    assert verdict.adjusted_p == row["adjusted p"]


def test_one_change_that_breaks_its_promise_is_enough_to_fail(tmp_path: Path) -> None:
    verdict = judge(tmp_path, hates_blanks, told(200), on_inconclusive="pass")
    assert verdict.estimate is not None
    assert verdict.estimate.low < 0.1
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("fail", "fail", False)
    assert "; 1 of 2 changes breaks its promise: doubled_blanks 0.1" in verdict.message
    assert rows_of(verdict)["doubled_blanks"]["result"] == "broken"
    assert rows_of(verdict)["blank_ends"]["result"] == "not shown"


def test_the_worst_lost_wins_are_shown_with_both_texts(tmp_path: Path) -> None:
    pairs = told()
    check = Invariance(transformations=("doubled_blanks",), strength=1.0, seed=5)
    ctx = live_context(tmp_path, pairs, per_text(hates_blanks))
    ctx = dataclasses.replace(
        ctx,
        bound=dataclasses.replace(ctx.bound, data=PreferenceData(tuple(pairs), (), ("a b.jsonl",))),
    )
    verdict = check.judge(ctx)
    shown = verdict.evidence.counterexamples
    assert 0 < len(shown) <= 3
    first = shown[0]
    pair = next(each for each in pairs if first.key == f"{each.id}/chosen")
    assert (first.before, first.after) == (pair.chosen, pair.chosen.replace(" ", "  "))
    assert first.before_score == pytest.approx(hates_blanks(first.prompt, first.before))
    assert first.after_score == pytest.approx(hates_blanks(first.prompt, first.after))
    assert first.against == pytest.approx(hates_blanks(first.prompt, pair.rejected))
    gaps = [(each.against or 0.0) - each.after_score for each in shown]
    assert gaps == sorted(gaps, reverse=True)
    assert first.repeat == (
        f"rmcheck perturb doubled_blanks --data 'a b.jsonl' --id {pair.id} --side chosen "
        f"--seed 5 --strength 1 --rm '{ctx.name()}'"
    )
    assert verdict.evidence.pairs == tuple(each.key.split("/")[0] for each in shown)


def test_a_heat_map_shows_lost_wins_by_tag(tmp_path: Path) -> None:
    verdict = judge(tmp_path, hates_blanks, told(), transformations=("doubled_blanks",))
    heat = next(each for each in verdict.evidence.pictures if each.kind == "heat_map")
    assert list(heat.data["columns"]) == ["even", "odd"]
    ((even, odd),) = heat.data["values"]
    assert odd == 0.0
    assert even > 0.2


def test_a_mean_shift_beyond_its_bound_fails_too(tmp_path: Path) -> None:
    def lifts(prompt: str, response: str) -> float:
        return words(prompt, response) + 0.8 * ("  " in response)

    assert judge(tmp_path, lifts, told(200)).outcome == "pass"
    verdict = judge(tmp_path, lifts, told(200), max_shift=0.2)
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    assert "changes breaks its promise: doubled_blanks 0.0" in verdict.message
    assert verdict.criterion == {"max_flips": 0.1, "max_shift": 0.2}
    assert judge(tmp_path, lifts, told(200), max_shift=2.0).outcome == "pass"


def with_prompts(n: int, others: int) -> list[PreferencePair]:
    return [
        dataclasses.replace(
            pair, variants=(Variant("paraphrase", "preserves", prompt=f"{pair.prompt}, please"),)
        )
        if i < others
        else pair
        for i, pair in enumerate(make_pairs(n))
    ]


def polite(prompt: str, response: str) -> float:
    """Turns its choice around when it is asked politely; both scores move by 9 besides."""
    turned = -1.0 if prompt.endswith("please") else 1.0
    return turned * honest(prompt.removesuffix(", please"), response) - 9.0 * (turned < 0)


def test_a_variant_of_the_prompt_is_one_comparison_of_both_copies(tmp_path: Path) -> None:
    verdict = judge(tmp_path, polite, with_prompts(60, 60), transformations=("variants",))
    row = rows_of(verdict)["paraphrase"]
    assert row["lost wins"] == 1.0
    assert verdict.outcome == "fail"
    first = verdict.evidence.counterexamples[0]
    assert first.after_prompt == f"{first.prompt}, please"
    assert first.before == first.after
    assert first.repeat == ""  # a suite that has no file


def test_a_change_of_too_few_prompts_is_said_to_be_undecidable(tmp_path: Path) -> None:
    pairs = with_prompts(60, 12)
    verdict = judge(tmp_path, polite, pairs, transformations=("variants", "blank_ends"))
    assert "; none of 1 change" not in verdict.message
    assert "; 1 undecidable (too few prompts): paraphrase" in verdict.message
    assert rows_of(verdict)["paraphrase"]["result"] == "undecidable"
    assert verdict.evidence.notes[0].startswith(
        "undecidable, fewer than 15 prompts: 1 change: paraphrase ("
    )
    alone = judge(tmp_path, polite, pairs, transformations=("variants",), on_inconclusive="pass")
    assert (alone.decision, alone.outcome) == ("inconclusive", "fail")
    assert "undecidable: the one change decides nothing; paraphrase: " in alone.message
    assert "; at least 15 prompts are needed" in alone.message


def test_variants_are_part_of_all_changes_and_of_the_signature(tmp_path: Path) -> None:
    plain = Invariance().judge(live_context(tmp_path, make_pairs(40), per_text(words)))
    brought = Invariance().judge(live_context(tmp_path, with_prompts(40, 40), per_text(words)))
    assert "paraphrase" not in rows_of(plain)
    assert "paraphrase" in rows_of(brought)
    stamps = [each.signature.partition("|copies:")[2][:8] for each in (plain, brought)]
    assert stamps[0] != stamps[1]
    none = judge(tmp_path, words, make_pairs(40), transformations=("variants",))
    assert "no variant of this promise in the data applies to any pair" in none.message
    equal = [
        dataclasses.replace(pair, variants=(Variant("same", "preserves", chosen=pair.chosen),))
        for pair in make_pairs(40)
    ]
    same = judge(tmp_path, words, equal, transformations=("variants",))
    assert same.message.endswith("undecidable: the variants in the data do not change their texts")


def test_the_order_of_pairs_changes_nothing(tmp_path: Path) -> None:
    pairs = told(90, group_size=3)
    one = judge(tmp_path, hates_blanks, pairs, max_shift=0.1)
    other = judge(tmp_path, hates_blanks, pairs[::-1], max_shift=0.1)
    assert one.message == other.message
    assert one.evidence.counterexamples == other.evidence.counterexamples


def test_control_of_the_share_of_false_alarms_is_less_strict(tmp_path: Path) -> None:
    pairs = told()
    keys = {"transformations": (*BLANKS, "no_break_spaces"), "max_flips": 0.1}
    strict = judge(tmp_path, hates_blanks, pairs, **keys)
    share = judge(tmp_path, hates_blanks, pairs, control="fdr", **keys)
    assert share.p_value == strict.p_value
    for name, row in rows_of(share).items():
        assert row["adjusted p"] <= rows_of(strict)[name]["adjusted p"]  # type: ignore[operator]
    assert "tests:fdr@0.05" in share.signature


def test_against_a_baseline_more_lost_wins_fail(tmp_path: Path) -> None:
    sound = per_text(words)
    verdict = judge(
        tmp_path, hates_blanks, told(120), baseline=sound, max_flips=0.9, max_more_flips=0.02
    )
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    assert "; more lost wins than main (max_more_flips 0.02): " in verdict.message
    row = rows_of(verdict, 1)["doubled_blanks"]
    # As many lost wins as the baseline has none: a sign test of quarters, one half each.
    lost = round(row["more lost wins"] * row["pairs"] * 2)  # type: ignore[operator]
    assert row["p"] == pytest.approx(0.5**lost)
    # Three comparisons: both changes and all together, of which two have the same p.
    assert row["adjusted p"] == pytest.approx(3 * 0.5**lost)
    same = judge(
        tmp_path, hates_blanks, told(120), baseline=per_text(hates_blanks), max_flips=0.9,
        max_more_flips=0.0,
    )  # fmt: skip
    assert same.outcome == "pass"
    assert "none of 3 comparisons with main shows more lost wins" in same.message


def test_a_comparison_shares_alpha_with_the_other_comparisons(tmp_path: Path) -> None:
    def some(prompt: str, response: str) -> float:
        """Loses a few wins to doubled blanks."""
        return words(prompt, response) - 3.0 * ("  " in response and noise(prompt) > 1.0)

    keys = {"baseline": per_text(words), "max_flips": 0.9, "max_more_flips": 0.01}
    one = judge(tmp_path, some, told(120), **keys)  # type: ignore[arg-type]
    p = min(row["adjusted p"] for row in rows_of(one, 1).values())  # type: ignore[type-var]
    assert 0.0 < p < 0.02  # type: ignore[operator]
    assert one.outcome == "fail"
    enough = int(0.05 / (2 * p)) + 1  # type: ignore[operator]
    many = judge(tmp_path, some, told(120), comparisons=enough, **keys)  # type: ignore[arg-type]
    assert many.outcome == "pass"


def test_it_takes_a_share_of_alpha_only_where_it_compares() -> None:
    plain, compared = Invariance(), Invariance(max_more_flips=0.02)
    assert (plain.compares, compared.compares) == (False, True)
    data = PreferenceData(tuple(told(20)))
    assert [each.source for each in plain.needs(data)] == [CANDIDATE]
    assert [each.source for each in compared.needs(data)] == [CANDIDATE, BASELINE]


def test_without_a_baseline_that_scores_changed_texts_the_rest_is_decided(tmp_path: Path) -> None:
    pairs = told(20)
    rows = [{"id": p.id, "hash": p.hash, "chosen": 1.0, "rejected": 0.0} for p in pairs]
    write_jsonl(tmp_path / "s.jsonl", rows)
    kept = create("scores:s.jsonl", SourceOptions(root=tmp_path, cache=tmp_path / ".c"))
    open_end = "; give a model: --rm-baseline SPEC, or remove the key"
    reasons = ("'main' has scores of its own pairs only", "no baseline to compare with yet")
    for baseline, reason in zip((kept, None), reasons, strict=True):
        note = f"not compared with a baseline (max_more_flips): {reason}{open_end}"
        sound = judge(tmp_path, words, told(60), baseline=baseline, max_more_flips=0.1)
        assert (sound.outcome, sound.message.endswith(f"; {note}")) == ("pass", True)
        assert note in sound.evidence.notes
        broken = judge(tmp_path, hates_blanks, told(120), baseline=baseline, max_more_flips=0.1)
        assert (broken.outcome, broken.message.endswith(f"; {note}")) == ("fail", True)
    with pytest.raises(Unscorable, match=r"scores:s\.jsonl has scores of its own texts only"):
        Invariance().judge(live_context(tmp_path, pairs, kept))


def test_every_name_that_does_not_fit_is_refused_at_once() -> None:
    with pytest.raises(
        ValueError, match=r"^transformations: .*'doubled_blank'.*; 'flattery' tempts"
    ):
        Invariance(transformations=("doubled_blank", "blank_ends", "flattery"))
