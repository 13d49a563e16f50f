"""Recipes with objectives as sources: weights in the spec, one head alone, one pass over texts."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scoring.models import dialogues
from training import project
from training.test_many_heads import rows_with_labels

from rmcheck.checks import CANDIDATE
from rmcheck.cli import main
from rmcheck.engine.binding import Binding
from rmcheck.errors import SourceError, UsageError
from rmcheck.reward_source import ManySided, SourceOptions
from rmcheck.scoring import stored
from rmcheck.scoring.files import FileHashes
from rmcheck.scoring.objective_weights import shown, weights_of
from rmcheck.sources import create
from rmcheck.sources.checkpoint import CheckpointSource
from rmcheck.sources.merged_checkpoint import write_merged
from rmcheck.sources.recipe import ManyHeadedRecipe
from rmcheck.training.averaging import average

OBJECTIVES = "objectives: {rain: {reward: 0.7}, bridge: {weight: 2, reward: -0.3}}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a recipe of two objectives, trained once."""
    root = project.made(tmp_path_factory.mktemp("heads") / "p")
    rows_with_labels(root)
    text = project.RECIPE.replace("epochs: 2", "epochs: 1")
    (root / "two.yaml").write_text(text + OBJECTIVES, encoding="utf-8")
    opened(root, "").train()
    return root


def opened(root: Path, settings: str, **changes: object) -> ManyHeadedRecipe:
    options = dataclasses.replace(SourceOptions(root=root, cache=root / "cache"), **changes)  # type: ignore[arg-type]
    source = create(f"recipe:two.yaml{settings}", options)
    assert isinstance(source, ManyHeadedRecipe)
    return source


def test_the_reward_is_the_weighted_sum_of_the_heads(folder: Path) -> None:
    texts = dialogues(12)
    source = opened(folder, "")
    heads = {name: source.with_objective(name).score(texts) for name in ("rain", "bridge")}
    assert np.abs(heads["rain"] - heads["bridge"]).max() > 0.01
    expected = 0.7 * heads["rain"] - 0.3 * heads["bridge"]
    np.testing.assert_allclose(source.score(texts), expected, atol=1e-6)
    for settings, sums in (
        (",weights=rain:1;bridge:0.5", (1.0, 0.5)),
        (",weights=bridge:2", (0.0, 2.0)),
        (",objective=rain", (1.0, 0.0)),
        (",objective=0.25*rain+3*bridge", (0.25, 3.0)),
    ):
        found = opened(folder, settings).score(texts)
        np.testing.assert_allclose(
            found, sums[0] * heads["rain"] + sums[1] * heads["bridge"], atol=1e-6
        )


def test_the_heads_are_those_of_the_model_itself(folder: Path) -> None:
    """Each text by the model's own forward, alone."""
    import torch

    texts = dialogues(5)
    source = opened(folder, "")
    found = np.stack([source.with_objective(n).score(texts) for n in ("rain", "bridge")], axis=1)
    side = source.with_objective("bridge")
    model = side._heads["cpu"].scorer.model
    ids = side.scorer.encode(texts)
    with torch.no_grad():
        alone = [model(torch.from_numpy(each)[None]).logits[0].numpy() for each in ids]
    np.testing.assert_allclose(found, np.stack(alone), atol=1e-5)
    # The running reward's last value is the text's own, for weights as well.
    for each in (source, side):
        (last,) = [each.running(texts[0])[-1].reward]
        assert last == pytest.approx(each.score(texts[:1])[0], abs=1e-5)


def test_the_model_reads_each_text_once(folder: Path) -> None:
    texts = dialogues(10)
    source = opened(folder, "")
    source.score(texts[:6])
    scorer = source._heads["cpu"].scorer
    read = scorer.unique_tokens
    for name in ("rain", "bridge", "0.5*rain+0.5*bridge"):
        source.with_objective(name).score(texts[:6])
    assert scorer.unique_tokens == read
    source.with_objective("rain").score(texts)
    assert scorer.unique_tokens > read


@pytest.mark.parametrize("objective", ["rain", "rain+2*bridge"])
def test_a_scaled_head_scales_the_rewards(folder: Path, objective: str) -> None:
    texts = dialogues(6)
    side = opened(folder, "").with_objective(objective)
    scaled = side.with_head_scaled(3.0).score(texts)
    np.testing.assert_allclose(scaled, 3 * side.score(texts), rtol=1e-5, atol=1e-6)


