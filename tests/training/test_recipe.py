"""Recipes: what their files may say, and what their fingerprint covers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from rmcheck.errors import ProblemsFound, SourceError, UsageError
from rmcheck.scoring.files import FileHashes
from rmcheck.training import recipe as module
from rmcheck.training.recipe import LabelNoise, Lora, Optimisation, Recipe, steps_of
from rmcheck.training.recipe_file import load_recipe, shipped_recipes
from rmcheck.training.settings import EarlyStopping

ROW = '{"id": "p1", "prompt": "Why?", "chosen": "So.", "rejected": "No."}\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.jsonl").write_text(ROW)
    (tmp_path / "mine.yaml").write_text("recipe: 1\nbase: base\ndata: data/*.jsonl\n")
    return tmp_path


def printed(project: Path, text: str) -> str:
    (project / "mine.yaml").write_text(text)
    with pytest.raises(ProblemsFound) as caught:
        load_recipe("mine.yaml", project)
    return str(caught.value)


def test_a_file_with_the_least_has_the_defaults(project: Path) -> None:
    recipe = load_recipe("mine.yaml", project)
    assert (recipe.name, recipe.loss, recipe.template) == ("mine", "bradley_terry", "default")
    assert recipe.lora == Lora(16, 32, None)
    assert recipe.optimisation == Optimisation()
    assert recipe.data_files() == [(project / "data" / "one.jsonl").resolve()]
    assert recipe.base_files().folder == (project / "base").resolve()


def test_everything_can_be_said(project: Path) -> None:
    (project / "mine.yaml").write_text(
        """
recipe: 1
name: all
description: words
base: base
gguf_file: tiny.gguf
data: [data/one.jsonl]
template: raw
pooling: mean
max_length: 128
lora: {r: 4, alpha: 8, targets: [c_attn]}
loss: hinge
margin: 0.5
training: {learning_rate: 1e-3, batch_size: 2, gradient_accumulation: 4, epochs: 2,
  gradient_checkpointing: true, precision: bf16, schedule: cosine, warmup: 0.1, weight_decay: 0.01}
limit: 100
held_out: 0.2
seed: 3
label_noise: {rate: 0.1, seed: 5}
"""
    )
    recipe = load_recipe(str(project / "mine.yaml"), Path("/"))
    assert recipe.lora == Lora(4, 8, ("c_attn",))
    assert recipe.label_noise == LabelNoise(0.1, 5)
    assert recipe.optimisation.learning_rate == 1e-3
    assert recipe.optimisation.gradient_accumulation == 4


def test_mistakes_stand_at_their_place_all_at_once(project: Path) -> None:
    text = """recipe: 1
