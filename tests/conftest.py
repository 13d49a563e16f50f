"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from environments import built
from plugin.forked import Server


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    pytest.importorskip("build")
    return built(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """What runs the gate and the commands in processes of their own."""
    with Server() as found:
        yield found
