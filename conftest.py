"""The repository's own defaults; the plugin itself lives in the package (rmcheck.plugin).

A project that uses rmcheck brings its own model by overriding the fixture in such a file:

    import pytest, rmcheck

    @pytest.fixture(scope="session")
    def reward_model():
        return rmcheck.source("hf:checkpoints/latest")
"""

pytest_plugins = ["pytester"]
