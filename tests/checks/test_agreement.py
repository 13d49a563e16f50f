"""`agreement` with another source: here, score files beside the suite."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from builders import honest, live_context, make_pairs, noise, per_text, write_jsonl
from scipy import stats

from rmcheck.checks import SourceRef
from rmcheck.checks.agreement import Agreement
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import SourceError, UsageError
from rmcheck.verdict import Verdict

PAIRS = make_pairs(60)


def score_file(folder: Path, margins: list[float]) -> None:
    rows = [
        {"id": pair.id, "chosen": margin, "rejected": 0.0}
        for pair, margin in zip(PAIRS, margins, strict=False)
    ]
    write_jsonl(folder / "other.jsonl", rows)


def own_margins() -> list[float]:
    return [honest(p.prompt, p.chosen) - honest(p.prompt, p.rejected) for p in PAIRS]


def judge(folder: Path, margins: list[float], **keys: object) -> Verdict:
    score_file(folder, margins)
    check = Agreement(**{"with_source": "scores:other.jsonl", "min": 0.5, **keys})  # type: ignore[arg-type]
    return check.judge(live_context(folder, PAIRS, per_text(honest)))


def test_the_same_ranking_on_another_scale_agrees(tmp_path: Path) -> None:
    verdict = judge(tmp_path, [math.sinh(margin) for margin in own_margins()])
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("pass", "pass", False)
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx(1.0)
    assert verdict.estimate.low < 1.0
    assert verdict.message.startswith(
        "agreement spearman of margins with scores:other.jsonl (same side on 100%) 1.000 ["
    )


def test_the_opposite_ranking_fails(tmp_path: Path) -> None:
    verdict = judge(tmp_path, [-margin for margin in own_margins()])
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    assert "(same side on 0%) −1.000" in verdict.message


@pytest.mark.parametrize(
    ("method", "oracle"), [("spearman", stats.spearmanr), ("kendall", stats.kendalltau)]
)
def test_the_coefficient_is_scipys(tmp_path: Path, method: str, oracle: object) -> None:
    mine = own_margins()
    theirs = [margin + 2 * noise(str(i)) for i, margin in enumerate(mine)]
    verdict = judge(tmp_path, theirs, method=method)
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx(oracle(mine, theirs).statistic)  # type: ignore[operator]
    same = np.mean([(a > 0) == (b > 0) for a, b in zip(mine, theirs, strict=True)])
    assert verdict.evidence.tables[0].rows[0][0] == pytest.approx(same)


def test_the_pairs_that_lie_furthest_apart_are_named(tmp_path: Path) -> None:
    mine = own_margins()
    best, worst = int(np.argmax(mine)), int(np.argmin(mine))
    theirs = list(mine)
    theirs[best], theirs[worst] = -50.0, 50.0
    verdict = judge(tmp_path, theirs)
    assert set(verdict.evidence.pairs[:2]) == {PAIRS[best].id, PAIRS[worst].id}
    states = {point[3]: point[2] for point in verdict.evidence.pictures[0].data["points"]}
    # The model is right where the other is wrong now, and the other way round.
    assert states[PAIRS[best].id] == "newly_right"
    assert states[PAIRS[worst].id] == ("kept_right" if mine[worst] > 0 else "newly_wrong")


def test_without_any_spread_nothing_agrees(tmp_path: Path) -> None:
    verdict = judge(tmp_path, [1.0] * 60, min=-1.0, on_inconclusive="pass")
    assert (verdict.decision, verdict.outcome) == ("inconclusive", "fail")
    reason = "the margins of all 60 pairs are the same for "
    assert verdict.message.startswith(f"agreement: undecidable: {reason}")


def test_under_fifteen_prompts_nothing_is_decided(tmp_path: Path) -> None:
    score_file(tmp_path, own_margins())
    check = Agreement(with_source="scores:other.jsonl", min=-1.0, on_inconclusive="pass")
    verdict = check.judge(live_context(tmp_path, PAIRS[:14], per_text(honest)))
    assert verdict.outcome == "fail"
    assert verdict.message == (
        "agreement: undecidable: 14 pairs of 14 different prompts; at least 15 prompts are needed"
    )


def test_a_pair_that_the_other_does_not_know_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"other\.jsonl: no scores for 1 of 60 .*no score for 'p059'"
    ):
        judge(tmp_path, own_margins()[:59])


def test_another_source_that_is_none(tmp_path: Path) -> None:
    check = Agreement(with_source="scores:gone.jsonl", min=0.5)
    with pytest.raises(UsageError, match=r"file not found: .*gone\.jsonl"):
        check.judge(live_context(tmp_path, PAIRS, per_text(honest)))


def test_both_sources_are_asked_for_the_same_texts() -> None:
    check = Agreement(with_source="hf:other", min=0.5)
    mine, theirs = check.needs(PreferenceData(tuple(PAIRS)))
    assert list(mine.dialogues) == list(theirs.dialogues)
    assert theirs.source == SourceRef(role="other", spec="hf:other")
