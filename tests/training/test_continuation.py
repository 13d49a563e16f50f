"""Training that goes on from an adapter: what it begins with, what is replayed, what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rmcheck.cli import main
from rmcheck.data.preferences import PreferenceData, load
from rmcheck.errors import ProblemsFound, SourceError
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import FileHashes
from rmcheck.sources.recipe import RecipeSource, create
from rmcheck.sources.recipe_data import data_of
from rmcheck.training import adapter
from rmcheck.training.continuation import fit, with_replay
from rmcheck.training.recipe import Recipe
from rmcheck.training.recipe_file import load_recipe
from training import project

NEW = {"prompt": "New question", "chosen": "rain rain the roof", "rejected": "bridge the roof"}


def new_pairs(folder: Path, count: int = 12, name: str = "new.jsonl") -> Path:
    """Pairs with texts that the old ones do not have."""
    path = folder / name
    rows = [{**NEW, "id": f"n{i}", "prompt": f"New question {i}"} for i in range(count)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def adapter_of(folder: Path) -> Path:
    """The adapter of the trained project."""
    return project.source_of(folder).adapter


def continued(folder: Path, more: str = "", start: str = "tiny.yaml", **change: str) -> Recipe:
    """A recipe that goes on from `start` on the new pairs."""
    text = project.RECIPE
    for key, value in {"data": "new.jsonl", "held_out": "0", **change}.items():
        lines = [line for line in text.splitlines() if not line.startswith(f"{key}:")]
        text = "\n".join([*lines, f"{key}: {value}"]) + "\n"
    (folder / "more.yaml").write_text(f"{text}from: {start}\n{more}", encoding="utf-8")
    return load_recipe("more.yaml", folder)


def source(folder: Path, name: str = "more.yaml") -> RecipeSource:
    return create(name, SourceOptions(root=folder, cache=folder / "cache", device="cpu"))


def hashes(folder: Path) -> FileHashes:
    return FileHashes(folder / "cache")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / adapter.WEIGHTS)


@pytest.mark.parametrize("start", ["tiny.yaml", "folder"])
def test_it_begins_with_the_weights_of_the_adapter(trained: Path, start: str) -> None:
    new_pairs(trained)
    before = adapter_of(trained)
    named = f"cache/adapters/{before.name}" if start == "folder" else start
    # A step so small that nothing but the weights of the start can be left.
    still = "{learning_rate: 1.0e-12, batch_size: 12, epochs: 1}"
    continued(trained, start=named, training=still)
    after = source(trained).train()
    old, new = weights(before), weights(after)
    assert old.keys() == new.keys()
    assert all(torch.allclose(old[name], new[name], atol=1e-9) for name in old)
    assert any(float(old[name].abs().max()) > 0 for name in old if "lora_B" in name)


def test_a_start_that_is_a_recipe_is_trained_first(tmp_path: Path) -> None:
    folder = project.made(tmp_path / "p")
    new_pairs(folder)
    continued(folder, start="tiny.yaml")
    assert not adapter_of(folder).exists()
    after = source(folder).train()
    assert adapter.is_complete(adapter_of(folder))
    assert after != adapter_of(folder)
    assert weights(after).keys() == weights(adapter_of(folder)).keys()


def test_a_peft_folder_of_another_tool_is_a_start_too(trained: Path) -> None:
    new_pairs(trained)
    copy = Path(shutil.copytree(adapter_of(trained), trained / "theirs"))
    (copy / adapter.SIDECAR).unlink()
    config = json.loads((copy / adapter.CONFIG).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = "../base"
    (copy / adapter.CONFIG).write_text(json.dumps(config), encoding="utf-8")
    fit(copy, continued(trained, start="theirs"), hashes(trained))


def test_the_weights_of_the_start_are_part_of_the_hash(trained: Path) -> None:
    new_pairs(trained)
    copy = Path(shutil.copytree(adapter_of(trained), trained / "copy"))
    recipe = continued(trained, start="copy")
    first = recipe.fingerprint(hashes(trained))
    moved = Path(shutil.move(copy, trained / "elsewhere"))
    assert continued(trained, start="elsewhere").fingerprint(hashes(trained)) == first
    changed = {name: each + 1 for name, each in weights(moved).items()}
    save_file(changed, moved / adapter.WEIGHTS)
    assert continued(trained, start="elsewhere").fingerprint(hashes(trained)) != first
    # A recipe without the key has the hash that it always had.
    assert project.recipe_of(trained).fingerprint(hashes(trained)) == adapter_of(trained).name


def test_a_start_recipe_that_changes_changes_the_hash(trained: Path) -> None:
    new_pairs(trained)
    first = continued(trained).fingerprint(hashes(trained))
    (trained / "tiny.yaml").write_text(project.RECIPE + "seed: 4\n", encoding="utf-8")
    assert continued(trained).fingerprint(hashes(trained)) != first


# Of 12 new pairs and r old ones, r / (12 + r) is the share: 3 for 0.2, 12 for 0.5.
@pytest.mark.parametrize(("share", "expected"), [(0.2, 3), (0.5, 12), (0.99, 40)])
def test_the_share_of_old_pairs(trained: Path, share: float, expected: int) -> None:
    new_pairs(trained)
    recipe = continued(trained, f"replay: {{data: pairs.jsonl, share: {share}}}\n")
    ids = [pair.id for pair in data_of(recipe).pairs]
    assert ids[:12] == [f"n{i}" for i in range(12)]
    old = ids[12:]
    assert len(old) == len(set(old)) == expected
    assert all(name.startswith("t") for name in old)
    other = [pair.id for pair in data_of(recipe.with_seed(5)).pairs][12:]
    assert (set(other) == set(old)) == (expected == 40)


def test_an_old_pair_that_is_among_the_new_ones_is_not_replayed(trained: Path) -> None:
    new_pairs(trained)
    recipe = continued(trained, "replay: {data: pairs.jsonl, share: 0.9}\n")
    old = load([trained / "pairs.jsonl"])
    new = PreferenceData(pairs=old.pairs[:30])
    both = with_replay(new, old, recipe)
    assert [pair.id for pair in both.pairs] == [pair.id for pair in old.pairs]


def test_the_replay_is_part_of_the_hash_and_of_the_record(trained: Path) -> None:
    new_pairs(trained)
    plain = continued(trained).fingerprint(hashes(trained))
    recipe = continued(trained, "replay: {data: pairs.jsonl, share: 0.2}\n")
    assert recipe.fingerprint(hashes(trained)) != plain
    settings = recipe.settings(hashes(trained))
    assert settings["replay.share"] == 0.2
    assert settings["replay.data"][0].startswith("pairs.jsonl (")
    assert settings["from"].startswith("tiny.yaml (")
    found = source(trained)
    found.train()
    assert found.training is not None
    assert (found.training.pairs, found.training.replayed) == (15, 3)


def test_replay_without_a_start_is_an_error_with_its_place(trained: Path) -> None:
    text = project.RECIPE + "replay: {data: pairs.jsonl, share: 0.2}\n"
    (trained / "more.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ProblemsFound, match=r"^more\.yaml:8:9: recipe: replay is for a training"):
        load_recipe("more.yaml", trained)


def test_what_has_a_teacher_is_not_replayed_and_not_trained_first(trained: Path) -> None:
    new_pairs(trained)
    taught = "replay: {data: pairs.jsonl, share: 0.2}\ndistil: {teacher: recipe:tiny.yaml}\n"
    with pytest.raises(ProblemsFound, match=r"^more\.yaml:9:9: recipe: replay does not go with di"):
        continued(trained, taught)
    other = project.RECIPE + "distil: {teacher: recipe:tiny}\n"
    (trained / "pupil.yaml").write_text(other, encoding="utf-8")
    with pytest.raises(ProblemsFound, match=r"from: pupil\.yaml: is trained with a teacher; train"):
        continued(trained, start="pupil.yaml")


@pytest.mark.parametrize(("share", "place"), [("0", "8:36"), ("1", "8:36"), ("-0.1", "8:36")])
def test_a_share_is_between_0_and_1(trained: Path, share: str, place: str) -> None:
    text = project.RECIPE + f"replay: {{data: pairs.jsonl, share: {share}}}\nfrom: tiny.yaml\n"
    (trained / "more.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ProblemsFound, match=rf"more\.yaml:{place}: .*share"):
        load_recipe("more.yaml", trained)


def refused(folder: Path, **change: str) -> str:
    recipe = continued(folder, start=f"cache/adapters/{adapter_of(folder).name}", **change)
    with pytest.raises(SourceError) as error:
        fit(adapter_of(folder), recipe, hashes(folder))
    return str(error.value)


def test_another_base_and_another_shape_are_refused_together(trained: Path) -> None:
    new_pairs(trained)
    project.base(trained / "other", seed=1)
    said = refused(
        trained, base="other", lora="{r: 8, alpha: 8, targets: [c_attn]}", pooling="mean"
    )
    assert "base: expected " in said
    assert "lora: expected {r: 8, alpha: 8}, got {r: 4, alpha: 8}" in said
    assert "pooling: expected mean, got last" in said
    assert "name another adapter" in said


def test_other_layers_are_refused_by_name(trained: Path) -> None:
    new_pairs(trained)
    continued(trained, lora="{r: 4, alpha: 8, targets: [c_fc]}")
    with pytest.raises(
        SourceError, match=r"other weights than this recipe trains: it lacks .*c_fc"
    ):
        source(trained).train()


def test_a_damaged_start_is_refused(trained: Path) -> None:
    new_pairs(trained)
    file = adapter_of(trained) / adapter.WEIGHTS
    file.write_bytes(file.read_bytes()[:-1])
    said = refused(trained)
    assert "damaged, truncated or replaced" in said


def test_a_start_that_is_not_there_is_an_error_with_the_nearest_name(trained: Path) -> None:
    new_pairs(trained)
    with pytest.raises(ProblemsFound, match=r"^more\.yaml:8:7: recipe: from: 'tinny': .*'tiny"):
        continued(trained, start="tinny")
    with pytest.raises(ProblemsFound, match=r"from: base: not an adapter: it has no adapter_con"):
        continued(trained, start="base")
    with pytest.raises(ProblemsFound, match=r"neither the folder of an adapter nor .* looked for"):
        continued(trained, start="nowhere/adapter")


def test_a_circle_is_an_error(trained: Path) -> None:
    new_pairs(trained)
    with pytest.raises(ProblemsFound, match=r"from: goes in a circle: more\.yaml from more\.yaml"):
        continued(trained, start="more.yaml")
    (trained / "tiny.yaml").write_text(project.RECIPE + "from: more.yaml\n", encoding="utf-8")
    with pytest.raises(ProblemsFound, match=r"^tiny\.yaml:8:7: .* more\.yaml from tiny\.yaml fr"):
        continued(trained, start="tiny.yaml")


SUITE = """rmcheck: 1
name: rain
data: ../pairs.jsonl
checks:
  - {check: win_rate, min: 0.1}
