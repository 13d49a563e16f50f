"""What label_noise retrains share with the first training: tokens and packed batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmcheck.data import Dialogue
from rmcheck.scoring import forest
from rmcheck.scoring.tokens import Tokens
from rmcheck.training import preparation
from training import project


class Counted:
    """Counts the texts that are tokenised and the batches that are laid out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts = self.batches = 0
        encode, plant = Tokens.encode, forest.plant

        def counting_encode(tokens: Tokens, dialogues: Sequence[Dialogue]) -> Any:
            self.texts += len(dialogues)
            return encode(tokens, dialogues)

        def counting_plant(*given: Any, **options: Any) -> Any:
            self.batches += 1
            return plant(*given, **options)

        monkeypatch.setattr(Tokens, "encode", counting_encode)
        monkeypatch.setattr(preparation, "plant", counting_plant)


@pytest.mark.ci
def test_trainings_with_flipped_labels_tokenise_and_pack_nothing_again(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = project.source_of(shared, "counted")
    counted = Counted(monkeypatch)
    source.train()
    record = source.training
    assert record is not None
    first = counted.texts, counted.batches
    # Both sides of each training pair once, and the pairs that the curve watches at each point.
    pairs = project.pairs_in(shared)
    watched = 2 * (len(pairs) - record.pairs)
    assert first == (2 * record.pairs + watched * len(record.curve), record.steps)
    for seed in (0, 1):
        source.with_label_noise(0.2, seed).train()
    assert counted.batches == first[1]
    assert counted.texts == first[0] + 2 * watched * len(record.curve)


@pytest.mark.ci
def test_a_variant_trains_as_it_does_alone(shared: Path) -> None:
    source = project.source_of(shared, "together")
    source.train()
    together = source.with_label_noise(0.5, 1)
    alone = project.source_of(shared, "alone").with_label_noise(0.5, 1)
    texts = [Dialogue("Where did the cat sit?", f"on a mat {word}") for word in ("rain", "roof")]
    np.testing.assert_array_equal(together.score(texts), alone.score(texts))
    assert together.training is not None
    assert alone.training is not None
    assert together.training.truncated == alone.training.truncated
