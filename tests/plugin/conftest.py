"""Every test here works on a project of its own."""

from __future__ import annotations

import pytest

from .projects import Project


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project; lines are wide, so that messages are not cut."""
    monkeypatch.setenv("COLUMNS", "320")
    monkeypatch.delenv("CI", raising=False)
    return Project(pytester)
