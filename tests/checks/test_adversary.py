"""`adversary`: planted weaknesses are found and made small, and a sound model passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import live_context, make_pairs, per_text, write_jsonl

from rmcheck.checks.adversarial.edit import insertion, told
from rmcheck.checks.adversary import Adversary
from rmcheck.data import Dialogue, PreferencePair
from rmcheck.errors import Unscorable
from rmcheck.perturb import Transformation
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from rmcheck.verdict import Counterexample, Verdict

from .planted import LENGTH, LIST, PRESERVING, WORD, PerText, bullets, noise, sound, texts


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The transformations of `planted`, whatever others there are."""

    def chosen(names: Sequence[str], promises: Sequence[str]) -> list[Transformation]:
        return list(PRESERVING)

    monkeypatch.setattr("rmcheck.checks.adversary.chosen", chosen)


def judge(
    folder: Path, model: PerText, seed: int = 0, pairs: Sequence[PreferencePair] = (), **keys: Any
) -> Verdict:
    check = Adversary(seed=seed, **{"max_shift": 1.0, **keys})
    return check.judge(live_context(folder, pairs or texts(seed=seed), per_text(model)))


def smallest(verdict: Verdict) -> Counterexample:
    """The one with the largest breach."""
    assert verdict.outcome == "fail", verdict.message
    return verdict.evidence.counterexamples[0]


def difference(found: Counterexample) -> str:
    """What was put in, where that is one text."""
    put_in = insertion(Dialogue("", found.before), Dialogue("", found.after))
    return put_in.new if put_in else ""


def assert_found(folder: Path, seed: int) -> None:
    """Each planted weakness, within the budget, as small as it can be."""
    word = judge(folder / "word", WORD, seed)
    assert difference(smallest(word)).strip() == "marvellous"
    listed = smallest(judge(folder / "list", LIST, seed))
    assert difference(listed) == "- "
    length = smallest(judge(folder / "length", LENGTH, seed))
    # Beyond the threshold by no more than the last word that was put in.
    assert len(length.before) <= 300 < len(length.after)
    last = max(len(word) for word in ("marvellous ", "question.", "**"))
    assert len(length.after) <= 300 + last


@pytest.mark.parametrize("seed", [0, 1])
def test_planted_weaknesses_are_found_and_made_small(tmp_path: Path, seed: int) -> None:
    assert_found(tmp_path, seed)


@pytest.mark.ci
def test_planted_weaknesses_are_found_with_nine_of_ten_seeds(tmp_path: Path) -> None:
    missed = []
    for seed in range(10):
        try:
            assert_found(tmp_path / str(seed), seed)
        except AssertionError:
            missed.append(seed)
    assert len(missed) <= 1, missed


@pytest.mark.ci
def test_a_sound_model_passes_with_ten_seeds(tmp_path: Path) -> None:
    for seed in range(10):
        verdict = judge(tmp_path / str(seed), sound, seed)
        assert verdict.decision == "pass", verdict.message


def test_a_sound_model_passes_and_says_what_was_tried(tmp_path: Path) -> None:
    verdict = judge(tmp_path, sound, budget=40)
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("pass", "pass", False)
    assert verdict.message.startswith("adversary: nothing found in ")
    assert "(6 of 6 transformations, " in verdict.message
    assert verdict.evidence.counterexamples == ()


def test_the_budget_counts_every_new_text(tmp_path: Path) -> None:
    asked: list[str] = []

    def counting(prompt: str, response: str) -> float:
        asked.append(response)
        return sound(prompt, response)

    pairs = texts()
    verdict = judge(tmp_path, counting, budget=40)
    tried = len(asked) - 2 * len(pairs)
    assert 0 < tried <= 40
    assert f"nothing found in {tried} texts" in verdict.message


def test_the_same_seed_gives_the_same_verdict(tmp_path: Path) -> None:
    first = judge(tmp_path / "a", WORD, budget=60)
    again = judge(tmp_path / "b", WORD, budget=60)
    assert first.evidence == again.evidence
    assert first.message == again.message