def test_weights_are_recorded_and_part_of_the_fingerprint_not_of_the_training(
    folder: Path,
) -> None:
    source = opened(folder, "")
    assert source.describe().objective == "0.7*rain+-0.3*bridge"
    assert source.remarks[0] == (
        "recipe:two.yaml: reward 0.7*rain+-0.3*bridge (the weights of the recipe)"
    )
    same = opened(folder, ",weights=rain:0.7;bridge:-0.3")
    assert same.fingerprint == source.fingerprint
    assert not any("the weights of the recipe" in said for said in same.remarks)
    others = [
        opened(folder, settings)
        for settings in (",weights=rain:1", ",objective=bridge", ",weights=rain:1;bridge:1")
    ]
    assert len({each.fingerprint for each in (source, *others)}) == 4
    assert {each.adapter for each in (source, *others)} == {source.adapter}
    assert opened(folder, ",objective=rain").fingerprint == others[0].fingerprint
    assert others[0].describe().objective == "1*rain"


def test_variants_keep_the_weights(folder: Path) -> None:
    source = opened(folder, ",weights=rain:1")
    for each in (source.with_seed(3), source.with_label_noise(0.2, 1)):
        assert isinstance(each, ManyHeadedRecipe)
        assert each.weights == {"rain": 1.0, "bridge": 0.0}
    options = SourceOptions(root=folder, cache=folder / "cache")
    binding = Binding(source, None, "main", options)
    side = binding.source(dataclasses.replace(CANDIDATE, objective="bridge", seed=2))
    assert isinstance(side, ManyHeadedRecipe)
    assert (side.weights, side.recipe.seed) == ({"rain": 0.0, "bridge": 1.0}, 2)


def test_only_recipes_with_objectives_have_several_sides(folder: Path) -> None:
    options = SourceOptions(root=folder, cache=folder / "cache")
    assert isinstance(opened(folder, ""), ManySided)
    assert not isinstance(create("recipe:tiny.yaml", options), ManySided)
    with pytest.raises(UsageError, match="weights is for a recipe with several objectives"):
        create("recipe:tiny.yaml,weights=rain:1", options)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (",weights=rain", "weights: expected NAME:NUMBER;NAME:NUMBER, got 'rain'"),
        (",weights=rain:x", "for example weights=rain:1;bridge:1"),
        (",weights=rain:inf", "got 'rain:inf'"),
        (",weights=rian:1", "objective 'rian': did you mean 'rain'?"),
        (",weights=rain:1;rain:2", "rain is given twice; give it once"),
        (",weights=rain:0", "all are 0"),
        (",weihgts=rain:1", "unknown setting 'weihgts'; did you mean 'weights'?"),
        (",weights=rain:1,objective=rain", "exclude each other"),
        (",objective=brige", "did you mean 'bridge'?"),
    ],
)
def test_mistakes_in_the_settings_are_told(folder: Path, settings: str, said: str) -> None:
    with pytest.raises((UsageError, SourceError)) as error:
        opened(folder, settings)
    assert said in str(error.value)
    assert "recipe:two.yaml" in str(error.value)


def as_checkpoint(root: Path, settings: str = "") -> CheckpointSource:
    """The adapter of the recipe, named by its folder."""
    path = opened(root, "").adapter.relative_to(root)
    source = create(f"hf:{path}{settings}", SourceOptions(root=root, cache=root / "cache"))
    assert isinstance(source, CheckpointSource)
    return source


def test_the_adapter_is_read_as_the_recipe_meant_it(folder: Path) -> None:
    texts = dialogues(8)
    recipe, source = opened(folder, ""), as_checkpoint(folder)
    np.testing.assert_allclose(source.score(texts), recipe.score(texts), atol=1e-5)
    assert source.remarks[0].endswith("reward 0.7*rain+-0.3*bridge (the weights in rmcheck.json)")
    assert source.describe().objective == "0.7*rain+-0.3*bridge"
    for name in ("rain", "bridge", "rain+2*bridge"):
        expected = recipe.with_objective(name).score(texts)
        alone = as_checkpoint(folder, f",objective={name}")
        np.testing.assert_allclose(alone.score(texts), expected, atol=1e-5)
        side = source.with_objective(name)
        np.testing.assert_array_equal(side.score(texts), alone.score(texts))
        assert side.fingerprint == alone.fingerprint != source.fingerprint
        assert not any("rmcheck.json" in said for said in alone.remarks)
    (embeddings,) = {
        id(each.scorer.model.get_input_embeddings().weight)
        for each in (source.with_objective("rain"), source.with_objective("bridge"))
    }
    assert embeddings
    with pytest.raises(SourceError, match="objective 'rian': did you mean 'rain'"):
        as_checkpoint(folder, ",objective=rian").score(texts)


