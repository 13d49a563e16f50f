"""The wheel: what is in it, and that it works in an empty folder without the checkout."""

from __future__ import annotations

import json
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from environments import ROOT, installed, packages_of, run
from plugin.projects import jsonl, pairs, scores

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment where the wheel is installed.

    The other packages are borrowed from this environment by a .pth file. An editable install of
    rmcheck there stays unseen: .pth files are not read in folders that a .pth file names.
    """
    found = installed(wheel, tmp_path_factory.mktemp("environment"))
    borrowed = Path(pytest.__file__).resolve().parent.parent
    (packages_of(found) / "borrowed.pth").write_text(f"{borrowed}\n", encoding="utf-8")
    return found


def test_the_wheel_carries_model_recipes_data_and_templates(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    shipped = "rmcheck/shipped_files"
    for name in (
        "rmcheck/plugin/hooks.py",
        f"{shipped}/fixtures/models/tiny-gpt2/config.json",
        f"{shipped}/fixtures/models/tiny-gpt2/model.safetensors",
        f"{shipped}/fixtures/models/tiny-gpt2/tokenizer.json",
        f"{shipped}/fixtures/recipes/tiny.yaml",
        f"{shipped}/fixtures/preferences/conversation.jsonl",
        f"{shipped}/fixtures/preferences/train/conversation.jsonl",
        f"{shipped}/suites/conversation.yaml",
        "rmcheck/scaffold/files/workflow.yml",
        "rmcheck/scaffold/files/gitignore",
    ):
        assert sizes.get(name, 0) > 0, name
    assert "rmcheck/py.typed" in sizes  # type checkers read the annotations of an installed rmcheck
    # All recipes and data of the checkout, every module and template of the package.
    for folder, ending in (("recipes", "*.yaml"), ("preferences", "**/*.jsonl")):
        for path in (ROOT / "fixtures" / folder).glob(ending):
            assert (
                f"{shipped}/fixtures/{folder}/{path.relative_to(ROOT / 'fixtures' / folder)}"
                in sizes
            )
    templates = [
        *(ROOT / "rmcheck/report/page/templates").iterdir(),
        *(ROOT / "rmcheck/remote/judge").glob("*.jinja"),
    ]
    for path in (*(ROOT / "rmcheck").rglob("*.py"), *templates):
        assert path.relative_to(ROOT).as_posix() in sizes
    assert not [name for name in sizes if name.startswith(("tests/", "benchmarks/", "fixtures/"))]
    assert not [name for name in sizes if "__pycache__" in name or name.endswith(".lock")]
    assert wheel.stat().st_size < 15 * MEGABYTE


FINDS = """
import json
from pathlib import Path
import rmcheck
from rmcheck.engine import Settings
from rmcheck.shipped import shipped
from rmcheck.sources import create
recipe = create("recipe:tiny", Settings.below(Path.cwd()).options)
print(json.dumps({
    "package": rmcheck.__file__,
    "model": str(shipped("models", "tiny-gpt2")),
    "there": shipped("models", "tiny-gpt2", "config.json").is_file(),
    "data": [str(path) for path in recipe.recipe.data_files()],
    "fingerprint": recipe.fingerprint,
}))
"""


@pytest.mark.ci
def test_the_installed_package_finds_what_it_ships(python: Path, tmp_path: Path) -> None:
    said = run(python, "-c", FINDS, folder=tmp_path)
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert python.parent.parent in Path(found["package"]).parents
    assert python.parent.parent in Path(found["model"]).parents
    assert found["there"]
    assert len(found["data"]) >= 5
    # The same recipe, model and data as in the checkout: the same reward model.
    here = json.loads(run(sys.executable, "-c", FINDS, folder=tmp_path).stdout)
    assert here["package"] != found["package"]
    assert here["fingerprint"] == found["fingerprint"]


@pytest.mark.ci
def test_a_domain_is_one_yaml_and_one_jsonl(python: Path, tmp_path: Path) -> None:
    rows = pairs(30, wrong=range(6))
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "support.jsonl").write_text(jsonl(rows))
    (tmp_path / "mine.jsonl").write_text(jsonl(scores(rows)))
    (tmp_path / "suites" / "support.yaml").write_text(
        "rmcheck: 1\nname: support\ndata: support.jsonl\nchecks:\n"
        "  - {check: win_rate, min: 0.6}\n  - {check: no_regression}\n"
    )
    gate = (python, "-m", "pytest", "suites/", "--rm", "scores:mine.jsonl")
    said = run(*gate, folder=tmp_path)
    assert said.returncode == 0, said.stdout
    assert "1 passed, 1 skipped" in said.stdout
    record = json.loads((tmp_path / "reports/latest/results.json").read_text())
    assert record["suites"][0]["path"] == "suites/support.yaml"
    assert record["suites"][0]["checks"][0]["estimate"]["value"] == 24 / 30
    assert (tmp_path / "reports/latest/index.html").stat().st_size > 10_000

    script = python.with_name("rmcheck")
    blessed = run(script, "bless", folder=tmp_path)
    assert blessed.returncode == 0, blessed.stderr
    said = run(*gate, folder=tmp_path)
    assert "2 passed" in said.stdout


@pytest.mark.ci
def test_a_project_begins_in_an_empty_folder(python: Path, tmp_path: Path) -> None:
    said = run(python.with_name("rmcheck"), "init", folder=tmp_path)
    assert said.returncode == 0, said.stderr
    assert str(python.parent.parent) not in said.stdout
    collected = run(python, "-m", "pytest", "suites/", "--collect-only", "-q", folder=tmp_path)
    assert collected.returncode == 0, collected.stdout
    assert "suites/overall.yaml::no_regression" in collected.stdout
    assert "11 tests collected" in collected.stdout
    # No file of the project names the place of the installation: it moves with its repository.
    for path in tmp_path.rglob("*"):
        if path.is_file() and ".git" not in path.parts and "__pycache__" not in path.parts:
            assert str(python.parent.parent).encode() not in path.read_bytes(), path


@pytest.mark.slow
def test_from_an_empty_repository_to_a_red_gate(python: Path, tmp_path: Path) -> None:
    """Trains twice: with labels as they are, and with two in five turned around."""
    if shutil.which("git") is None:
        pytest.skip("needs git")

    def git(*arguments: str) -> list[str]:
        return run("git", *arguments, folder=tmp_path).stdout.splitlines()

    gate = (python, "-m", "pytest", "suites/")
    git("init", "--quiet")
    assert run(python.with_name("rmcheck"), "init", folder=tmp_path).returncode == 0
    begun = git("status", "--porcelain", "-uall")
    assert len(begun) == 11

    green = run(*gate, folder=tmp_path, timeout=1200)
    assert green.returncode == 0, green.stdout
    assert "9 passed, 1 skipped" in green.stdout
    assert "rmcheck bless" in green.stdout
    assert (tmp_path / "reports/latest/index.html").is_file()
    assert git("status", "--porcelain", "-uall") == begun
    assert run(python.with_name("rmcheck"), "bless", folder=tmp_path).returncode == 0

    recipe = tmp_path / "recipes/sample.yaml"
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("rate: 0.0", "rate: 0.4"), encoding="utf-8")
    red = run(*gate, folder=tmp_path, timeout=1200)
    assert red.returncode == 1, red.stdout
    record = json.loads((tmp_path / "reports/latest/results.json").read_text())
    checks = {check["id"]: check for suite in record["suites"] for check in suite["checks"]}
    # By thresholds of its own, and against the baseline.
    assert checks["overall::score_gap"]["outcome"] == "fail"
    assert checks["overall::calibration"]["outcome"] == "fail"
    fallen = checks["overall::no_regression"]
    assert fallen["state"] == "regressed"
    assert fallen["evidence"]["pairs"]
    summary = (tmp_path / "reports/latest/summary.md").read_text(encoding="utf-8")
    assert summary.splitlines()[2].endswith("Do not merge")
    assert "overall::no\\_regression" in summary or "overall::no_regression" in summary
    page = (tmp_path / "reports/latest/index.html").read_text(encoding="utf-8")
    assert "Do not merge" in page
    assert fallen["evidence"]["pairs"][0] in page
