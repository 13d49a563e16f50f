"""Sweep files: what they may say, and mistakes at their places."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmcheck.errors import ProblemsFound, UsageError
from rmcheck.training.sweep_file import SearchRange, load_sweep, varied_keys, with_keys

RECIPE = "recipe: 1\nbase: base\ndata: one.jsonl\ntraining: {epochs: 2}\n"
HEAD = "sweep: 1\nrecipe: mine.yaml\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def told(folder: Path, text: str) -> list[str]:
    (folder / "sweep.yaml").write_text(text)
    with pytest.raises(ProblemsFound) as caught:
        load_sweep(folder / "sweep.yaml", folder)
    return str(caught.value).splitlines()


def test_a_sweep_and_the_recipes_it_stands_for(folder: Path) -> None:
    (folder / "sweep.yaml").write_text(
        HEAD + "keys:\n  training.learning_rate: {low: 1e-5, high: 1.0e-3, log: true}\n"
        "  training.batch_size: {low: 4, high: 16}\n  lora.targets: [[c_attn], null]\n"
    )
    sweep = load_sweep(folder / "sweep.yaml", folder)
    assert (sweep.search, sweep.runs, sweep.folds, sweep.seed) == ("random", 20, 5, 0)
    rate, size = sweep.space["training.learning_rate"], sweep.space["training.batch_size"]
    assert isinstance(rate, SearchRange)
    assert isinstance(size, SearchRange)
    assert (rate.low, rate.whole, size.whole) == (1e-5, False, True)
    varied = sweep.varied({"training.batch_size": 7, "lora.targets": ["c_attn"], "seed": 3})
    # What the recipe says itself stays, and so does what the sweep does not name.
    assert (varied.optimisation.batch_size, varied.optimisation.epochs) == (7, 2)
    assert (varied.lora.targets, varied.lora.r, varied.seed) == (("c_attn",), 16, 3)
    assert sweep.varied({}) == sweep.recipe
    assert sweep.values["training"] == {"epochs": 2}


def test_keys_are_changed_in_a_copy() -> None:
    given = {"lora": {"r": 4}, "seed": 1}
    changed = with_keys(given, {"lora.r": 8, "training.epochs": 1, "seed": 2})
    assert changed == {"lora": {"r": 8}, "seed": 2, "training": {"epochs": 1}}
    assert given == {"lora": {"r": 4}, "seed": 1}
    assert {"lora.r", "training.epochs", "label_noise.rate", "loss", "base"} <= set(varied_keys())
    assert not {"data", "folds", "name", "lora"} & set(varied_keys())


def test_values_are_those_that_a_recipe_allows_each_at_its_place(folder: Path) -> None:
    text = (
        f"{HEAD}keys:\n  lora.r: [8, 0]\n  los: [hinge]\n  loss: [hinge, hing]\n"
        "  training.epochs: {low: -1, high: 2}\n  training.batch_size: [4, yes]\n"
    )
    found = told(folder, text)
    expected = [
        ("4:15", "keys: lora.r=0 is too small: at least 1"),
        ("5:3", "keys: unknown key 'los' of a recipe, did you mean 'loss'?"),
        ("6:17", "keys: loss='hing': did you mean 'hinge'?"),
        ("7:26", "keys: training.epochs=-1 is too small: more than 0"),
        ("8:28", "keys: training.batch_size: expected a number, got true"),
    ]
    for line, (place, message) in zip(found, expected, strict=True):
        assert line.startswith(f"sweep.yaml:{place}: {message}")


@pytest.mark.parametrize(
    ("rest", "place", "said"),
    [
        ("keys: {lora.r: {low: 1, high: 1}}", "3:16", "keys.lora.r: expected low < high, got 1"),
        ("keys: {margin: {low: 0, high: 1, log: true}}", "3:22", "log needs low > 0, got 0"),
        ("search: grid\nkeys: {lora.r: {low: 1, high: 4}}", "4:16", "a grid needs a list"),
        ("search: grid\nruns: 3\nkeys: {lora.r: [1, 2], seed: [1, 2]}", "4:1", "all 4 comb"),
        ("keys: {}", "3:7", "keys"),
        ("keys: {lora.r: [1, 2, 1]}", "3:23", "keys.lora.r: 1 is given twice; remove one"),
        ("keys: {lora.r: []}", "3:16", "the list is empty"),
        ("serach: grid\nkeys: {lora.r: [1]}", "3:1", "did you mean 'search'?"),
        ("keys: {lora.r: {low: 1, hihg: 4}}", "3:16", "the key 'high' is missing"),
        ("folds: 2\nkeys: {lora.r: [1]}", "3:8", "folds=2 is too small: at least 3"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together(folder: Path, rest: str, place: str, said: str) -> None:
    line, *others = told(folder, f"{HEAD}{rest}\n")
    assert all("unknown key 'hihg', did you mean 'high'?" in each for each in others)
    assert line.startswith(f"sweep.yaml:{place}: ")
    assert said in line


def test_files_of_another_kind(folder: Path) -> None:
    assert "expected a sweep file, got a recipe; train it with" in told(folder, RECIPE)[0]
    assert "expected a mapping of keys" in told(folder, "- 1\n")[0]
    (folder / "mine.yaml").write_text(RECIPE + "folds: {of: 3, without: 1}\n")
    (line,) = told(folder, f"{HEAD}keys: {{seed: [1]}}\n")
    assert line.startswith("sweep.yaml:2:9: recipe: it has the key 'folds'")
    (folder / "sweep.yaml").write_text("sweep: 1\nrecipe: tniy\nkeys: {seed: [1]}\n")
    with pytest.raises(UsageError, match="unknown recipe, did you mean 'tiny'"):
        load_sweep(folder / "sweep.yaml", folder)


@pytest.mark.parametrize(
    ("keys", "place", "said"),
    [
        ("  loss: [hinge, regression]\n  margin: [0.0, 0.5]\n", "5:3",
         "loss: regression, margin: 0.5: margin=0.5 has no effect on loss 'regression'; remove"),
        ("  early_stopping: [null, {patience: 2}]\n  seed: [1]\n  held_out: [0.1, 0.0]\n", "6:3",
         "early_stopping: {'patience': 2}, held_out: 0.0: early_stopping needs held-out pairs"),
        ("  margin: [0.5]\n  seed: [1, 2]\n  loss: [contrastive]\n", "6:3", "margin=0.5 has no"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("search", ["grid", "random", "tpe"])
def test_values_that_do_not_go_together_are_told_before_anything_is_trained(
    folder: Path, keys: str, place: str, said: str, search: str
) -> None:
    (line,) = told(folder, f"{HEAD}search: {search}\nkeys:\n{keys}")
    row, _, column = place.partition(":")
    assert line.startswith(f"sweep.yaml:{int(row) + 1}:{column}: keys: ")
    assert said in line


def test_a_value_that_does_not_go_with_the_recipe_is_told(folder: Path) -> None:
    (folder / "mine.yaml").write_text(f"{RECIPE}margin: 0.5\n")
    (line,) = told(folder, f"{HEAD}keys:\n  loss: [hinge, regression]\n")
    assert line.startswith("sweep.yaml:4:3: keys: loss: regression: margin=0.5 has no effect")


def test_whole_numbers_have_ends_without_a_point(folder: Path) -> None:
    (line,) = told(folder, f"{HEAD}keys:\n  lora.r: {{low: 4.0, high: 32.0}}\n")
    assert line == (
        "sweep.yaml:4:11: keys.lora.r: takes whole numbers, and 4.0 to 32.0 has others; write both "
        "ends without a decimal point"
    )


def test_the_number_of_processes_is_not_varied(folder: Path) -> None:
    (line,) = told(folder, f"{HEAD}keys:\n  training.processes: [1, 2]\n")
    assert "keys: unknown key 'training.processes' of a recipe" in line