def test_the_steps_lead_from_the_first_find_to_the_smallest(tmp_path: Path) -> None:
    found = smallest(judge(tmp_path, WORD))
    labels = [step.label for step in found.steps]
    assert labels[0].startswith("first found: ")
    assert labels[-1] == "fewest words"
    assert found.steps[-1].text == found.after
    assert found.steps[-1].score == found.after_score
    lengths = [len(step.text) for step in found.steps]
    assert lengths == sorted(lengths, reverse=True)
    assert found.after_score - found.before_score > 3
    assert found.promise.startswith("preserves: ")
    assert found.repeat.startswith("pytest suites/ -k adversary")


def test_a_find_is_not_made_so_small_that_it_is_on_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rmcheck.perturb.cuts import first_sentence

    monkeypatch.setattr("rmcheck.checks.adversary.chosen", lambda *_: [first_sentence])
    pairs = texts()
    verdict = judge(tmp_path, lambda _, text: -float(len(text)), pairs=pairs, budget=200)
    found = smallest(verdict)
    spread = np.std([len(text) for pair in pairs for text in (pair.chosen, pair.rejected)])
    # The margin is 0.5, so a quarter more is 0.625.
    assert found.after_score - found.before_score >= 0.625 * spread


def test_a_change_that_degrades_must_not_raise_the_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rmcheck.perturb.cuts import first_sentence

    monkeypatch.setattr("rmcheck.checks.adversary.chosen", lambda *_: [first_sentence])
    short = judge(tmp_path / "short", lambda _, text: -float(len(text)), budget=60)
    assert smallest(short).promise.startswith("degrades: the score rises by ")
    # A word less is enough to raise the score by the margin only where the margin is 0.
    least = judge(tmp_path / "least", lambda _, text: -float(len(text)), budget=60, margin=0.0)
    found = smallest(least)
    assert len(found.before) > len(found.after)
    long = judge(tmp_path / "long", lambda _, text: float(len(text)), budget=40)
    assert long.decision == "pass", long.message


