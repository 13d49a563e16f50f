"""What tests of several folders share."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import built


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    pytest.importorskip("build")
    return built(tmp_path_factory.mktemp("dist"))
