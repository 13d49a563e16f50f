"""Find the files that rmcheck ships: models, recipes, sample data and suites."""

from __future__ import annotations

from pathlib import Path

PREFIX = "shipped:"
"""The prefix of a path in a suite or recipe that names a file shipped with rmcheck."""

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """The path of a shipped file or folder, such as ``shipped("recipes", "tiny.yaml")``.

    In a wheel they are below `rmcheck/shipped_files`; in a checkout (an editable install does not
    see what hatchling adds to a wheel) they are next to the package. Both have the folders
    `fixtures/` and `suites/`, so that suites find their data in either; ``shipped("suites", …)``
    is a suite, any other path is in `fixtures/`.
    """
    packaged = _PACKAGE / "shipped_files"
    base = packaged if packaged.is_dir() else _PACKAGE.parent
    return base.joinpath(*parts) if parts[:1] == ("suites",) else base.joinpath("fixtures", *parts)


def anchored(name: str, base: Path) -> tuple[str, Path]:
    """A path or glob without its prefix, and the folder that it is relative to.

    The folder is `base`, or, for ``shipped:models/tiny-gpt2``, that of rmcheck's shipped files.
    """
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX), shipped()
    return name, base
