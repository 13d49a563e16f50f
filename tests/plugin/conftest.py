"""Every test here works on a project of its own."""

from __future__ import annotations

import os

import pytest

from .projects import Project

ADDOPTS = os.environ["PYTEST_ADDOPTS"]  # of the repository's conftest.py; pytester forgets it


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project; lines are wide, so that messages are not cut."""
    monkeypatch.setenv("COLUMNS", "320")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PYTEST_ADDOPTS", ADDOPTS)
    return Project(pytester)
