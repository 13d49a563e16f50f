"""What people who join need: pages that name what is there, a workflow and hooks that hold."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import rmcheck

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
STEPS = [(name, step) for name, job in JOBS.items() for step in job["steps"]]


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):", text, re.M))


def recipe(target: str) -> str:
    """The commands of a target of the Makefile."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text, re.M)
    assert found
    return found[1]


# CI


def test_ci_runs_every_python_that_the_package_claims() -> None:
    claimed = [
        entry.rpartition(" ")[2]
        for entry in PROJECT["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", entry)
    ]
    assert JOBS["newest"]["strategy"]["matrix"]["python"] == claimed
    assert PROJECT["requires-python"] == f">={claimed[0]}"
    assert claimed == [f"3.{11 + step}" for step in range(len(claimed))]
    assert len(claimed) >= 4
    setups = [step["with"]["python-version"] for _, step in STEPS if "setup-python" in str(step)]
    assert {*setups} <= {*claimed, "${{ matrix.python }}"}
    oldest = [step for name, step in STEPS if name == "oldest" and "with" in step]
    assert oldest[-1]["with"]["python-version"] == claimed[0]


def test_ci_may_read_and_nothing_else() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in JOBS.values())
    for name, step in STEPS:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False, name
        # What a shell reads comes by the environment: a value cannot become a command.
        assert "${{" not in step.get("run", ""), name


def test_actions_are_pinned_and_each_has_one_pin() -> None:
    text = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)@(\S+)(?: # (v\S+))?", text)
    assert len(used) == sum("uses" in step for _, step in STEPS) > 0
    for action, commit, version in used:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), action
        assert re.fullmatch(r"v\d+\.\d+\.\d+", version), action
    assert len(set(used)) == len({action for action, _, _ in used})


def test_only_what_is_not_released_may_fail() -> None:
    assert [name for name, job in JOBS.items() if job.get("continue-on-error")] == ["coming"]
    assert JOBS["coming"]["strategy"]["matrix"]["project"] == [
        "pytest-dev/pytest", "huggingface/trl", "huggingface/transformers",
    ]  # fmt: skip
    assert all(job["timeout-minutes"] <= 120 for job in JOBS.values())


def test_the_oldest_dependencies_have_lower_bounds_to_install() -> None:
    runs = " ".join(step.get("run", "") for name, step in STEPS if name == "oldest")
    assert "--resolution lowest-direct" in runs
    extras = PROJECT["optional-dependencies"].values()
    for wanted in [*PROJECT["dependencies"], *(each for extra in extras for each in extra)]:
        ours = wanted.startswith("rmcheck[")
        assert ours or re.fullmatch(r"[\w-]+(\[\w+\])?>=[\d.]+", wanted), wanted


def test_slow_tests_run_at_night() -> None:
    # YAML 1.1 reads the key `on` as true.
    assert WORKFLOW[True]["schedule"][0]["cron"].split()[2:] == ["*", "*", "*"]
    assert "schedule" in JOBS["slow"]["if"]
    assert [step["run"] for step in JOBS["slow"]["steps"] if "run" in step] == ["make slow"]


def test_the_ci_script_names_tests_that_exist() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=False).returncode == 0
    named = re.findall(r"(tests/\S+\.py)(?:::(\w+))?", script)
    assert "tests/report/test_browser.py" in {path for path, _ in named}
    # What `make test` leaves to it: both go by the mark.
    assert '-m "ci and not slow"' in script
    assert '-m "not slow and not ci"' in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "mark.ci" in (ROOT / "tests/plugin/test_every_kind.py").read_text(encoding="utf-8")
    for path, test in named:
        assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), path
    assert set(re.findall(r"^make (\w+)", script, re.M)) == {"test", "lint"}


