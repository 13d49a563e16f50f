"""The core without extras: a gate on scores needs no model, and what needs one says so."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
from environments import ROOT, installed, link_core, packages_of, run
from packaging.requirements import Requirement
from plugin.projects import Row, jsonl, pairs, scores

from rmcheck.extras import EXTRAS, GGUF, MODELS

pytestmark = pytest.mark.ci

REMEDY = "pip install 'rmcheck[models]'"
SUITE = """\
rmcheck: 1
name: chat
data: chat.jsonl
checks:
  - {check: win_rate, min: 0.6}
  - {check: scale_invariance}
  - {check: no_regression}
"""

Said = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has rmcheck and what it requires without extras."""
    found = installed(wheel, tmp_path_factory.mktemp("light"))
    link_core(found)
    return found


def project_in(folder: Path) -> list[Row]:
    """A suite over 60 pairs, of which the score file has 50 right; gives the pairs."""
    rows = pairs(60, wrong=range(10))
    (folder / "suites").mkdir(parents=True)
    (folder / "suites/chat.yaml").write_text(SUITE, encoding="utf-8")
    (folder / "suites/chat.jsonl").write_text(jsonl(rows), encoding="utf-8")
    (folder / "scores.jsonl").write_text(jsonl(scores(rows)), encoding="utf-8")
    return rows


def gate(python: Path, folder: Path, source: str = "scores:scores.jsonl") -> Said:
    return run(python, "-m", "pytest", "suites/", "--rm", source, folder=folder)


