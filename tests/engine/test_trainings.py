"""The trainings of a session run side by side, to the same weights as one after another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from scoring.test_scorer import Bar
from training import project

from rmcheck.cli import main
from rmcheck.engine.trainings import train_missing
from rmcheck.errors import ProblemsFound
from rmcheck.reward_source import SourceOptions
from rmcheck.sources.recipe import RecipeSource, create
from rmcheck.training import adapter, side_by_side


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(side_by_side, "WORTH", 0.0)
    monkeypatch.setattr(side_by_side, "cores", lambda: 2)
    return project.made(tmp_path / "p")


def sources(folder: Path, bar: Bar, cache: str) -> list[RecipeSource]:
    """A recipe, its copy with noisy labels, and a name of the first that needs no training."""
    options = SourceOptions(root=folder, cache=folder / cache, device="cpu", progress=bar)
    first = create("tiny.yaml", options)
    return [first, first.with_label_noise(0.5, 1), first.with_head_scaled(2.0)]


@pytest.mark.ci
def test_trained_side_by_side_the_weights_are_those_of_a_training_alone(folder: Path) -> None:
    bar = Bar()
    together = sources(folder, bar, "together")
    assert train_missing(together, bar) == {}
    steps = [source.training.steps for source in together[:2] if source.training]
    assert bar.started == [("training 2 models", sum(steps), "steps")]
    assert (bar.done, bar.finished) == (sum(steps), 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = sources(folder, Bar(), "alone")
        for ours, theirs in zip(together, alone, strict=True):
            first, second = (source.train() / adapter.WEIGHTS for source in (ours, theirs))
            assert first.read_bytes() == second.read_bytes()
    finally:
        torch.set_num_threads(threads)
    assert [source.training and source.training.reused for source in together] == [False] * 3
    assert len(list((folder / "together/adapters").glob("[!.]*[!k]"))) == 2
    # All are there now: nothing is left to train, and a new session reuses them.
    assert train_missing(sources(folder, bar, "together"), bar) == {}
    again = sources(folder, bar, "together")[0].training
    assert again is not None
    assert again.reused


@pytest.mark.ci
def test_a_training_is_the_same_after_others_in_its_process(folder: Path) -> None:
    text = project.RECIPE.replace("epochs: 2", "epochs: 2, precision: bf16")
    (folder / "half.yaml").write_text(text.replace("r: 4", "r: 2"), encoding="utf-8")

    def last_of(recipes: list[str], cache: str) -> bytes:
        options = SourceOptions(root=folder, cache=folder / cache, device="cpu")
        made = [create(recipe, options).with_seed(7) for recipe in recipes]
        jobs = [job for job in (source.training_job() for source in made) if job]
        ended = side_by_side.train_side_by_side(jobs, Bar(), 1)
        assert [each.trained for each in ended.values()] == [True] * len(recipes)
        return (made[-1].adapter / adapter.WEIGHTS).read_bytes()

    assert last_of(["half.yaml", "tiny.yaml"], "after") == last_of(["tiny.yaml"], "alone")


@pytest.mark.ci
def test_recipes_named_together_are_trained_and_told_one_by_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    text = (folder / "tiny.yaml").read_text(encoding="utf-8")
    for name, change in (("b", "seed: 1\n"), ("wrong", "data: wrong.jsonl\n")):
        kept = text.replace("data: pairs.jsonl\n", "") if "data" in change else text
        (folder / f"{name}.yaml").write_text(kept + change, encoding="utf-8")
    (folder / "wrong.jsonl").write_text('{"id": "x", "prompt": "a"}\n' * 2, encoding="utf-8")
    assert main(["train", "tiny.yaml", "b.yaml", "wrong.yaml", "--rm-device", "cpu"]) == 4
    said = capsys.readouterr()
    assert said.out.count("adapter: .rmcheck/adapters/") == 2
    assert "recipe:tiny.yaml: 32 pairs, 8 steps" in said.out
    assert "recipe:b.yaml: 32 pairs, 8 steps" in said.out
    assert "rmcheck train: " in said.err
    assert "wrong.jsonl:1:1" in said.err
    assert main(["train", "tiny.yaml", "b.yaml", "--rm-device", "cpu"]) == 0
    assert capsys.readouterr().out.count("adapter: .rmcheck/adapters/") == 2


def test_what_cannot_be_trained_is_told_for_its_source_alone(folder: Path) -> None:
    bad = project.made(folder.parent / "bad")
    (bad / "pairs.jsonl").unlink()
    good, other = project.source_of(folder), project.source_of(bad)
    good.train()
    failed = train_missing([good, other], Bar())
    assert list(failed) == [id(other)]
    assert "pairs.jsonl" in str(failed[id(other)])
    assert not isinstance(failed[id(other)], ProblemsFound)


SUITE = """rmcheck: 1
name: rain
data: ../pairs.jsonl
checks:
  - check: win_rate
    min: 0.1
  - check: label_noise
    rates: [0.2]
    seeds: 2
    max_drop: 1.0
"""

CONFTEST = """from rmcheck.training import side_by_side

side_by_side.WORTH = 0.0
side_by_side.cores = lambda: 2
"""


@pytest.mark.ci
def test_a_gate_trains_the_candidate_and_its_noisy_copies_at_once(folder: Path) -> None:
    (folder / "suites").mkdir()
    (folder / "suites/rain.yaml").write_text(SUITE, encoding="utf-8")
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "suites", "--rm", "recipe:tiny.yaml"]
    said = subprocess.run(
        [*command, "--rm-device", "cpu"], cwd=folder, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "training 3 models: 100%" in said.stdout + said.stderr
    assert len(list((folder / ".rmcheck/adapters").glob("*/rmcheck.json"))) == 3
    assert "training: tiny" in said.stdout
    assert "2 passed" in said.stdout