@pytest.mark.parametrize("tool", ["an older version", "another tool"])
def test_an_adapter_that_says_no_weights_asks_for_an_objective(
    folder: Path, tmp_path: Path, tool: str
) -> None:
    root = Path(shutil.copytree(folder, tmp_path / "p"))
    source = as_checkpoint(root)
    path = root / source.name / "rmcheck.json"
    texts, name = dialogues(4), "bridge"
    if tool == "another tool":
        # PEFT's files alone: the base in them, and outputs without names.
        config = json.loads((path.parent / "adapter_config.json").read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = str(root / "base")
        (path.parent / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
        path.unlink()
        name = "LABEL_1"
    else:
        sidecar = json.loads(path.read_text(encoding="utf-8"))
        del sidecar["weights"]
        path.write_text(json.dumps(sidecar), encoding="utf-8")
    said = r"expected num_labels 1 for a reward model, got 2 \(.*\); name one, or a weighted sum"
    with pytest.raises(SourceError, match=said) as error:
        as_checkpoint(root).score(texts)
    assert name in str(error.value)
    template = ",template=default,end=none,max_length=64" if tool == "another tool" else ""
    found = as_checkpoint(root, f"{template},objective={name}").score(texts)
    expected = opened(folder, "").with_objective("bridge").score(texts)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_outputs_without_names_are_an_error(folder: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(folder, tmp_path / "p"))
    path = root / as_checkpoint(root).name / "rmcheck.json"
    sidecar = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**sidecar, "objectives": ["rain"]}), encoding="utf-8")
    with pytest.raises(SourceError, match=r"got 2, and rmcheck\.json names rain$"):
        as_checkpoint(root).score(dialogues(1))


def test_the_average_of_adapters_keeps_their_objectives(folder: Path, tmp_path: Path) -> None:
    one = opened(folder, "").adapter
    average([one, one], folder / "average", FileHashes(tmp_path))
    source = create("hf:average", SourceOptions(root=folder, cache=folder / "cache"))
    texts = dialogues(5)
    np.testing.assert_allclose(source.score(texts), opened(folder, "").score(texts), atol=1e-5)


def test_a_merged_checkpoint_scores_as_its_adapter(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = SourceOptions(root=folder, cache=folder / "cache")
    one, texts = opened(folder, "").adapter, dialogues(6)
    assert main(["average", str(one), "--merge", "-o", str(folder / "whole")]) == 0
    assert "merged into its base model; use it with --rm hf:" in capsys.readouterr().out
    assert not (folder / "whole/adapter_config.json").exists()
    whole = create("hf:whole", options)
    np.testing.assert_allclose(whole.score(texts), opened(folder, "").score(texts), atol=1e-5)
    assert whole.describe().objective == "0.7*rain+-0.3*bridge"
    side = create("hf:whole,objective=bridge", options)
    expected = opened(folder, "").with_objective("bridge").score(texts)
    np.testing.assert_allclose(side.score(texts), expected, atol=1e-5)
    assert main(["average", str(one), "--merge", "-o", str(folder / "whole")]) == 4
    assert "already exists and is not an empty folder" in capsys.readouterr().err


def test_nothing_is_merged_into_quantised_weights(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "computes_packed", lambda model: True)
    with pytest.raises(SourceError, match="quantised weights, into which nothing is merged"):
        write_merged(opened(folder, "").adapter, tmp_path / "whole", FileHashes(tmp_path))
    assert not (tmp_path / "whole").exists()


def test_weights_are_said_as_they_are_read() -> None:
    given = {"a": 0.1 + 0.2, "b": 1e-7, "c": 0.0, "d": -1234567.0, "e": 3.0}
    names = dict(enumerate(given))
    assert weights_of(shown(given), names, "m") == list(given.values())
