"""The files of a new project: suites with sample data, a recipe, a workflow for CI."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rmcheck import __version__
from rmcheck.scaffold.draft import Draft, Made
from rmcheck.scaffold.schema import rendered, suite_schema
from rmcheck.shipped import shipped

DOMAINS = ("conversation", "safety")
CI = {"github": ".github/workflows/rmcheck.yml", "gitlab": ".gitlab-ci.yml", "none": ""}
"""The CI systems that a project can be written for, and the file of each."""
REQUIREMENTS = "requirements-rmcheck.txt"
IGNORED = ".gitignore"
INI = "pytest.ini"
SCHEMA = "rmcheck.schema.json"
SPEC = "recipe:recipes/sample.yaml"
SOURCE = f"rm_source = {SPEC}"

_FILES = Path(__file__).resolve().parent / "files"


@dataclass(frozen=True)
class Project:
    """A new project: its files, and the lines added to .gitignore."""

    made: Made
    ignored: tuple[str, ...]


def template(name: str) -> str:
    """The text of a file of new projects."""
    return (_FILES / name).read_text(encoding="utf-8")


def begin(
    root: Path, *, ini: bool = True, ci: str = "github", teacher: str | None = None
) -> Project:
    """Write a project's files below `root`; existing files are kept.

    Parameters
    ----------
    ini
        Whether to write a pytest.ini; False if another file configures pytest, which pytest would
        no longer read.
    ci
        A key of `CI`: the system to write a workflow for.
    teacher
        The spec of a reward source from which the sample model learns, in place of the labels; a
        check compares it with that source.

    Raises
    ------
    ProblemsFound
        If a file exists where a folder is needed.
    """
    files = {
        "suites/conversation.yaml": template("conversation.yaml"),
        "suites/safety.yaml": template("safety.yaml"),
        "suites/overall.yaml": template("overall.yaml"),
        f"suites/{SCHEMA}": rendered(suite_schema()),
        **{
            f"data/{domain}.jsonl": shipped("preferences", f"{domain}.jsonl").read_text("utf-8")
            for domain in DOMAINS
        },
        "recipes/sample.yaml": template("sample.yaml"),
    }
    if teacher is not None:
        files["recipes/sample.yaml"] = taught_recipe(files["recipes/sample.yaml"], teacher)
        files["suites/overall.yaml"] += teacher_check(teacher)
    if CI[ci]:
        files[CI[ci]] = template("workflow.yml" if ci == "github" else "gitlab-ci.yml")
        files[REQUIREMENTS] = template("requirements.txt").replace("RMCHECK_VERSION", __version__)
    if ini:
        files[INI] = template("pytest.ini")
    made = Draft(root, files).write()
    return Project(made, _ignore(root / IGNORED))


def teacher_check(teacher: str) -> str:
    """The end of a suite: the check that a student ranks pairs like its teacher."""
    return template("teacher.yaml").replace("TEACHER", json.dumps(teacher))


def taught_recipe(recipe: str, teacher: str) -> str:
    """The sample recipe with a teacher; flipped labels would have no effect."""
    plain = recipe[: recipe.index("# The share of training labels to flip.")]
    return (
        f"{plain}# The margins of this teacher are learned, not the labels of the data.\n"
        f"distil: {{teacher: {json.dumps(teacher)}}}\n"
    )


def _ignore(path: Path) -> tuple[str, ...]:
    """Add missing lines to a .gitignore; returns them."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    present = {line.strip().strip("/") for line in text.splitlines()}
    missing = tuple(
        line for line in template("gitignore").splitlines() if line.strip("/") not in present
    )
    if missing:
        gap = "" if not text or text.endswith("\n") else "\n"
        with path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(gap + "".join(f"{line}\n" for line in missing))
    return missing


def unseen(root: Path, paths: Iterable[str]) -> list[str]:
    """Those of `paths` below `root` that git ignores; empty without git or a repository."""
    command = ["git", "check-ignore", "--stdin"]
    try:
        told = subprocess.run(
            command, cwd=root, input="\n".join(paths), capture_output=True, text=True, check=False
        )
    except OSError:
        return []
    return told.stdout.splitlines()


def repository_above(root: Path) -> Path | None:
    """The root of the git repository that contains `root`, if it is a folder above it."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return folder if folder != root else None
    return None