"""


@pytest.fixture
def inside(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is the trained project, whose cache is where the command looks."""
    ini = "[pytest]\nrm_cache = cache\nrm_device = cpu\n"
    (trained / "pytest.ini").write_text(ini, encoding="utf-8")
    monkeypatch.chdir(trained)
    new_pairs(trained)
    return trained


def command(*arguments: str) -> int:
    return main(["train", "tiny.yaml", *arguments])


def test_the_command_writes_trains_and_compares(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (inside / "suites").mkdir()
    (inside / "suites" / "s.yaml").write_text(SUITE, encoding="utf-8")
    start = adapter_of(inside)
    code = command(
        "--from", f"cache/adapters/{start.name}", "--data", "new.jsonl", "--replay", "0.2"
    )
    said, errors = capsys.readouterr()
    written = inside / "recipes" / "tiny-continued.yaml"
    recipe = load_recipe("recipes/tiny-continued.yaml", inside)
    assert recipe.start is not None
    assert recipe.start.name == f"../cache/adapters/{start.name}"
    assert recipe.data == ("../new.jsonl",)
    assert recipe.replay is not None
    assert (recipe.replay.data, recipe.replay.share) == (("../pairs.jsonl",), 0.2)
    assert recipe.base_files().folder == (inside / "base").resolve()
    assert written.read_text(encoding="utf-8").startswith("# Written by rmcheck train --from.\n")
    assert "3 old examples replayed among the new ones" in said
    compare = f"rmcheck compare recipe:recipes/tiny-continued.yaml hf:cache/adapters/{start.name}"
    assert f"compared with the start: {compare}" in said
    assert "rain" in said.partition(compare)[2], errors
    assert code in (0, 1)
    # The gate reads the same recipe, and need not train again.
    again = source(inside, "recipes/tiny-continued.yaml")
    assert adapter.is_complete(again.adapter)


def test_a_start_by_its_name_in_the_cache_and_no_suites(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--from", adapter_of(inside).name, "--data", "new.jsonl", "-o", "r.yaml") == 0
    said = capsys.readouterr().out
    assert "no suites in suites" in said
    assert load_recipe("r.yaml", inside).replay is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "new.jsonl"], "--data is for --from ADAPTER, which is missing"),
        (["--from", "tiny.yaml"], "--from needs --data NEW"),
        (["--from", "base", "--data", "new.jsonl"], "--from base: not an adapter"),
        (["--from", "nowhere", "--data", "new.jsonl"], "--from nowhere: no folder of that name"),
        (["--from", "tiny.yaml", "--data", "none.jsonl"], "--data: no file matches 'none.jsonl'"),
        (["--from", "tiny.yaml", "--data", "empty.jsonl"], "empty.jsonl"),
        (["--from", "tiny.yaml", "--data", "new.jsonl", "--seeds", "2"], "--seeds does not go"),
        (["--from", "tiny.yaml", "--data", "new.jsonl", "-o", "tiny.yaml"], "is the recipe itself"),
        (["--from", "tiny.yaml", "--data", "new.jsonl", "-o", "x.txt"], "ends in .yaml"),
    ],
)
def test_mistakes_of_the_command(
    inside: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (inside / "empty.jsonl").write_text("", encoding="utf-8")
    assert command(*arguments) == 4
    assert said in capsys.readouterr().err
    assert not (inside / "recipes").exists() or not list((inside / "recipes").iterdir())


def test_a_share_of_the_command_is_between_0_and_1(
    inside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command("--from", "tiny.yaml", "--data", "new.jsonl", "--replay", "1.5")
    assert "expected a number above 0 and below 1" in capsys.readouterr().err