base: base
data: data/*.jsonl
los: hinge
lora: {r: 0, alfa: 3}
held_out: 0.9
training:
  epochs: none
"""
    lines = printed(project, text).splitlines()
    expected = [
        ("4:1", "unknown key 'los', did you mean 'loss'? (allowed: augment, base, centring,"),
        ("5:11", "lora.r=0 is too small: at least 1"),
        ("5:14", "unknown key 'alfa', did you mean 'alpha'? (allowed: alpha, r, targets)"),
        ("6:11", "held_out=0.9 is too large: less than 0.5"),
        ("8:11", "training.epochs='none' is not a number"),
    ]
    for line, (place, message) in zip(lines, expected, strict=True):
        assert line.startswith(f"mine.yaml:{place}: recipe: {message}")


def test_values_of_the_wrong_kind_are_told_at_their_places(project: Path) -> None:
    text = """recipe: 1
base: base
data: {dataset: hub/data, limit: 0}
lora: 3
template: chatt
label_noise: {rate: yes, seed: -1}
training: {learning_rate: .inf, precision: fp8}
"""
    lines = printed(project, text).splitlines()
    expected = [
        ("6:21", "label_noise.rate: expected a number, got true"),
        ("3:34", "data.limit=0 is too small: at least 1"),
        ("5:11", "template='chatt' is not allowed, did you mean 'chat'?"),
        ("4:7", "lora=3 is not a mapping of keys to values"),
        ("6:32", "label_noise.seed=-1 is too small: at least 0"),
        ("7:27", "training.learning_rate=inf is not a finite number"),
        ("7:44", "training.precision='fp8' is not allowed, did you mean 'fp32'?"),
    ]
    assert sorted(line.split(": recipe: ")[0] for line in lines) == sorted(
        f"mine.yaml:{place}" for place, _ in expected
    )
    for place, message in expected:
        assert any(line.startswith(f"mine.yaml:{place}: recipe: {message}") for line in lines)


def test_an_unknown_loss_names_the_nearest(project: Path) -> None:
    said = printed(project, "recipe: 1\nbase: b\ndata: d\nloss: bradley-terry\n")
    assert "mine.yaml:4:7" in said
    assert "did you mean 'bradley_terry'? (allowed: bradley_terry, confidence_weighted, " in said


def loss_of(project: Path, text: str) -> tuple[str, dict[str, object]]:
    (project / "mine.yaml").write_text(f"recipe: 1\nbase: base\ndata: data/*.jsonl\n{text}\n")
    recipe = load_recipe("mine.yaml", project)
    return recipe.loss, dict(recipe.loss_settings)


def test_a_loss_has_settings_of_its_own(project: Path) -> None:
    assert loss_of(project, "loss: hinge") == ("hinge", {})
    given = loss_of(project, "loss: {name: label_smoothing, rate: 0.2}")
    assert given == ("label_smoothing", {"rate": 0.2})
    recipe, hashes = load_recipe("mine.yaml", project), FileHashes(project / "cache")
    assert recipe.settings(hashes)["loss.rate"] == 0.2
    # Given as it is by default, a setting changes nothing; another value is another model.
    fingerprints = {}
    for rate in ("", ", rate: 0.1", ", rate: 0.2"):
        loss_of(project, f"loss: {{name: label_smoothing{rate}}}")
        fingerprints[rate] = load_recipe("mine.yaml", project).fingerprint(hashes)
    assert fingerprints[""] == fingerprints[", rate: 0.1"] != fingerprints[", rate: 0.2"]


def test_mistakes_in_a_loss_are_told_at_their_places_with_all_others(project: Path) -> None:
    said = printed(
        project,
        "recipe: 1\nbase: b\ndata: d\nseed: -1\nloss: {name: robust, rate: 0.5, rat: 1}\n",
    )
    assert "mine.yaml:4:7: recipe: seed=-1 is too small" in said
    assert "mine.yaml:5:28: recipe: loss 'robust': rate=0.5 is too large: less than 0.5" in said
    assert "mine.yaml:5:33: recipe: loss 'robust': unknown key 'rat', did you mean 'rate'?" in said
    said = printed(project, "recipe: 1\nbase: b\ndata: d\nloss: {name: robbust, rate: 0.1}\n")
    assert "mine.yaml:4:14: recipe: loss='robbust': did you mean 'robust'?" in said
    said = printed(project, "recipe: 1\nbase: b\ndata: d\nloss: {rate: 0.1}\n")
    assert "mine.yaml:4:7: recipe: loss: the key 'name' is missing" in said


def test_keys_that_do_not_go_with_a_loss_are_told(project: Path) -> None:
    start = "recipe: 1\nbase: b\ndata: d\n"
    said = printed(project, f"{start}loss: regression\nmargin: 0.5\ncentring: 0.01\n")
    assert "mine.yaml:5:9: recipe: margin=0.5 has no effect on loss 'regression'; remove" in said
    assert "use one of bradley_terry, hinge" in said
    assert "mine.yaml:6:11: recipe: centring draws rewards to 0, but loss 'regression'" in said
    said = printed(project, f"{start}early_stopping: {{patience: 2}}\nheld_out: 0\n")
    assert "mine.yaml:4:17: recipe: early_stopping needs held-out pairs, but held_out is 0" in said
    said = printed(project, f"{start}early_stopping: {{patience: 9, measurements: 5}}\n")
    assert "mine.yaml:4:28: recipe: patience=9 is never reached with measurements=5; use" in said
    assert "use at most 4, or measure more often" in said
    augment = "augment: {transformations: [typos]}\n"
    said = printed(project, f"{start}loss: plackett_luce\n{augment}")
    assert "mine.yaml:5:10: recipe: augment copies pairs, but loss 'plackett_luce' trains" in said


def test_a_missing_key_and_another_kind_of_document_are_told(project: Path) -> None:
    assert "the key 'base' is missing" in printed(project, "recipe: 1\ndata: d\n")
    assert "a recipe starts with 'recipe: 1'" in printed(project, "- 1\n")


def test_a_name_that_is_not_there_lists_those_that_are(project: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe("tinny", project)
    assert "did you mean 'tiny'?" in str(caught.value)
    assert "(allowed: dialogpt, distilbert, gpt2, gpt2-hh, " in str(caught.value)
    with pytest.raises(UsageError, match="file not found"):
        load_recipe("other.yaml", project)


@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_load(name: str) -> None:
    assert load_recipe(name, Path("/")).name == name


def test_the_reference_recipes_say_what_they_are_known_for() -> None:
    recipe = load_recipe("gpt2", Path("/"))
    how = recipe.optimisation
    assert (recipe.base, recipe.lora.r, recipe.max_length) == ("gpt2", 16, 512)
    assert (how.learning_rate, how.batch_size, how.epochs) == (1.41e-5, 2, 2)
    known = {"dataset": "Dahoas/synthetic-instruct-gptj-pairwise", "split": "train", "seed": 0}
    assert recipe.data == known
    assert load_recipe("gpt2-hh", Path("/")).data == {**known, "dataset": "Anthropic/hh-rlhf"}


def test_data_that_names_no_file_is_a_usage_error(project: Path) -> None:
    (project / "mine.yaml").write_text("recipe: 1\nbase: base\ndata: data/*.csv\n")
    with pytest.raises(UsageError, match=r"data: no file matches 'data/\*.csv'"):
        load_recipe("mine.yaml", project).data_files()


@pytest.mark.parametrize("start", ["", "shipped:"])
def test_a_misspelt_folder_of_data_is_told_the_nearest_one(project: Path, start: str) -> None:
    folder = "preferences/trian" if start else "dta"
    text = f"recipe: 1\nbase: base\ndata: {start}{folder}/*.jsonl\n"
    (project / "mine.yaml").write_text(text)
    near = "preferences/train" if start else "data"
    with pytest.raises(UsageError, match=rf"looked for .*/{folder}; did you mean '.*/{near}'\?"):
        load_recipe("mine.yaml", project).data_files()


