"""The plugin costs nobody anything: what is imported, and when."""

from __future__ import annotations

import ast
import gc
import json
import weakref

import pytest

from rmcheck.cache.store import ScoreStore
from rmcheck.data import preferences
from rmcheck.engine import Settings
from rmcheck.plugin.heap import SELDOM, seldom
from rmcheck.plugin.heap import usual as back
from rmcheck.record.run import TrainingRecord
from rmcheck.sources.recipe import create
from rmcheck.training.adapter import SIDECAR, Sidecar, sealed

from .projects import Project, jsonl, pairs, score_of, scores, text_of

TORCH = {"torch", "transformers", "peft", "trl", "datasets"}
HEAVY = TORCH | {"pandas", "scipy", "hypothesis", "numpy", "pydantic", "yaml", "jinja2"}

# Hypothesis' own plugin imports Hypothesis at the end of every run; here it is left out.
QUIET = ("-p", "no:hypothesispytest", "-p", "listing")

LISTS_MODULES = """
import json, sys

def pytest_unconfigure():
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def modules(project: Project) -> set[str]:
    """What the last run imported."""
    return set(json.loads((project.root / "modules.json").read_text(encoding="utf-8")))


def test_a_run_without_suites_imports_nothing_heavy(project: Project) -> None:
    project.write("listing.py", LISTS_MODULES)
    project.write("test_plain.py", "def test_plain(): pass\n")
    project.write("settings.yaml", "checks: {}\n")
    project.write("suites/compose.yaml", "services: {}\n")
    result = project.subprocess(*QUIET)
    result.assert_outcomes(passed=1)
    seen = modules(project)
    assert "rmcheck.plugin" in seen
    # The YAML parser had to say that the file below suites/ is not a suite.
    assert not seen & (HEAVY - {"yaml"})
    ours = {name for name in seen if name.startswith("rmcheck.")}
    light = {
        f"rmcheck.plugin.{name}"
        for name in (
            "asked",
            "controller",
            "heap",
            "hooks",
            "interrupt",
            "keys",
            "pytest_compat",
            "scope",
            "silence",
            "unforked",
        )
    }
    yaml = {f"rmcheck.documents{name}" for name in ("", ".finding", ".recognise", ".regular")}
    assert ours == {"rmcheck.plugin", *light, *yaml}
    assert not (project.root / "reports").exists()
    assert not (project.root / ".rmcheck").exists()
    assert "reward model" not in text_of(result)


def test_a_run_without_a_folder_of_suites_imports_no_parser(project: Project) -> None:
    project.write("listing.py", LISTS_MODULES)
    project.write("test_plain.py", "def test_plain(): pass\n")
    project.write("settings.yaml", "checks: {}\n")
    project.subprocess(*QUIET).assert_outcomes(passed=1)
    seen = modules(project)
    assert not seen & (HEAVY | {"rmcheck.documents.recognise"})


def test_collecting_suites_imports_no_torch(project: Project) -> None:
    project.write("listing.py", LISTS_MODULES)
    project.suite("chat", "win_rate", "label_noise", "scale_invariance", rows=pairs())
    result = project.subprocess(*QUIET, "--collect-only", "-q", "--rm", "recipe:tiny")
    assert result.ret == 0
    assert not modules(project) & (TORCH | {"pandas", "scipy", "hypothesis"})


@pytest.fixture
def trained(project: Project) -> Project:
    """A recipe whose adapter and scores are there, as a first run leaves them."""
    project.write("base/config.json", "{}")
    project.write("base/model.safetensors", "weights")
    rows = pairs(30)
    project.suite("chat", "win_rate", "score_gap", "no_regression", rows=rows)
    project.write("mine.yaml", "recipe: 1\nbase: base\ndata: data/chat.jsonl\n")
    settings = Settings.below(project.root)
    source = create("mine.yaml", settings.options)
    source.adapter.mkdir(parents=True)
    training = TrainingRecord(
        recipe="mine", fingerprint=source.adapter.name, pairs=30, truncated=0, steps=3, seconds=1.0
    )
    sidecar = Sidecar(recipe="mine", fingerprint=source.adapter.name, training=training)
    (source.adapter / "adapter_config.json").write_text("{}")
    (source.adapter / SIDECAR).write_text(sealed(source.adapter, sidecar).model_dump_json())
    data = preferences.load([project.root / "data/chat.jsonl"])
    sides = [side for pair in data.pairs for side in pair.dialogues()]
    store = ScoreStore(settings.cache)
    store.put(source.fingerprint, {side.hash: score_of(side.response) for side in sides})
    store.close()
    return project


@pytest.mark.ci
def test_a_fully_cached_run_imports_no_torch(trained: Project) -> None:
    trained.write("listing.py", LISTS_MODULES)
    result = trained.subprocess("-p", "listing", "--rm", "recipe:mine.yaml")
    result.assert_outcomes(passed=2, skipped=1)
    assert not modules(trained) & TORCH
    record = trained.record()
    scoring = record["scoring"]
    assert (scoring["needed"], scoring["cached"], scoring["computed"]) == (60, 60, 0)
    assert record["environment"]["torch"] is None
    assert [entry["steps"] for entry in record["training"]] == [3]
    assert trained.checks()["chat::win_rate"]["estimate"]["value"] == 1.0
    # The cache is by content: another base model is another reward model.
    trained.write("base/model.safetensors", "other weights")
    assert create("mine.yaml", Settings.below(trained.root).options).training is None


NOTES_THRESHOLDS = """
import gc, pytest

