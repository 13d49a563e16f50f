"""`recipe:`: lazy, cached, retrainable, rescalable."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scoring.models import dialogues
from training import project

from rmcheck.cache.source import CachedSource
from rmcheck.cache.store import ScoreStore
from rmcheck.cli import main
from rmcheck.errors import ProblemsFound, SourceError, UsageError
from rmcheck.reward_source import Rescalable, Retrainable, RewardSource, SourceOptions, Streaming
from rmcheck.sources import create
from rmcheck.sources.recipe import RecipeSource


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = project.made(tmp_path_factory.mktemp("recipe") / "p")
    project.source_of(made).train()
    return made


def test_it_keeps_every_protocol_that_a_recipe_can_keep(folder: Path) -> None:
    source = project.source_of(folder)
    for protocol in (RewardSource, Retrainable, Rescalable, Streaming):
        assert isinstance(source, protocol)
    assert source.spec == "recipe:tiny.yaml"
    assert source.scores_new_text


def test_the_training_record_is_there_as_soon_as_the_adapter_is(folder: Path) -> None:
    source = project.source_of(folder)
    assert source.training is not None
    assert source.training.recipe == "tiny"
    assert source.training.steps == source.training.curve[-1].step
    assert project.source_of(folder, "elsewhere").training is None


def test_an_adapter_that_is_found_goes_by_the_name_of_the_recipe_that_asks(folder: Path) -> None:
    again = folder / "another.yaml"
    again.write_text((folder / "tiny.yaml").read_text())
    source = create("recipe:another.yaml", SourceOptions(root=folder, cache=folder / "cache"))
    assert source.fingerprint == project.source_of(folder).fingerprint
    assert source.training is not None
    assert (source.training.recipe, source.training.reused) == ("another", True)


def test_its_record_has_the_settings_of_the_recipe(folder: Path) -> None:
    source = project.source_of(folder)
    told, noisy = source.describe().recipe, source.with_label_noise(0.5, 1).describe().recipe
    assert {key for key in told if told[key] != noisy[key]} == {
        "label_noise.rate", "label_noise.seed",
    }  # fmt: skip
    assert noisy["label_noise.rate"] == 0.5
    assert told["seed"] == source.recipe.seed
    # Files are named with their content, so that the folder that they are in does not matter.
    moved = folder / "sub" / "moved.yaml"
    moved.parent.mkdir()
    text = (folder / "tiny.yaml").read_text()
    moved.write_text(re.sub(r"(?m)^(base|data): (?=[\w.])", r"\1: ../", text))
    again = create("recipe:sub/moved.yaml", SourceOptions(root=folder, cache=folder / "cache"))
    assert isinstance(again, RecipeSource)
    assert again.describe().recipe == told


def test_noisy_labels_are_another_model(folder: Path) -> None:
    source = project.source_of(folder)
    noisy = source.with_label_noise(0.5, 1)
    assert noisy.fingerprint != source.fingerprint
    assert noisy.fingerprint != source.with_label_noise(0.5, 2).fingerprint
    assert noisy.spec == "recipe:tiny.yaml (50% of labels flipped, seed 1)"
    texts = dialogues(10)
    assert not np.allclose(noisy.score(texts), source.score(texts))
    assert noisy.training is not None


def test_a_sessions_seed_is_the_trainings(folder: Path) -> None:
    options = SourceOptions(root=folder, cache=folder / "cache", seed=5)
    assert create("recipe:tiny.yaml", options).fingerprint != project.source_of(folder).fingerprint


def test_a_scaled_head_needs_no_training_of_its_own(folder: Path) -> None:
    source = project.source_of(folder)
    texts = dialogues(10)
    scaled = source.with_head_scaled(0.5)
    np.testing.assert_allclose(scaled.score(texts), 0.5 * source.score(texts), atol=1e-5)
    assert scaled.fingerprint != source.fingerprint


@pytest.mark.ci
def test_cached_scores_need_neither_torch_nor_the_adapter(folder: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(folder, tmp_path / "p"))
    source = project.source_of(moved)
    store = ScoreStore(moved / "cache")
    expected = CachedSource(source, store).score(dialogues(6))
    store.close()
    shutil.rmtree(moved / "cache" / "adapters")
    tests = str(Path(__file__).resolve().parents[1])
    program = f"""