def test_a_suite_is_not_a_recipe(project: Path) -> None:
    (project / "chat.yaml").write_text("rmcheck: 1\nname: chat\ndata: a\nchecks: []\n")
    with pytest.raises(ProblemsFound, match="expected a recipe, got a suite; run it with `pytest"):
        load_recipe("chat.yaml", project)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("distil: {teacher: recipe:tiny, scale: 0}", "4:39: recipe: distil.scale=0 is too small"),
        ("training: {processes: 0}", "4:23: recipe: training.processes=0 is too small"),
    ],
)
def test_a_number_out_of_range_is_one_mistake_where_a_word_is_allowed(
    project: Path, text: str, said: str
) -> None:
    (line,) = printed(project, f"recipe: 1\nbase: b\ndata: d\n{text}\n").splitlines()
    assert line.startswith(f"mine.yaml:{said}")


def test_a_sweep_file_is_not_a_recipe(project: Path) -> None:
    said = printed(project, "sweep: 1\nrecipe: other.yaml\nkeys: {seed: [1]}\n")
    assert said == (
        "mine.yaml:1:1: expected a recipe, got a sweep file; run it with `rmcheck sweep mine.yaml`"
    )


def test_a_list_of_no_data_is_told(project: Path) -> None:
    start = "recipe: 1\nbase: base\n"
    assert "mine.yaml:3:7: recipe: data" in printed(project, f"{start}data: []\n")
    replay = "data: data/*.jsonl\nfrom: tiny\nreplay: {data: [], share: 0.2}\n"
    assert "mine.yaml:5:16: recipe: replay.data" in printed(project, start + replay)


def test_a_gguf_file_that_is_not_there_names_the_nearest(project: Path) -> None:
    (project / "base" / "model-q8.gguf").write_bytes(b"")
    (project / "mine.yaml").write_text(
        "recipe: 1\nbase: base\ngguf_file: model-q4.gguf\ndata: data/*.jsonl\n"
    )
    with pytest.raises(SourceError, match=r"gguf_file: no file .*mean 'model-q8\.gguf'\?"):
        load_recipe("mine.yaml", project).base_files()


