"""Environments of their own: the wheel of this checkout, installed beside chosen packages."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent


def run(
    *command: str | Path, folder: Path, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder`, with nothing of this process's paths."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def built(folder: Path) -> Path:
    """The wheel, built from this checkout into `folder`."""
    build = ("-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    said = run(sys.executable, *build, folder=folder)
    assert said.returncode == 0, said.stdout + said.stderr
    (found,) = folder.glob("*.whl")
    return found


def installed(wheel: Path, folder: Path) -> Path:
    """The interpreter of a new environment at `folder` that has the wheel and nothing else."""
    assert run(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder).returncode == 0
    python = folder / "bin" / "python"
    install = ("-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "-q", wheel)
    said = run(sys.executable, *install, folder=folder)
    assert said.returncode == 0, said.stderr
    return python


def packages_of(python: Path) -> Path:
    """The folder of an environment's packages."""
    (found,) = python.parent.parent.glob("lib/python3*/site-packages")
    return found


def link_core(python: Path) -> None:
    """Give an environment what rmcheck requires there without extras, and what that requires.

    The packages are links to those of this environment, so nothing is downloaded.
    """
    target = packages_of(python)
    (ours,) = importlib.metadata.distributions(name="rmcheck", path=[str(target)])
    for package in _closure(ours.requires or ()):
        for file in package.files or ():
            top = file.parts[0]
            # Scripts lie above; .pth files and caches are this environment's own.
            if top in ("..", "__pycache__") or top.endswith(".pth"):
                continue
            link = target / top
            if not link.exists():
                link.symlink_to(Path(str(package.locate_file(top))))


def _closure(requirements: Iterable[str]) -> list[importlib.metadata.Distribution]:
    """The distributions of this environment that satisfy the requirements, and theirs."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = [(text, "") for text in requirements]
    while waiting:
        text, extra = waiting.pop()
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        if requirement.name not in found:
            package = importlib.metadata.distribution(requirement.name)
            found[requirement.name] = package
            for asked in ("", *requirement.extras):
                waiting += [(inner, asked) for inner in package.requires or ()]
    return list(found.values())
