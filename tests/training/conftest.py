"""One project and one trained adapter for all tests here; who changes them copies them."""

from __future__ import annotations

from pathlib import Path

import pytest

from training import project


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project, trained."""
    folder = project.made(tmp_path_factory.mktemp("project") / "p")
    project.source_of(folder).train()
    return folder


@pytest.fixture
def trained(shared: Path, tmp_path: Path) -> Path:
    """A copy of the trained project."""
    import shutil

    return Path(shutil.copytree(shared, tmp_path / "p"))
