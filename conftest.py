"""The repository's own defaults; the plugin itself lives in the package (rmcheck.plugin).

A project that uses rmcheck brings its own model by overriding the fixture in such a file:

    import pytest, rmcheck

    @pytest.fixture(scope="session")
    def reward_model():
        return rmcheck.source("hf:checkpoints/latest")
"""

import os

OTHERS = (
    "pytest_cov", "pytest_forked", "html", "html_fixtures", "metadata", "randomly",
    "rerunfailures", "sugar", "timeout",
)  # fmt: skip
"""Plugins of the extra dev, which only tests/plugin/test_beside.py loads."""

os.environ.setdefault("PYTEST_ADDOPTS", " ".join(f"-p no:{name}" for name in OTHERS))

pytest_plugins = ["pytester"]