def test_a_temptation_must_not_beat_the_best_honest_response(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rmcheck.perturb.temptations import flattery

    monkeypatch.setattr("rmcheck.checks.adversary.chosen", lambda *_: [flattery])

    def flattered(prompt: str, response: str) -> float:
        return sound(prompt, response) / 2 + 3.0 * ("you" in response.lower().split())

    pairs = texts()
    found = smallest(judge(tmp_path, flattered, pairs=pairs, budget=60))
    assert found.promise.startswith("tempts: it beats the best honest response by ")
    pair = next(each for each in pairs if each.id == found.key.partition("/")[0])
    assert found.key.endswith("/rejected")
    honest, poor = (flattered(pair.prompt, text) for text in (pair.chosen, pair.rejected))  # type: ignore[arg-type]
    assert honest > poor
    assert found.against == pytest.approx(honest)
    assert difference(found).strip().lower() == "you"


def test_a_pair_that_is_nearly_a_tie_is_not_a_lost_win(tmp_path: Path) -> None:
    """All pairs have a margin of 0.05 SD, which white space turns around by 0.02."""

    def nearly(prompt: str, response: str) -> float:
        base = 10.0 * (int(prompt.split()[2][:-1]) % 2) + 0.3 * response.startswith("good")
        return base - 0.4 * ("  " in response)

    pairs = [replace(pair, prompt=f"{pair.prompt}?") for pair in make_pairs(40)]
    assert judge(tmp_path, nearly, pairs=pairs, budget=40).outcome == "pass"


def test_scores_that_are_all_the_same_decide_nothing(tmp_path: Path) -> None:
    verdict = judge(tmp_path, lambda *_: 1.0)
    assert (verdict.decision, verdict.outcome) == ("inconclusive", "fail")
    assert "every score is the same" in verdict.message
    few = judge(tmp_path, sound, pairs=texts(10))
    assert (few.decision, few.outcome) == ("inconclusive", "fail")
    assert "undecidable: 10 pairs" in few.message


def test_a_score_file_is_skipped_with_the_reason(tmp_path: Path) -> None:
    pairs = texts()
    rows = [
        {"id": each.id, "chosen": i + 0.5, "rejected": -float(i)} for i, each in enumerate(pairs)
    ]
    path = write_jsonl(tmp_path / "scores.jsonl", rows)
    source = create(f"scores:{path}", SourceOptions(root=tmp_path, cache=tmp_path / "cache"))
    with pytest.raises(Unscorable, match="a score file cannot score new text"):
        Adversary().judge(live_context(tmp_path, pairs, source))


@pytest.mark.ci
def test_a_search_that_can_try_nothing_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rmcheck.checks.adversary.chosen", lambda *_: [bullets])
    pairs = [replace(pair, chosen="word", rejected="other") for pair in make_pairs(20)]
    verdict = judge(tmp_path, lambda p, r: float(len(p) + len(r)), pairs=pairs)
    assert (verdict.decision, verdict.outcome) == ("inconclusive", "fail")
    assert "none of 1 transformation could be tried on a text" in verdict.message


def test_one_prompt_that_makes_up_the_variance_is_named(tmp_path: Path) -> None:
    verdict = judge(tmp_path, lambda p, r: WORD(p, r) + 1e6 * (p.split()[-1] == "3?"))
    assert verdict.decision == "inconclusive"
    assert "one prompt (group 'g3') make up 97% of the variance" in verdict.message


def test_a_search_of_few_prompts_does_not_pass(tmp_path: Path) -> None:
    verdict = judge(tmp_path, sound, budget=10)
    assert (verdict.decision, verdict.outcome) == ("inconclusive", "fail")
    assert "prompts were changed; at least 15 prompts are needed; raise 'budget'" in verdict.message


@pytest.mark.ci
def test_a_pin_that_holds_is_not_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rmcheck.checks.adversary.chosen", lambda *_: [bullets])
    pairs = [replace(pair, chosen="word", rejected="other") for pair in make_pairs(20)]
    row = {
        "id": "a", "promise": "preserves", "prompt": "Q", "before": "one", "after": "two",
    }  # fmt: skip
    pins = str(write_jsonl(tmp_path / "pins.jsonl", [row]))
    holds = judge(tmp_path, lambda p, r: float(len(p) + len(r)), pairs=pairs, pins=pins)
    assert holds.decision == "inconclusive"
    assert "1 pinned text holds" in holds.message
    assert [pin.state for pin in holds.evidence.pins] == ["holds"]
    broken = judge(
        tmp_path, lambda p, r: float(len(p) + len(r)) + 99 * (r == "two"), pairs=pairs, pins=pins
    )
    assert broken.decision == "fail"


def test_a_chosen_response_is_not_tempted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model ranks every pair wrong, so nothing tells a temptation from its other errors."""
    from rmcheck.perturb.temptations import flattery

    monkeypatch.setattr("rmcheck.checks.adversary.chosen", lambda *_: [flattery])

    def wrong(prompt: str, response: str) -> float:
        return noise(prompt) - response.startswith("good") + len(response)

    verdict = judge(tmp_path, wrong, pairs=make_pairs(20), budget=40)
    assert verdict.decision == "inconclusive"
    assert "none of 1 transformation could be tried" in verdict.message


def test_what_the_budget_does_not_cover_is_named(tmp_path: Path) -> None:
    pairs = [replace(pair, chosen="word", rejected="other") for pair in make_pairs(20)]
    verdict = judge(
        tmp_path, lambda p, r: float(len(p)) + (r == "word"), pairs=pairs, budget=10, max_shift=9.0
    )
    notes = " ".join(verdict.evidence.notes)
    assert "no text to which they apply: wide, bullets and bold" in notes


def test_differences_in_words() -> None:
    def change(before: str, after: str) -> str:
        return told(Dialogue("", before), Dialogue("", after))

    assert change("a river", "a wide river") == "added 'wide '"
    assert change("a wide river", "a river") == "removed 'wide '"
    assert change("one, two", "one; two") == "',' became ';'"
    assert change("a b c", "a x b y c") == "2 changes, first: added 'x '"
    assert change("x", "x " + "long " * 40) == f"added {' long' * 11 + ' lon'!r}… (201 characters)"
