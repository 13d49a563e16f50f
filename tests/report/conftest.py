"""The browser that the tests of the page share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .browser import Browser, missing


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all tests of a worker; each opens its own page."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    started = Browser(tmp_path_factory.mktemp("browser"))
    yield started
    started.close()