def test_a_base_that_is_not_there_says_where_it_looked(project: Path) -> None:
    (project / "mine.yaml").write_text("recipe: 1\nbase: ./bass\ndata: data/*.jsonl\n")
    with pytest.raises(SourceError, match="folder not found"):
        load_recipe("mine.yaml", project).base_files()


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"loss": "hinge"},
        {"margin": 1.0},
        {"centring": 0.01},
        {"early_stopping": EarlyStopping()},
        {"optimisation": Optimisation(max_gradient_norm=0.5)},
        {"loss_settings": {"rate": 0.2}},
        {"max_length": 64},
        {"template": "raw"},
        {"pooling": "mean"},
        {"lora": Lora(r=8)},
        {"optimisation": Optimisation(learning_rate=1e-5)},
        {"limit": 7},
        {"held_out": 0.1},
        {"label_noise": LabelNoise(0.2, 0)},
        {"label_noise": LabelNoise(0.0, 1)},
    ],
)
def test_whatever_decides_the_weights_changes_the_fingerprint(
    project: Path, change: dict[str, object]
) -> None:
    hashes = FileHashes(project / "cache")
    recipe = load_recipe("mine.yaml", project)
    changed = dataclasses.replace(recipe, **change)  # type: ignore[arg-type]
    assert changed.fingerprint(hashes) != recipe.fingerprint(hashes)


def test_names_and_places_do_not(project: Path, tmp_path: Path) -> None:
    hashes = FileHashes(project / "cache")
    recipe = load_recipe("mine.yaml", project)
    moved = project / "elsewhere"
    moved.mkdir()
    for name in ("base", "data", "mine.yaml"):
        (project / name).rename(moved / name)
    renamed = dataclasses.replace(load_recipe("mine.yaml", moved), name="x", description="y")
    for name in ("base", "data"):
        (moved / name).rename(project / name)
    before = recipe.fingerprint(hashes)
    for name in ("base", "data"):
        (project / name).rename(moved / name)
    assert renamed.fingerprint(hashes) == before


def test_data_weights_and_library_versions_change_the_fingerprint(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = FileHashes(project / "cache")
    recipe = load_recipe("mine.yaml", project)
    seen = {recipe.fingerprint(hashes)}
    (project / "data" / "one.jsonl").write_text(ROW.replace("So", "Yes"))
    seen.add(recipe.fingerprint(hashes))
    (project / "data" / "two.jsonl").write_text(ROW.replace("p1", "p2"))
    seen.add(recipe.fingerprint(hashes))
    (project / "base" / "model.safetensors").write_bytes(b"weights")
    seen.add(recipe.fingerprint(hashes))
    monkeypatch.setattr(module, "_version", lambda name: "9.9.9")
    seen.add(recipe.fingerprint(hashes))
    assert len(seen) == 5


def test_the_fingerprint_of_the_shipped_recipe_needs_no_torch() -> None:
    program = """
import sys, tempfile
from pathlib import Path
from rmcheck.scoring.files import FileHashes
from rmcheck.training.recipe_file import load_recipe
print(len(load_recipe("tiny", Path("/")).fingerprint(FileHashes(Path(tempfile.mkdtemp())))))
print(sorted({"torch", "transformers", "peft", "trl", "pandas"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "32\n[]\n"


def test_steps_are_whole_batches_and_at_least_one() -> None:
    recipe = Recipe(name="r", path=Path("/r.yaml"), base="b", data=("d",))
    size = dataclasses.replace(
        recipe,
        optimisation=Optimisation(batch_size=8, gradient_accumulation=2, epochs=1.5),
    )
    assert steps_of(size, 100) == 9  # 150 pairs seen in sixteens
    assert steps_of(size, 3) == 1


def test_a_recipe_names_the_layout_of_its_data(tmp_path: Path) -> None:
    from rmcheck.sources.recipe_data import data_of

    row = {"prompt": "Why?", "response_0": "No.", "response_1": "So.", "better_response_id": 1,
           "safer_response_id": 0}  # fmt: skip
    (tmp_path / "d.jsonl").write_text(json.dumps(row) + "\n")
    text = "recipe: 1\nbase: shipped:models/tiny-gpt2\ndata: d.jsonl\n"
    prints = []
    for layout, chosen in (("", "So."), ("layout: pku-safe-rlhf-safer\n", "No.")):
        (tmp_path / "r.yaml").write_text(text + layout)
        recipe = load_recipe("r.yaml", tmp_path)
        assert [pair.chosen for pair in data_of(recipe).pairs] == [chosen]
        prints.append(recipe.fingerprint(FileHashes(tmp_path)))
    assert prints[0] != prints[1]
    (tmp_path / "r.yaml").write_text(text + "layout: hhh\n")
    with pytest.raises(ProblemsFound, match=r"r\.yaml:4:9: .*unknown layout 'hhh', did you mean"):
        load_recipe("r.yaml", tmp_path)
