"""`rmcheck train RECIPE --seeds 2`, then the ensemble that it keeps as one reward source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from training import project as small

from rmcheck.data import pair_dialogues
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from study.test_cv import said

Output = pytest.CaptureFixture[str]


@pytest.mark.ci
def test_the_ensemble_is_the_mean_of_the_models_that_were_trained(
    project: Path, capsys: Output
) -> None:
    code, out, err = said(capsys, "train", "recipes/mine.yaml", "--seeds", "2")
    assert code == 0, err
    adapters = [line.split()[-1] for line in out.splitlines() if line.startswith("adapter: ")]
    assert len(set(adapters)) == 2
    assert out.endswith("wrote sources/mine-2-seeds.yaml: use it with --rm source:mine-2-seeds\n")
    options = SourceOptions(root=project, cache=project / ".rmcheck", device="cpu")
    texts = pair_dialogues(small.pairs_in(project)[:4])
    both = [create(f"hf:{adapter}", options).score(texts) for adapter in adapters]
    found = create("source:mine-2-seeds", options).score(texts)
    np.testing.assert_allclose(found, np.mean(both, axis=0), atol=1e-6)
    assert not np.allclose(both[0], both[1])
