"""`rmcheck init`: what it writes, what it leaves alone, and that what it wrote works."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from plugin.projects import Project, jsonl

from rmcheck import __version__, cli
from rmcheck.documents.ini import IniFile
from rmcheck.report.markdown import MARKER
from rmcheck.reward_source import SourceOptions
from rmcheck.scaffold.project import begin
from rmcheck.shipped import shipped
from rmcheck.sources import create

ROOT = Path(__file__).parents[2]
MADE = [
    "suites/conversation.yaml", "suites/safety.yaml", "suites/overall.yaml",
    "suites/rmcheck.schema.json", "data/conversation.jsonl", "data/safety.jsonl",
    "recipes/sample.yaml", ".github/workflows/rmcheck.yml",
    "requirements-rmcheck.txt", "pytest.ini",
]  # fmt: skip


@pytest.fixture
def empty(project: Project) -> Project:
    """A folder with nothing in it but an empty git repository."""
    for path in project.root.iterdir():
        path.unlink()
    (project.root / ".git").mkdir()
    return project


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_an_empty_repository_becomes_a_project(empty: Project) -> None:
    said = empty.cli("init")
    assert (said.code, said.err) == (0, [])
    assert said.out[:11] == ["created in .:", *(f"  {path}" for path in MADE)]
    assert said.out[11] == "added to .gitignore: .rmcheck/ .hypothesis/ .venv/ reports/"
    assert [line.split()[0] for line in said.out[-3:]] == ["pytest", "rmcheck", "rmcheck"]
    assert set(tree(empty.root)) == {*MADE, ".gitignore"}
    for domain in ("conversation", "safety"):
        copied = (empty.root / f"data/{domain}.jsonl").read_bytes()
        assert copied == (ROOT / f"fixtures/preferences/{domain}.jsonl").read_bytes()


def test_nothing_is_overwritten_and_a_second_time_nothing_changes(empty: Project) -> None:
    mine = "rmcheck: 1\n# mine\n"
    empty.write("suites/safety.yaml", mine)
    empty.write("pytest.ini", "[pytest]\nrm_source = hf:mine\n")
    empty.write(".gitignore", "*.pyc\n/reports")  # no end of line; a slash does not matter
    said = empty.cli("init")
    assert said.code == 0
    assert "already exist, not changed: suites/safety.yaml, pytest.ini" in said.out
    assert "added to .gitignore: .rmcheck/ .hypothesis/ .venv/" in said.out
    assert (
        "pytest.ini configures pytest; add to it: "
        "rm_source = recipe:recipes/sample.yaml and rm_strict = true" in said.out
    )
    files = tree(empty.root)
    assert files["suites/safety.yaml"] == mine.encode()
    assert files[".gitignore"] == b"*.pyc\n/reports\n.rmcheck/\n.hypothesis/\n.venv/\n"

    again = empty.cli("init")
    assert again.code == 0
    assert again.out[0] == f"already exist, not changed: {', '.join(MADE)}"
    assert "next:" not in again.out
    assert tree(empty.root) == files


def test_another_file_that_configures_pytest_stays_in_force(empty: Project) -> None:
    empty.write("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '-q'\n")
    said = empty.cli("init")
    assert not (empty.root / "pytest.ini").exists()
    assert any(line.startswith("pyproject.toml configures pytest; ") for line in said.out)
    # A pyproject.toml that says nothing of pytest configures nothing.
    empty.write("new/pyproject.toml", "[project]\nname = 'x'\n")
    said = empty.cli("init", "new")
    assert (empty.root / "new/pytest.ini").is_file()
    assert not any("configures pytest" in line for line in said.out)


def test_another_folder(empty: Project) -> None:
    said = empty.cli("init", "gate/here")
    assert said.out[0] == "created in gate/here:"
    assert "  cd gate/here" in said.out
    # It lies below the root of the repository, where GitHub does not look for workflows.
    assert any(
        line.endswith(f"move it to {empty.root}, and set its working directory to gate/here")
        for line in said.out
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_what_git_ignores_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "clean"]) == 0
    assert "git ignores" not in capsys.readouterr().out  # there is no repository
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("data/\nfixtures/\n")
    assert cli.main(["init"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert (
        "warning: git ignores data/conversation.jsonl, data/safety.jsonl, "
        "fixtures/baselines/main/results.json; change .gitignore, or CI will not have them"
    ) in said


def test_files_where_folders_belong_are_told_at_once_and_nothing_is_written(
    empty: Project,
) -> None:
    empty.write("suites", "")
    empty.write("data", "")
    said = empty.cli("init")
    assert said.code == 4
    assert [line.rpartition("/")[2] for line in said.err] == [
        "data: is not a directory, but a directory is needed here; move the file",
        "suites: is not a directory, but a directory is needed here; move the file",
    ]
    assert set(tree(empty.root)) == {"suites", "data"}
    said = empty.cli("init", "data")
    assert said.err == ["rmcheck init: data is not a directory"]


def test_a_link_that_leads_nowhere_is_kept(empty: Project) -> None:
    (empty.root / "pytest.ini").symlink_to(empty.root / "elsewhere.ini")
    made = begin(empty.root).made
    assert made.kept == ("pytest.ini",)
    assert not (empty.root / "elsewhere.ini").exists()


def test_the_sample_model_is_the_shipped_one(tmp_path: Path) -> None:
    begin(tmp_path)
    options = SourceOptions(root=tmp_path, cache=tmp_path / ".rmcheck")
    sample: Any = create("recipe:recipes/sample.yaml", options)
    shipped_one: Any = create("recipe:tiny", options)
    assert sample.recipe.data_files() == shipped_one.recipe.data_files()
    assert sample.adapter == shipped_one.adapter
    recipe = tmp_path / "recipes/sample.yaml"
    text = recipe.read_text(encoding="utf-8")
    assert text.count("label_noise: {rate: 0.0}") == 1
    recipe.write_text(text.replace("rate: 0.0", "rate: 0.4"), encoding="utf-8")
    noisy: Any = create("recipe:recipes/sample.yaml", options)
    assert noisy.recipe == sample.recipe.with_label_noise(0.4, 0)
    assert noisy.adapter != sample.adapter


def kept_scores(change: float = 1.0) -> list[dict[str, Any]]:
    """The sample model's scores of the sample data, from the baseline of this repository."""
    path = shipped("baselines", "main", "scores.jsonl")
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = [row for row in rows if row["suite"] in ("conversation", "safety")]
    return [
        {"id": row["id"], "chosen": row["chosen"] * change, "rejected": row["rejected"] * change}
        for row in found
    ]


