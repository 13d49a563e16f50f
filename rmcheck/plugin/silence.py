"""What the command line asks for and the run did not look at, and which setting left it out.

Nobody who types `pytest suites/` sees that `addopts`, a hook or `testpaths` leaves a part of it
out, so such a run is not green. What the command line itself selects, its user knows. Imported in
every run, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from rmcheck.documents import finding
from rmcheck.plugin import scope
from rmcheck.plugin.keys import SUITES


def idle(config: pytest.Config) -> str:
    """What to say where the configuration has pytest list things instead of running the checks."""
    named = [each for each in scope.configured(config) if each.split()[0] in scope.LISTING.values()]
    if not named or not has_suite(config):
        return ""
    from rmcheck.wording import escaped, listed

    return escaped(
        f"no check was run, because addopts or PYTEST_ADDOPTS has {listed(named)}, so the run "
        "fails; remove it there, or give it on the command line"
    )


def partial(left_out: Sequence[str], unasked: Iterable[str], config: pytest.Config) -> str:
    """What to say of a run that left out a part of what the command line asks for; "" if none.

    Parameters
    ----------
    left_out
        The ids of required checks that were not selected.
    unasked
        The suite files beside those of the run that it did not collect, from the root folder.
    """
    asked = scope.folders(config)
    if asked is None:
        return ""
    root = Path(config.rootpath)
    files = scope.below((root / each for each in unasked), asked)
    gone = [*left_out, *(_shown(path, root) for path in files)]
    if not gone:
        return ""
    from rmcheck.wording import be, escaped, listed

    said = f"{escaped(listed(gone))} {be(len(gone), past=True)} left out, so the run fails"
    return f"{said}: {_blamed(scope.configured(config))}"


def has_suite(config: pytest.Config) -> bool:
    """Whether a suite was collected, or is in a folder that was asked for."""
    return SUITES in config.stash or bool(suites_asked(config))


def suites_asked(config: pytest.Config) -> list[Path]:
    """The suite files in the folders `suites` that were asked for, whoever collects them."""
    globs = config.getini(finding.INI_FILES)
    folders = scope.folders(config) or [Path(config.rootpath)]
    within = [each if "suites" in each.parts else each / "suites" for each in folders]
    return [
        path
        for folder in dict.fromkeys(within)
        if folder.is_dir()
        for path in finding.candidates(finding.entries_below(folder), globs)
        if finding.has_suite([path], globs)
    ]


def _blamed(options: Sequence[str]) -> str:
    """Which settings left something out, and what to do."""
    if not options:
        return (
            "a hook of a conftest.py or of a plugin deselects or ignores them, and the command "
            "line does not; select on the command line (-k, -m, --ignore, a file)"
        )
    from rmcheck.wording import escaped, listed

    keys = [each for each in options if each.startswith("testpaths")]
    others = [each for each in options if each not in keys]
    said = [f"{listed(others)} (from addopts or PYTEST_ADDOPTS)"] if others else []
    return escaped(
        f"{' and '.join([*said, *keys])} left them out, and the command line does not; remove it, "
        "or give it on the command line"
    )


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
