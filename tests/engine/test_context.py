"""What a check sees: scores in order, what the baseline knows, names and signatures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from builders import honest, live_context, make_pairs, pair_scores, per_text

from rmcheck import __version__
from rmcheck.checks import BASELINE, CANDIDATE
from rmcheck.data.preferences import PreferenceData
from rmcheck.engine.settings import Settings
from rmcheck.errors import BaselineMissing, SourceError
from rmcheck.reward_source import RewardSource
from rmcheck.sources import create

PAIRS = make_pairs(20)


def score_file(folder: Path, pairs: list, name: str = "old.jsonl") -> RewardSource:
    rows = pair_scores(pairs, ([2.0] * len(pairs), [1.0] * len(pairs)))
    (folder / name).write_text("".join(row.model_dump_json() + "\n" for row in rows))
    return create(f"scores:{name}", Settings.below(folder).options)


def test_scores_come_in_the_order_asked_for(tmp_path: Path) -> None:
    ctx = live_context(tmp_path, PAIRS, per_text(honest))
    some = [PAIRS[5], PAIRS[2], PAIRS[5]]
    scored = ctx.scored(some)
    assert scored.chosen.tolist() == [honest(pair.prompt, pair.chosen) for pair in some]
    assert scored.rejected.tolist() == [honest(pair.prompt, pair.rejected) for pair in some]
    assert ctx.score([]).tolist() == []
    assert ctx.data == PreferenceData(tuple(PAIRS))


def test_edited_and_added_pairs_are_not_comparable(tmp_path: Path) -> None:
    edited = [dataclasses.replace(PAIRS[3], rejected="worse"), *make_pairs(2, prefix="new")]
    now = [*PAIRS[:3], *edited, *PAIRS[4:]]
    ctx = live_context(tmp_path, now, per_text(honest), baseline=score_file(tmp_path, PAIRS))
    same, others = ctx.comparable(now)
    assert [pair.id for pair in same] == [pair.id for pair in PAIRS if pair.id != "p003"]
    assert others == ["p003", "new000", "new001"]
    # Pairs that only the baseline has are no hindrance.
    assert ctx.comparable(now[:2]) == (now[:2], [])
    assert ctx.comparable([]) == ([], [])
    with pytest.raises(BaselineMissing, match="main has none of the 2 pairs of chat; bless a run"):
        ctx.comparable(make_pairs(2, prefix="other"))
    with pytest.raises(SourceError, match="no scores for any of the 2 ids of the data"):
        ctx.scored(edited[1:], BASELINE)


def test_a_model_knows_every_pair(tmp_path: Path) -> None:
    ctx = live_context(tmp_path, PAIRS, per_text(honest), baseline=per_text(honest, spec="py:old"))
    assert ctx.comparable(PAIRS) == (PAIRS, [])
    with pytest.raises(BaselineMissing, match="rmcheck bless"):
        live_context(tmp_path, PAIRS, per_text(honest)).comparable(PAIRS)


def test_names_and_the_signature(tmp_path: Path) -> None:
    source = per_text(honest, spec="py:mine", fingerprint="0123456789abcdef")
    ctx = live_context(tmp_path, PAIRS, source, baseline=per_text(honest), seed=7)
    assert (ctx.name(), ctx.name(CANDIDATE), ctx.name(BASELINE)) == ("py:mine", "py:mine", "main")
    assert ctx.signature("win_rate", {"n": 20, "ties": "half"}) == (
        f"win_rate|src:py:mine@01234567|data:chat@{ctx.data.hash[:8]}|n:20|ties:half|seed:7"
        f"|v:{__version__}"
    )
    unnamed = live_context(tmp_path, PAIRS, per_text(honest, spec="py:mine"))
    assert "|src:py:mine@session|" in unnamed.signature("x", {})