def test_the_gate_is_green_without_an_edit_blesses_and_goes_red(empty: Project) -> None:
    empty.cli("init")
    rows = kept_scores()
    empty.write("good.jsonl", jsonl(rows))
    first = empty.run("suites/", "--rm", "scores:good.jsonl")
    # A comparison without a baseline, and changed texts, which a score file cannot score (twice).
    first.assert_outcomes(passed=8, skipped=3)
    assert not any(check["weak"] for check in empty.checks().values())
    assert empty.cli("bless").code == 0
    empty.run("suites/", "--rm", "scores:good.jsonl").assert_outcomes(passed=9, skipped=2)

    # A model that has lost a tenth of the pairs, on which it was sure.
    sure = sorted(rows, key=lambda row: row["rejected"] - row["chosen"])[: len(rows) // 10]
    for row in sure:
        row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
    empty.write("bad.jsonl", jsonl(rows))
    red = empty.run("suites/", "--rm", "scores:bad.jsonl")
    assert red.ret == pytest.ExitCode.TESTS_FAILED
    assert empty.checks()["overall::no_regression"]["state"] == "regressed"


def test_rewards_that_claim_too_much_fail_the_calibration(empty: Project) -> None:
    empty.cli("init")
    empty.write("loud.jsonl", jsonl(kept_scores(change=10.0)))
    empty.run("suites/", "--rm", "scores:loud.jsonl").assert_outcomes(passed=7, failed=1, skipped=3)
    assert empty.checks()["overall::calibration"]["outcome"] == "fail"


@pytest.fixture
def workflow(tmp_path: Path) -> dict[str, Any]:
    begin(tmp_path)
    text = (tmp_path / ".github/workflows/rmcheck.yml").read_text(encoding="utf-8")
    assert "RMCHECK_VERSION" not in text
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def step(workflow: dict[str, Any], start: str) -> dict[str, Any]:
    """The step of the job whose name, action or command begins so."""
    (found,) = [
        each
        for each in workflow["jobs"]["gate"]["steps"]
        if any(each.get(key, "").startswith(start) for key in ("name", "uses", "run"))
    ]
    return found


def test_the_workflow_says_why_whatever_came_of_the_gate(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert step(workflow, "Install")["run"] == "pip install -r requirements-rmcheck.txt"
    assert step(workflow, "Gate")["run"].startswith("pytest suites/")
    for name in ("actions/upload-artifact", "Summary"):
        assert step(workflow, name)["if"] == "always()"
    assert step(workflow, "Comment")["if"].startswith("always() && ")
    order = [str(each) for each in workflow["jobs"]["gate"]["steps"]]
    places = [
        next(i for i, text in enumerate(order) if name in text)
        for name in ("cache/restore", "pytest suites/", "cache/save", "upload-artifact", "Summary")
    ]
    assert places == sorted(places)


def test_a_cache_entry_is_one_content_and_pull_requests_have_their_own(
    workflow: dict[str, Any],
) -> None:
    restore, save = (step(workflow, f"actions/cache/{name}") for name in ("restore", "save"))
    assert "hashFiles(" in restore["with"]["key"]
    assert "run_id" not in str(restore) + str(save)
    assert save["with"]["key"] == "${{ steps.cache.outputs.cache-primary-key }}"
    assert "cache-hit != 'true'" in save["if"]
    # Every key that may be restored begins with what tells pull requests from main.
    keys = [restore["with"]["key"], restore["with"]["restore-keys"]]
    assert all(key.startswith("${{ env.CACHE }}-") for key in keys)
    assert "github.event_name == 'pull_request' && 'pull' || 'main'" in workflow["env"]["CACHE"]
    secret = step(workflow, "Gate")["env"]["RMCHECK_CACHE_KEY"]
    assert secret.startswith("${{ github.event_name != 'pull_request' && secrets.")


def test_only_runs_of_pull_requests_are_cancelled(workflow: dict[str, Any]) -> None:
    group = workflow["concurrency"]["group"]
    assert group == "rmcheck-${{ github.event.pull_request.number || github.run_id }}"
    assert workflow["concurrency"]["cancel-in-progress"] is True


def test_actions_are_pinned_by_commit_as_in_this_repository(workflow: dict[str, Any]) -> None:
    own = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    used = [each["uses"] for each in workflow["jobs"]["gate"]["steps"] if "uses" in each]
    assert len(used) == 5
    for action in used:
        assert re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40}", action), action
        if action.startswith(("actions/checkout", "actions/setup-python")):
            assert f"uses: {action} #" in own
    assert step(workflow, "actions/checkout")["with"] == {"persist-credentials": False}


def test_ci_installs_a_wheel_of_this_version_from_the_repository(tmp_path: Path) -> None:
    begin(tmp_path)
    lines = (tmp_path / "requirements-rmcheck.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == [
        f"./vendor/rmcheck-{__version__}-py3-none-any.whl[models]"
    ]


def test_gitlab_has_a_twin(empty: Project) -> None:
    said = empty.cli("init", "--ci", "gitlab")
    assert said.code == 0
    assert not (empty.root / ".github").exists()
    found = yaml.safe_load((empty.root / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    job = found["rmcheck"]
    assert job["script"][0] == "pip install -r requirements-rmcheck.txt"
    assert job["script"][1].startswith("pytest suites/")
    assert job["artifacts"]["when"] == "always"
    assert [rule["interruptible"] for rule in job["rules"]] == [True, False]
    for cache in job["cache"]:
        assert cache["key"]["prefix"].endswith("-$CI_PIPELINE_SOURCE")
        assert len(cache["key"]["files"]) <= 2  # GitLab takes no more


def test_a_project_without_ci(empty: Project) -> None:
    assert empty.cli("init", "--ci", "none").code == 0
    made = set(tree(empty.root))
    assert made == {*MADE, ".gitignore"} - {
        ".github/workflows/rmcheck.yml",
        "requirements-rmcheck.txt",
    }
    assert empty.cli("init", "--ci", "jenkins").code == 4


def test_a_skipped_required_check_fails_a_new_project(empty: Project) -> None:
    empty.cli("init")
    found = IniFile.of(empty.root)
    assert found is not None
    assert found.get("rm_strict") == "true"
    assert found.get("required_plugins") == "rmcheck"
    found.refuse_misspelt()


GH = """#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in *--paginate*) printf "$FOUND" ;; esac
"""


@pytest.mark.parametrize(
    ("found", "sent"),
    [
        ("", "--method POST -F body=@reports/latest/summary.md repos/me/mine/issues/7/comments"),
        (
            "42\\n43\\n",
            "--method PATCH -F body=@reports/latest/summary.md repos/me/mine/issues/comments/42",
        ),
    ],
    ids=["first", "again"],
)
def test_the_comment_is_made_once_and_then_updated(
    workflow: dict[str, Any], tmp_path: Path, found: str, sent: str
) -> None:
    comment = step(workflow, "Comment")
    assert set(comment["env"]) == {"GH_TOKEN", "PULL_REQUEST"}
    assert f'startswith("{MARKER}")' in comment["run"]
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    (tmp_path / "calls").write_text("")
    environment = {
        "PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_REPOSITORY": "me/mine", "PULL_REQUEST": "7",
        "CALLS": str(tmp_path / "calls"), "FOUND": found,
    }  # fmt: skip

    def run() -> list[str]:
        # As GitHub runs a step: bash -e.
        command = ["bash", "-e", "-c", comment["run"]]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=30)
        return (tmp_path / "calls").read_text().splitlines()

    assert run() == []  # no run, no comment
    (tmp_path / "reports/latest").mkdir(parents=True)
    (tmp_path / "reports/latest/summary.md").write_text(MARKER)
    calls = run()
    assert len(calls) == 2
    assert calls[0].startswith("api --paginate repos/me/mine/issues/7/comments --jq ")
    assert calls[1] == f"api --silent {sent}"
