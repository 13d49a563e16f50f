"""rmcheck gates what rmcheck serves: the rewards of a served model are those of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scoring.models import save

from rmcheck.data import pair_dialogues
from rmcheck.engine.settings import Settings
from rmcheck.sources import create
from tests.builders import make_pairs

from .test_run import started

PAIRS = make_pairs(40)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("served") / "rm")


@pytest.mark.ci
def test_a_served_model_is_scored_as_the_model_itself(tmp_path: Path, model: Path) -> None:
    options = Settings.below(tmp_path).options
    wanted = create(f"hf:{model}", options).score(pair_dialogues(PAIRS))
    with started(tmp_path, f"hf:{model}") as (_, url):
        url = url.rstrip("/.,")
        for profile in ("vllm,revision=1", "tei"):  # TEI's /info tells the revision
            source = create(f"{url},profile={profile}", options)
            assert np.abs(source.score(pair_dialogues(PAIRS)) - wanted).max() < 1e-5, profile
            assert source.fingerprint
            assert not [said for said in source.remarks if "sigmoid" in said]


@pytest.mark.ci
def test_a_gate_on_a_served_model(tmp_path: Path, model: Path) -> None:
    import subprocess
    import sys

    from tests.builders import row, write_jsonl

    write_jsonl(tmp_path / "suites/chat.jsonl", [row(pair) for pair in PAIRS])
    (tmp_path / "suites/chat.yaml").write_text(
        "rmcheck: 1\nname: chat\ndata: chat.jsonl\nchecks:\n  - {check: win_rate, min: 0.01}\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    with started(tmp_path, f"hf:{model}") as (_, url):
        spec = f"{url.rstrip('/.,')},profile=vllm"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "suites", "--rm", spec],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "80 computed" in done.stdout
    assert '"profile":"vllm"' in (tmp_path / "reports/latest/results.json").read_text().replace(
        " ", ""
    )
