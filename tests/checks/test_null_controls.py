"""`null_controls`: who reads the question, and who only seems to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import PerText, live_context, make_pairs, noise, per_text, write_jsonl
from scipy.stats import binomtest

from rmcheck.checks.null_controls import NullControls
from rmcheck.data import PreferencePair
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import Unscorable
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from rmcheck.verdict import Verdict


def numbered(n: int) -> list[PreferencePair]:
    """Questions with a number, answers that repeat it or another; the sides are equally long."""
    return [
        replace(
            pair,
            prompt=f"Repeat {1000 + i}.",
            chosen=f"It is {1000 + i}, good{'!' * (i % 3)}",
            rejected=f"It is {3000 + i}, poor{'!' * ((i + i % 2) % 3)}",
        )
        for i, pair in enumerate(make_pairs(n))
    ]


def reads(prompt: str, response: str) -> float:
    """2 standard deviations higher for the number that was asked for."""
    return noise(prompt, response) + 3.0 * (prompt.split()[1][:4] in response)


def likes_good(prompt: str, response: str) -> float:
    """Knows a good answer by its look, whatever the question."""
    return noise(response) + 3.0 * ("good" in response)


def judge(folder: Path, model: PerText, pairs: list[PreferencePair], **keys: object) -> Verdict:
    return NullControls(**keys).judge(live_context(folder, pairs, per_text(model)))  # type: ignore[arg-type]


def test_a_model_that_reads_the_question_passes(tmp_path: Path) -> None:
    verdict = judge(tmp_path, reads, numbered(80))
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("pass", "pass", False)
    assert verdict.message.startswith("null_controls: win rate 0.9")
    assert verdict.message.endswith("(n=80)")
    labels = [row["label"] for row in verdict.evidence.pictures[0].data["rows"]]
    assert labels == [
        f"{name} (n=80)"
        for name in (
            "the model", "pick the longer", "pick the shorter", "constant", "shuffled labels",
            "swapped prompts",
        )
    ]  # fmt: skip


def test_what_is_won_with_the_wrong_prompt_was_not_won_by_reading(tmp_path: Path) -> None:
    verdict = judge(tmp_path, likes_good, numbered(80))
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    assert verdict.message.endswith(
        "; not shown to beat itself with swapped prompts: +0.0 points, p=1 > alpha 0.05"
    )


def test_a_model_that_counts_characters_beats_no_control(tmp_path: Path) -> None:
    pairs = [
        replace(pair, chosen=pair.chosen + " more" * (i % 4 > 0))
        for i, pair in enumerate(numbered(80))
    ]
    verdict = judge(tmp_path, lambda _, response: float(len(response)), pairs)
    assert verdict.outcome == "fail"
    assert "not shown to beat pick the longer: +0.0 points, p=1 > alpha 0.05" in verdict.message


def test_p_values_are_those_of_the_sign_test(tmp_path: Path) -> None:
    pairs = numbered(60)
    verdict = judge(tmp_path, reads, pairs)
    rows = {row[0]: row[1:] for row in verdict.evidence.tables[0].rows}
    assert set(rows) == {"pick the longer", "swapped prompts"} or set(rows) == {
        "pick the shorter", "swapped prompts",
    }  # fmt: skip
    # The model against itself under the prompt of the question 30 places on.
    own = [reads(p.prompt, p.chosen) > reads(p.prompt, p.rejected) for p in pairs]  # type: ignore[arg-type]
    other = [pairs[(i + 30) % 60].prompt for i in range(60)]
    swapped = [
        reads(prompt, p.chosen) > reads(prompt, p.rejected)  # type: ignore[arg-type]
        for prompt, p in zip(other, pairs, strict=True)
    ]
    won = sum(a and not b for a, b in zip(own, swapped, strict=True))
    lost = sum(b and not a for a, b in zip(own, swapped, strict=True))
    difference, _, _, p_value = rows["swapped prompts"]
    assert difference == pytest.approx((won - lost) / 60)
    oracle = binomtest(won, won + lost, alternative="greater").pvalue
    assert p_value == pytest.approx(oracle)
    assert verdict.p_value == pytest.approx(max(row[-1] for row in rows.values()))


def test_alpha_decides(tmp_path: Path) -> None:
    p_value = judge(tmp_path, reads, numbered(40)).p_value
    assert p_value is not None
    assert 0 < p_value < 0.01
    assert judge(tmp_path, reads, numbered(40), alpha=p_value * 1.01).outcome == "pass"
    strict = judge(tmp_path, reads, numbered(40), alpha=p_value * 0.99)
    assert strict.outcome == "fail"
    assert strict.criterion == {"alpha": p_value * 0.99}


def test_a_limit_on_what_swapped_prompts_may_win(tmp_path: Path) -> None:
    def both(prompt: str, response: str) -> float:
        return reads(prompt, response) + 1.0 * ("good" in response)

    assert judge(tmp_path, both, numbered(80)).outcome == "pass"
    verdict = judge(tmp_path, both, numbered(80), max_swapped=0.6)
    assert verdict.outcome == "fail"
    assert "; with swapped prompts it still wins 0.7" in verdict.message
    assert verdict.message.endswith("> max_swapped 0.60")
    assert verdict.criterion == {"alpha": 0.05, "max_swapped": 0.6}


def test_under_fifteen_prompts_nothing_is_decided(tmp_path: Path) -> None:
    for n in (0, 14):
        verdict = judge(tmp_path, reads, numbered(n), alpha=0.999)
        assert (verdict.decision, verdict.outcome) == ("inconclusive", "fail")
        assert verdict.message.startswith(f"null_controls: undecidable: {n} pairs of {n} different")


def test_a_constant_model_never_passes(tmp_path: Path) -> None:
    verdict = judge(tmp_path, lambda *_: 1.0, numbered(60), alpha=0.999)
    assert verdict.outcome == "fail"


def test_a_score_file_cannot_score_swapped_prompts(tmp_path: Path) -> None:
    pairs = numbered(40)
    rows = [{"id": p.id, "hash": p.hash, "chosen": 1.0, "rejected": 0.0} for p in pairs]
    write_jsonl(tmp_path / "s.jsonl", rows)
    source = create("scores:s.jsonl", SourceOptions(root=tmp_path, cache=tmp_path / ".c"))
    with pytest.raises(Unscorable, match=r"s\.jsonl: a score file cannot score new text"):
        NullControls().judge(live_context(tmp_path, pairs, source))


def test_swapped_prompts_are_asked_for_beforehand() -> None:
    pairs = numbered(20)
    own, swapped = NullControls().needs(PreferenceData(tuple(pairs)))
    assert len(own.dialogues) == len(swapped.dialogues) == 40
    assert swapped.dialogues[0].prompt == pairs[10].prompt
