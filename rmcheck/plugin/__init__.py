"""The pytest plugin. `-p rmcheck.plugin` and the entry point find its hooks here."""

from rmcheck.plugin.hooks import (
    _rmcheck_judge,
    baseline_model,
    pytest_addoption,
    pytest_cmdline_main,
    pytest_collect_file,
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_load_initial_conftests,
    pytest_make_collect_report,
    pytest_runtest_makereport,
    pytest_sessionstart,
    reward_model,
)

__all__ = [
    "_rmcheck_judge",
    "baseline_model",
    "pytest_addoption",
    "pytest_cmdline_main",
    "pytest_collect_file",
    "pytest_collection_finish",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_load_initial_conftests",
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
    "pytest_sessionstart",
    "reward_model",
]
