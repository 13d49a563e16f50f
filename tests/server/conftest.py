"""The browser that the tests of the pages share."""

from report.conftest import browser

__all__ = ["browser"]
