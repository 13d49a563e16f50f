"""The sources behind a suite and their variants."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import honest, live_context, make_pairs, per_text, write_jsonl

from rmcheck.checks import CannotDecide, SourceRef
from rmcheck.engine.binding import Binding
from rmcheck.engine.settings import Settings
from rmcheck.reward_source import Rescalable, Retrainable, RewardSource, Source

PAIRS = make_pairs(20)


class Able(Source):
    spec, fingerprint, scores_new_text = "recipe:able", "abc", True

    def score(self, dialogues: list) -> list:
        return [0.0] * len(dialogues)

    def with_label_noise(self, rate: float, seed: int) -> RewardSource:
        return per_text(honest, spec=f"noisy-{rate}-{seed}")

    def with_head_scaled(self, factor: float) -> RewardSource:
        return per_text(honest, spec=f"head-{factor}", fingerprint=f"abc*{factor}")


def test_variants_are_made_once_and_keyed_apart(tmp_path: Path) -> None:
    binding = Binding(Able(), None, "main", Settings.below(tmp_path).options)
    noisy = SourceRef(flip_rate=0.2, flip_seed=1)
    assert binding.source(noisy).spec == "noisy-0.2-1"
    assert binding.source(noisy) is binding.source(SourceRef(flip_rate=0.2, flip_seed=1))
    assert binding.source(SourceRef(flip_rate=0.2, flip_seed=2)) is not binding.source(noisy)
    probe = binding.source(SourceRef(probe="alone"))
    assert (probe.spec, probe.fingerprint, probe.scores_new_text) == (
        "recipe:able", "abc~alone", True,
    )  # fmt: skip
    both = binding.source(SourceRef(head_scale=2.0, probe="alone"))
    assert (both.spec, both.fingerprint) == ("head-2.0", "abc*2.0~alone")
    # A probe of what is kept for the session only stays so.
    plain = Binding(per_text(honest), None, "main", binding.options)
    assert plain.source(SourceRef(probe="alone")).fingerprint is None


def test_what_a_source_cannot_be_varied_in(tmp_path: Path) -> None:
    ctx = live_context(tmp_path, PAIRS, per_text(honest, spec="py:mine"))
    assert not ctx.offers(Retrainable)
    assert not ctx.offers(Rescalable)
    with pytest.raises(CannotDecide, match="py:mine is not a recipe"):
        ctx.binding.source(SourceRef(flip_rate=0.2))
    with pytest.raises(CannotDecide, match="py:mine has no head to rescale"):
        ctx.binding.source(SourceRef(head_scale=2.0))
    able = live_context(tmp_path, PAIRS, Able())
    assert able.offers(Retrainable)
    assert able.offers(Rescalable)
    write_jsonl(tmp_path / "other.jsonl", [{"id": "a", "chosen": 1, "rejected": 0}])
    other = ctx.binding.source(SourceRef(role="other", spec="scores:other.jsonl"))
    assert other.spec == "scores:other.jsonl"
