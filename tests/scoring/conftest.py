"""Fixtures of the tests of scoring."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def two() -> Iterator[None]:
    """Two threads of PyTorch, and as many left of all threads afterwards as before."""
    before, running = torch.get_num_threads(), threading.active_count()
    torch.set_num_threads(2)
    try:
        yield
        assert torch.get_num_threads() == 2
        assert threading.active_count() == running
    finally:
        torch.set_num_threads(before)
