"""The files of a new project: suites with sample data, a recipe, a workflow for CI."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rmcheck import __version__
from rmcheck.scaffold.draft import Draft, Made
from rmcheck.scaffold.schema import rendered, suite_schema
from rmcheck.shipped import shipped

DOMAINS = ("conversation", "safety")
WORKFLOW = ".github/workflows/rmcheck.yml"
IGNORED = ".gitignore"
INI = "pytest.ini"
SCHEMA = "rmcheck.schema.json"
SPEC = "recipe:recipes/sample.yaml"
SOURCE = f"rm_source = {SPEC}"

_FILES = Path(__file__).resolve().parent / "files"


@dataclass(frozen=True)
class Project:
    """A project that was begun: its files, and the lines that .gitignore gained."""

    made: Made
    ignored: tuple[str, ...]


def template(name: str) -> str:
    """The text of a file that projects begin with."""
    return (_FILES / name).read_text(encoding="utf-8")


def begin(root: Path, *, ini: bool = True) -> Project:
    """Write a project's files below `root`; what is there already stays as it is.

    Parameters
    ----------
    ini
        Whether to write a pytest.ini. Not where another file configures pytest: pytest would no
        longer read that one.

    Raises
    ------
    ProblemsFound
        When files stand where folders belong.
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
        WORKFLOW: template("workflow.yml").replace("RMCHECK_VERSION", __version__),
    }
    if ini:
        files[INI] = template("pytest.ini")
    made = Draft(root, files).write()
    return Project(made, _ignore(root / IGNORED))


def _ignore(path: Path) -> tuple[str, ...]:
    """Add the lines that are missing to a .gitignore, and tell which."""
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
    """Those of `paths` below `root` that git ignores; none where git or a repository is missing."""
    command = ["git", "check-ignore", "--stdin"]
    try:
        told = subprocess.run(
            command, cwd=root, input="\n".join(paths), capture_output=True, text=True, check=False
        )
    except OSError:
        return []
    return told.stdout.splitlines()


def repository_above(root: Path) -> Path | None:
    """The root of the git repository that holds `root`, when it is a folder above it."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return folder if folder != root else None
    return None
