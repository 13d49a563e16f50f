"""What the plugin's files share: options, names, and what a session keeps in pytest's stash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from rmcheck.errors import Problem
    from rmcheck.record.table import ScoreTable
    from rmcheck.suite import Suite

OPTIONS: dict[str, tuple[str, str, str]] = {
    "--rm": ("rm_source", "SPEC", "reward source to test (default recipe:tiny)"),
    "--rm-baseline": (
        "rm_baseline",
        "SPEC-or-NAME",
        "baseline to compare with (default main); none: no comparison",
    ),
    "--rm-report": ("rm_report", "DIR", "folder of the report (default reports/latest)"),
    "--rm-device": ("rm_device", "DEVICE", "cpu, cuda, ... (default automatic)"),
    "--rm-dtype": ("rm_dtype", "DTYPE", "float32 (default), bfloat16 or float16"),
    "--rm-engine": ("rm_engine", "NAME", "local:N or ray[:N]: workers that score what is missing"),
    "--rm-early-stop": (
        "rm_early_stop",
        "on|off",
        "stop scoring where a verdict is sure: every check that can, or none (default: early_stop)",
    ),
    "--rm-kept": (
        "rm_kept",
        "on|off",
        "off: judge every check again, though nothing changed since an earlier run (default on)",
    ),
    "--rm-cache": ("rm_cache", "DIR", "folder for cached adapters and scores (default .rmcheck)"),
    "--rm-seed": ("rm_seed", "N", "seed of searches and resampling (default 0)"),
    "--rm-seeds": (
        "rm_seeds",
        "K",
        "compare recipes by K trainings with different seeds (default 1)",
    ),
    "--rm-examples": ("rm_examples", "N", "number of examples that each search draws"),
}
"""Each option, its ini twin, its value's name, its help."""

CONTROLLER = "rmcheck-controller"
"""The name under which the controller is registered."""

UNFORKED = "rmcheck-unforked"
"""The name under which the part that keeps checks in this process is registered."""

PAYLOAD = "rmcheck"
"""The attribute of a test report that carries a check's conclusion, as plain JSON."""

MISTAKES = "rmcheck_mistakes"
"""The attribute of a suite file, and of its collection report, that carries what is wrong in it."""


class Log(Protocol):
    """The session's log, as the hooks see it."""

    def collected(self) -> None:
        """All files are collected; a bad `--rm` stops the run here."""

    def attach(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> None:
        """Hang what was concluded in this phase on pytest's report."""


LOG: pytest.StashKey[Log] = pytest.StashKey()
"""The log of a session in which suites were collected, or a fixture of rmcheck was used."""

SUITES: pytest.StashKey[dict[str, Suite]] = pytest.StashKey()
"""The suites that were collected, by the path that is printed."""

ROWS: pytest.StashKey[dict[str, ScoreTable]] = pytest.StashKey()
"""The scored pairs of each suite, by the path that is printed; those of workers travel as text."""

MISTAKEN: pytest.StashKey[list[Problem]] = pytest.StashKey()
"""What is wrong in files that are read after collection: a recipe that `--rm` names, say."""

STARTED: pytest.StashKey[float] = pytest.StashKey()
"""When the run began, in seconds since the epoch."""