@pytest.fixture(scope="module")
def blessed(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a baseline and a second run against it."""
    folder = tmp_path_factory.mktemp("project")
    project_in(folder)
    said = gate(python, folder)
    assert said.returncode == 0, said.stdout
    assert "2 passed, 1 skipped" in said.stdout
    said = run(python.with_name("rmcheck"), "bless", folder=folder)
    assert said.returncode == 0, said.stderr
    said = gate(python, folder)
    assert said.returncode == 0, said.stdout
    assert "3 passed" in said.stdout
    return folder


@pytest.fixture
def project(blessed: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(blessed, tmp_path / "project"))


def test_the_extras_bring_what_the_code_outside_of_the_core_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {
        extra: [Requirement(text).name for text in texts]
        for extra, texts in project["optional-dependencies"].items()
    }
    assert sorted(named[MODELS]) == sorted(EXTRAS[MODELS])
    assert named[GGUF] == ["rmcheck", *EXTRAS[GGUF]]
    core = {Requirement(text).name for text in project["dependencies"]}
    assert not core & {name for packages in EXTRAS.values() for name in packages}


LOOKS = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""


def test_no_package_of_an_extra_can_be_imported(python: Path, tmp_path: Path) -> None:
    names = [name for packages in EXTRAS.values() for name in packages]
    said = run(python, "-c", LOOKS, *names, "numpy", "rmcheck", folder=tmp_path)
    assert json.loads(said.stdout) == ["numpy", "rmcheck"]
    # The test environment has them, so that it is this folder that lacks them.
    here = run(sys.executable, "-c", LOOKS, "torch", "transformers", folder=tmp_path)
    assert json.loads(here.stdout) == ["torch", "transformers"]


def test_a_worse_score_file_goes_red_against_the_baseline(python: Path, project: Path) -> None:
    # Ten pairs are wrong already; with the scores of 30 others exchanged, 20 of 60 are right.
    rows = [
        {**row, "chosen": row["rejected"], "rejected": row["chosen"]} if 10 <= place < 40 else row
        for place, row in enumerate(scores(pairs(60, wrong=range(10))))
    ]
    (project / "worse.jsonl").write_text(jsonl(rows), encoding="utf-8")
    said = gate(python, project, "scores:worse.jsonl")
    assert said.returncode == 1, said.stdout
    record = json.loads((project / "reports/latest/results.json").read_text())
    found = {check["id"]: check for check in record["suites"][0]["checks"]}
    assert found["chat::no_regression"]["state"] == "regressed"
    assert found["chat::win_rate"]["estimate"]["value"] == 20 / 60
    assert record["environment"]["torch"] is None


CALLS = """
import contextlib, io, json, sys
from rmcheck.cli import main
told = {}
for name, words in json.loads(sys.argv[1]).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main(words)
        except SystemExit as ended:
            code = ended.code
    told[name] = [code or 0, out.getvalue(), err.getvalue()]
print(json.dumps(told))
"""
"""Runs commands in one process: starting one for each would take a minute."""


def called(
    python: Path, folder: Path, commands: Mapping[str, tuple[list[str], str]]
) -> dict[str, tuple[int, str, str]]:
    """Exit code, output and errors of each command, run in `folder`."""
    words = {name: words for name, (words, _) in commands.items()}
    said = run(python, "-c", CALLS, json.dumps(words), folder=folder, timeout=300)
    assert said.returncode == 0, said.stderr
    assert said.stderr == ""
    return {name: tuple(told) for name, told in json.loads(said.stdout).items()}


WORKING = {
    "help": (["--help"], "pytest for reward models"),
    "list": (["list"], "win_rate"),
    "schema": (["schema"], '"$schema"'),
    "recipe schema": (["schema", "recipe"], '"lora"'),
    "lint": (["lint", "suites/chat.yaml"], "60 pairs"),
    "compare": (["compare", "main", "scores:scores.jsonl"], "chat"),
    "report": (["report"], "index.html"),
    "selftest": (["selftest", "--runs", "20"], "equal models"),
    "score": (["score", "suites/chat.jsonl", "-o", "o.jsonl", "--rm", "scores:scores.jsonl"], "60"),
    "bless": (["bless", "again"], "again"),
    "new": (["new", "cooking"], "suites/cooking.yaml"),
    "cache": (["cache"], ".rmcheck"),
    "init": (["init", "begun"], f"{REMEDY}  brings torch, transformers, peft and 6 more"),
}


def test_commands_that_need_no_model_work(python: Path, project: Path) -> None:
    found = called(python, project, WORKING)
    assert {name: code for name, (code, _, _) in found.items()} == dict.fromkeys(WORKING, 0)
    for name, (_, told) in WORKING.items():
        _, out, err = found[name]
        assert told in out, name
        assert "Traceback" not in err, name


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_tables_are_read_as_data_and_as_scores(python: Path, tmp_path: Path, ending: str) -> None:
    rows = project_in(tmp_path)
    data = pd.DataFrame(rows).assign(tags=[";".join(row["tags"]) for row in rows])
    found = pd.DataFrame(scores(rows))
    if ending == "csv":
        data.to_csv(tmp_path / "suites/chat.csv", index=False)
        found.to_csv(tmp_path / "scores.csv", index=False)
    else:
        data.to_parquet(tmp_path / "suites/chat.parquet")
        found.to_parquet(tmp_path / "scores.parquet")
    text = SUITE.replace("chat.jsonl", f"chat.{ending}")
    (tmp_path / "suites/chat.yaml").write_text(text, encoding="utf-8")
    said = gate(python, tmp_path, f"scores:scores.{ending}")
    assert "2 passed, 1 skipped" in said.stdout, said.stdout
    record = json.loads((tmp_path / "reports/latest/results.json").read_text())
    assert record["suites"][0]["checks"][0]["estimate"]["value"] == 50 / 60


PACKAGES = "packages that are not installed (torch, transformers, peft and 6 more)"
REFUSED = {
    "train": (["train", "tiny"], "recipe:tiny needs"),
    "score": (["score", "suites/chat.jsonl", "-o", "o.jsonl"], "recipe:tiny needs"),
    "try": (["try", "a", "b", "c", "--rm", "hf:model"], "hf:model needs"),
    "hub": (["try", "a", "b", "c", "--rm", "hf:some/model"], "a model on the hub needs"),
    "commit": (["try", "a", "b", "c", "--rm", f"hf:some/model@{'0a' * 20}"], "0a0a needs"),
    "compare": (["compare", "main", "hf:model"], "hf:model needs"),
    "gguf": (["try", "a", "b", "c", "--rm", "recipe:packed.yaml"], "recipe:packed.yaml needs"),
}


def test_a_command_that_needs_a_model_names_the_one_that_brings_it(
    python: Path, project: Path
) -> None:
    _with_model(project)
    found = called(python, project, REFUSED)
    assert {name: code for name, (code, _, _) in found.items()} == dict.fromkeys(REFUSED, 4)
    for name, (_, subject) in REFUSED.items():
        _, out, err = found[name]
        assert out == "", name
        (line,) = err.splitlines()
        assert f"{subject} {PACKAGES}; install them: {REMEDY}" in line, name
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    assert f"```text\n{found['train'][2]}```\n" in page


def test_a_served_model_needs_an_extra_of_its_own(python: Path, project: Path) -> None:
    spec = "http://127.0.0.1:9,profile=tei"
    found = called(python, project, {"try": (["try", "a", "b", "c", "--rm", spec], "")})
    code, out, err = found["try"]
    assert (code, out) == (4, "")
    told = "needs packages that are not installed (pycurl); install them:"
    assert err == f"rmcheck try: {spec} {told} pip install 'rmcheck[http]'\n"


def _with_model(folder: Path) -> None:
    """A folder that looks like a model's, and a recipe for it."""
    (folder / "model").mkdir()
    (folder / "model/config.json").write_text("{}", encoding="utf-8")
    (folder / "model/a.gguf").write_bytes(b"GGUF")
    recipe = "recipe: 1\nbase: model\ngguf_file: a.gguf\ndata: suites/chat.jsonl\n"
    (folder / "packed.yaml").write_text(recipe, encoding="utf-8")


@pytest.mark.parametrize("source", ["recipe:tiny", "hf:model"])
def test_a_gate_that_needs_a_model_says_so_once(python: Path, project: Path, source: str) -> None:
    _with_model(project)
    said = gate(python, project, source)
    assert said.returncode == 1
    assert "3 errors" in said.stdout
    assert "Traceback" not in said.stdout + said.stderr
    errors = said.stdout.partition("= ERRORS =")[2].partition("= reward model")[0]
    assert errors.count(f"{source} needs {PACKAGES}; install them: {REMEDY}") == 1
    assert errors.count(f"{source} needs rmcheck[models], which is not installed") == 2


def test_a_data_set_of_a_hub_is_a_mistake_at_its_line(python: Path, tmp_path: Path) -> None:
    project_in(tmp_path)
    text = SUITE.replace("data: chat.jsonl", "data: {dataset: some/pairs}")
    (tmp_path / "suites/chat.yaml").write_text(text, encoding="utf-8")
    said = gate(python, tmp_path)
    assert said.returncode == 2
    assert f"suites/chat.yaml:3:7: data set 'some/pairs' needs {PACKAGES}" in said.stdout
    assert "Traceback" not in said.stdout


@pytest.mark.slow
def test_the_wheel_alone_from_an_index_decides_a_gate(wheel: Path, tmp_path: Path) -> None:
    """What a user does: a new environment, `pip install`, a gate on scores."""
    environment = tmp_path / "environment"
    assert run(sys.executable, "-m", "venv", environment, folder=tmp_path).returncode == 0
    python = environment / "bin/python"
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    pinned = ("-c", ROOT / "constraints.txt", wheel)
    said = run(*pip, "install", "-q", *pinned, folder=tmp_path, timeout=900)
    assert said.returncode == 0, said.stderr
    listed = json.loads(run(*pip, "list", "--format", "json", folder=tmp_path).stdout)
    names = {entry["name"].replace("-", "_") for entry in listed}
    assert "rmcheck" in names
    assert not names & {name for packages in EXTRAS.values() for name in packages}
    assert not (packages_of(python) / "torch").exists()
    project_in(tmp_path / "project")
    said = gate(python, tmp_path / "project")
    assert said.returncode == 0, said.stdout
    assert "2 passed, 1 skipped" in said.stdout
    record = json.loads((tmp_path / "project/reports/latest/results.json").read_text())
    assert record["outcome"] == "pass"
    assert record["suites"][0]["checks"][0]["estimate"]["value"] == 50 / 60