# Pages


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "docs/releasing.md"])
def test_what_a_page_names_is_there(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    names = re.findall(r"`((?:rmcheck|tests|docs|fixtures|schemas|\.ci)/[\w./-]*)`", page)
    names += re.findall(r"python (docs/\S+\.py)", page)
    for path in names:
        assert (ROOT / path).exists() or path.endswith("/KIND.py"), path
    assert set(re.findall(r"\bmake ([a-z]+)\b(?! )", page)) <= make_targets()
    for target in re.findall(r"\]\(([^)#:]+)\)", page):
        assert ((ROOT / name).parent / target).exists(), target


def test_a_new_kind_is_told_of_all_that_tests_will_ask_of_it() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    steps = page.partition("## Add a check kind")[2].partition("## ")[0]
    for path in (
        "rmcheck/checks/check.py", "rmcheck/checks/__init__.py", "rmcheck/stats/",
        "tests/checks/", "tests/plugin/test_every_kind.py",
        "docs/build/tables.py", "docs/build/schemas.py",
    ):  # fmt: skip
        assert path in steps, path
    assert "class TableContext" in (ROOT / "tests/builders.py").read_text(encoding="utf-8")


def test_the_changelog_begins_with_the_version_that_comes() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (\d+\.\d+\.\d+)( \(unreleased\))?", text, re.M)
    versions = [tuple(map(int, version.split("."))) for version, _ in sections]
    assert versions == sorted(versions, reverse=True)
    # The version of the code is the newest that is out, or the one that comes.
    assert rmcheck.__version__ in [version for version, _ in sections[:2]]
    newest = text.partition("\n## ")[2].partition("\n## ")[0]
    assert re.findall(r"^### (\w+)$", newest, re.M) == ["Added", "Changed", "Fixed"]


# Lint


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A tool of this environment, in the repository's root."""
    tool = shutil.which(name, path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip(f"{name} is not installed")
    return subprocess.run([tool, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("tool", "arguments", "name", "broken", "said"),
    [
        ("oxlint", ["-c", ".oxlintrc.json", "--deny-warnings"], "a.js",
         "var unused = 1;\nrmcheck.page = absent;\n", ("no-undef", "no-unused-vars")),
        ("djlint", ["--lint", "--quiet"], "a.html.j2",
         '<div id="a" id="b"><p>{{ x }}</div></section>\n', ("H037", "H025")),
    ],
)  # fmt: skip
def test_lint_sees_mistakes_in_scripts_and_templates(
    tmp_path: Path, tool: str, arguments: list[str], name: str, broken: str, said: tuple[str, ...]
) -> None:
    assert f"$(BIN)/{tool}" in recipe("lint")
    (tmp_path / name).write_text(broken, encoding="utf-8")
    found = run(tool, *arguments, str(tmp_path / name))
    assert found.returncode == 1, found.stdout + found.stderr
    for rule in said:
        assert rule in found.stdout


def test_every_hook_runs_what_make_installs() -> None:
    hooks = [hook for repo in HOOKS["repos"] for hook in repo["hooks"]]
    assert [repo["repo"] for repo in HOOKS["repos"]] == ["local"]
    tools = [hook["entry"].split()[0] for hook in hooks]
    assert all(tool.startswith(".venv/bin/") for tool in tools)
    linted = set(re.findall(r"\$\(BIN\)/([\w-]+)", recipe("lint")))
    assert {tool.removeprefix(".venv/bin/") for tool in tools} == linted | {"python"}
    named = {re.split(r"[<>=\[]", each)[0] for each in PROJECT["optional-dependencies"]["dev"]}
    assert {"ruff", "mypy", "import-linter", "djlint", "oxlint"} <= named


@pytest.fixture
def files() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_files", ROOT / ".ci/files.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.md", b"a\n", None),
        ("a.md", b"", None),
        ("a.png", b"\0a", None),
        ("a.md", b"a", "expected exactly one line break"),
        ("a.md", b"a\n\n", "expected exactly one line break"),
        ("a.md", b"a\r\n", "CRLF"),
        ("a.yaml", b"a: 1\n---\nb: 2\n", None),
        ("a.yaml", b"a: 1\nb: [\n", "a.yaml:3:1: "),
        ("a.txt", b"a" * 1024 * 1024 + b"\n", "1,048,577 bytes"),
        ("fixtures/a.txt", b"a" * 1024 * 1024 + b"\n", None),
    ],
)
def test_files_are_looked_at_before_a_commit(
    files: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], name: str, content: bytes, said: str | None,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(content)
    code = files.main([name])
    printed = capsys.readouterr().out
    assert code == (said is not None)
    assert printed.count("\n") == (said is not None)
    assert (said or "") in printed


def test_the_settings_of_the_linter_are_those_of_a_browser() -> None:
    text = (ROOT / ".oxlintrc.json").read_text(encoding="utf-8")
    settings = json.loads(re.sub(r"^\s*//.*$", "", text, flags=re.M))
    assert settings["env"] == {"browser": True}
    assert settings["rules"]["eslint/no-undef"] == "error"
