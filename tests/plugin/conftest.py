"""Every test here works on a project of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .forked import Server
from .projects import Project
from .worse import build

ADDOPTS = os.environ["PYTEST_ADDOPTS"]  # of the repository's conftest.py; pytester forgets it


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project; lines are wide, so that messages are not cut."""
    monkeypatch.setenv("COLUMNS", "320")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", ADDOPTS)
    return Project(pytester)


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Path:
    """A project whose candidate is worse than its baseline; who changes it copies it."""
    return build(tmp_path_factory.mktemp("sound") / "p", server)