import sys
from pathlib import Path
from rmcheck.data import Dialogue
from rmcheck.cache.source import CachedSource
from rmcheck.cache.store import ScoreStore
from rmcheck.sources import create
from rmcheck.reward_source import SourceOptions
folder = Path({str(moved)!r})
source = create("recipe:tiny.yaml", SourceOptions(root=folder, cache=folder / "cache"))
texts = [Dialogue(*text) for text in {[(one.prompt, one.response) for one in dialogues(6)]!r}]
print(CachedSource(source, ScoreStore(folder / "cache")).score(texts).tolist())
print(sorted({{"torch", "transformers", "peft", "trl", "pandas"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tests
    )
    assert done.stdout == f"{expected.tolist()}\n[]\n"


def test_malformed_training_data_is_told_at_its_line(folder: Path, tmp_path: Path) -> None:
    moved = Path(shutil.copytree(folder, tmp_path / "p"))
    with (moved / "pairs.jsonl").open("a") as file:
        file.write('{"id": "x"}\n')
    with pytest.raises(ProblemsFound, match=r"pairs\.jsonl:41:1: the key 'prompt' is missing"):
        project.source_of(moved).score(dialogues(1))


def test_a_data_set_without_a_hub_is_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    def unreachable(*_: object, **__: object) -> None:
        raise ConnectionError("Couldn't reach the hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    moved = Path(shutil.copytree(folder, tmp_path / "p"))
    text = (moved / "tiny.yaml").read_text()
    (moved / "tiny.yaml").write_text(text.replace("pairs.jsonl", "{dataset: somebody/pairs}"))
    with pytest.raises(SourceError, match=r"'somebody/pairs'.*cannot be loaded .*check the name"):
        project.source_of(moved).score(dialogues(1))


def test_an_unknown_recipe_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'gpt2'"):
        create("recipe:gpt-2", SourceOptions(root=tmp_path, cache=tmp_path))


def test_the_train_command_trains_and_scores_nothing(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("nothing asks for a score")

    monkeypatch.setattr(RecipeSource, "_loaded", refuse)
    monkeypatch.setattr(RecipeSource, "stream", refuse)
    monkeypatch.chdir(folder)
    words = ["train", "tiny.yaml", "--rm-cache", str(tmp_path / "c"), "--rm-device", "cpu"]
    outputs = []
    for _ in range(2):  # trained, then found
        assert main(words) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    assert outputs[0].startswith("recipe:tiny.yaml: 32 pairs, 8 steps")
    assert len(list((tmp_path / "c/adapters").glob("*/rmcheck.json"))) == 1


@pytest.mark.slow
def test_training_data_in_another_layout_are_recorded_and_told(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    transcripts = [
        {
            side: f"\n\nHuman: {row['prompt']}\n\nAssistant: {row[side]}"
            for side in ("chosen", "rejected")
        }
        for row in rows
    ]
    transcripts.append({**transcripts[0], "rejected": None})
    (folder / "hh.jsonl").write_text("".join(json.dumps(row) + "\n" for row in transcripts))
    text = (folder / "tiny.yaml").read_text().replace("pairs.jsonl", "hh.jsonl")
    (folder / "hh.yaml").write_text(text)
    options = SourceOptions(root=folder, cache=folder / "cache")
    create("recipe:hh.yaml", options).train()  # type: ignore[attr-defined]
    source = create("recipe:hh.yaml", options)  # finds what was trained
    assert isinstance(source, RecipeSource)
    assert source.training is not None
    (file,) = source.training.files
    assert (file.layout, file.guessed, file.left_out) == ("hh", True, {"rejected is null": 1})
    assert source.remarks == (
        f"training data {folder / 'hh.jsonl'}: layout hh (recognised); left out: 1 of 41 rows "
        "(rejected is null: row 41)",
    )
