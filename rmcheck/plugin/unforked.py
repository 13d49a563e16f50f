"""Checks with pytest-forked, which runs each test in its own process."""

from __future__ import annotations

import pytest

from rmcheck.plugin.pytest_compat import run_here


class Unforked:
    """Runs the checks of suites in this process.

    A child would score every text again, with a copy of a model whose threads are gone. Registered
    after all other plugins, so that it is asked before them.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run a check that would be forked; None leaves all others to pytest."""
        asked = item.config.getoption("forked", False) or item.get_closest_marker("forked")
        if not asked:
            return None
        from rmcheck.plugin.items import CheckItem

        return run_here(item, nextitem) if isinstance(item, CheckItem) else None