seen = {}

def pytest_configure(config):
    seen["first"] = gc.get_threshold()

@pytest.hookimpl(trylast=True)
def pytest_itemcollected(item):
    seen["collecting"] = gc.get_threshold()

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    seen["running"] = gc.get_threshold()

def pytest_terminal_summary():
    seen["reported"] = gc.get_threshold()

@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    seen["last"] = gc.get_threshold()
    print("thresholds:", seen)
"""


@pytest.mark.ci
@pytest.mark.parametrize("suites", [True, False])
def test_garbage_is_searched_for_seldom_only_while_nothing_is_computed(
    project: Project, suites: bool
) -> None:
    rows = pairs(30)
    project.suite("chat", "win_rate", rows=rows)
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.write("noting.py", NOTES_THRESHOLDS)
    project.write("test_plain.py", "def test_plain(): pass\n")
    asked = "suites" if suites else "test_plain.py"
    result = project.subprocess("-p", "noting", "--rm", "scores:scores.jsonl", asked)
    assert result.ret == 0
    (line,) = (line for line in result.outlines if line.startswith("thresholds:"))
    seen = ast.literal_eval(line.partition(": ")[2])
    usual = seen["first"]
    assert usual != SELDOM
    while_reading = SELDOM if suites else usual
    assert seen == {
        "first": usual,
        "collecting": while_reading,
        "running": usual,
        "reported": while_reading,
        "last": usual,
    }


def test_a_collector_that_is_off_stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = gc.get_threshold()
    try:
        gc.set_threshold(0)
        seldom()
        assert gc.get_threshold()[0] == 0
        gc.set_threshold(*usual)
        seldom()
        seldom()
        assert gc.get_threshold() == SELDOM
        back()
        back()
        assert gc.get_threshold() == usual
    finally:
        back()
        gc.set_threshold(*usual)


class Knot:
    """Garbage that only a search finds."""

    def __init__(self) -> None:
        self.me = self


def test_what_was_read_is_not_searched_when_reading_ends() -> None:
    before = gc.get_threshold()
    searched: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        searched.append(info["generation"])

    gc.unfreeze()  # what a session of another test in this process may have left
    gc.collect()
    gc.callbacks.append(note)
    try:
        seldom()
        kept = [[number] for number in range(50_000)]
        knot = weakref.ref(Knot())
        back()
        more = [[number] for number in range(100)]
        assert searched == []
        assert (len(kept), len(more)) == (50_000, 100)
        assert gc.get_freeze_count() == 0
        assert knot() is not None
        gc.collect()
        assert knot() is None  # it can be found as before
    finally:
        gc.callbacks.remove(note)
        back()
    assert gc.get_threshold() == before


NOTES_HYPOTHESIS = """
import sys

def pytest_runtest_setup(item):
    print("hypothesis:", "hypothesis" in sys.modules)

def pytest_unconfigure(config):
    print("at the end:", "hypothesis" in sys.modules)
"""


@pytest.mark.ci
@pytest.mark.parametrize("plugin", [True, False])
def test_hypothesis_is_imported_early_only_where_its_plugin_imports_it_anyway(
    project: Project, plugin: bool
) -> None:
    """At the end it searches all objects of the report; early there are few to search."""
    rows = pairs(30)
    project.suite("chat", "win_rate", rows=rows)
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.write("noting.py", NOTES_HYPOTHESIS)
    more = () if plugin else ("-p", "no:hypothesispytest")
    result = project.subprocess("-s", "-p", "noting", *more, "--rm", "scores:scores.jsonl")
    assert result.ret == 0
    said = [line for line in result.outlines if "hypothesis:" in line or "at the end:" in line]
    assert [line.split()[-1] for line in said] == [str(plugin)] * 2


COUNTS_GARBAGE = """
import gc

def pytest_configure(config):
    config.add_cleanup(lambda: print("exempt:", gc.get_freeze_count()))
"""


@pytest.mark.ci
def test_what_a_gate_leaves_is_not_searched_for_garbage_when_pytest_ends(project: Project) -> None:
    rows = pairs(30)
    project.suite("chat", "win_rate", rows=rows)
    project.write("scores.jsonl", jsonl(scores(rows)))
    project.write("counting.py", COUNTS_GARBAGE)
    project.write("test_plain.py", "def test_plain(): pass\n")
    counts = []
    for arguments in (
        ("suites",), ("suites", "--collect-only"), ("suites", "test_plain.py"), ("test_plain.py",),
    ):  # fmt: skip
        result = project.subprocess("-p", "counting", "--rm", "scores:scores.jsonl", *arguments)
        assert result.ret == 0
        (line,) = (line for line in result.outlines if "exempt:" in line)
        counts.append(int(line.split()[-1]))
    # pytest looks for errors in the garbage of tests, so theirs stays.
    assert min(counts[:2]) > 10_000
    assert counts[2:] == [0, 0]
