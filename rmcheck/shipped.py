"""The one function that finds what rmcheck ships: models, recipes, sample data and suites."""

from __future__ import annotations

from pathlib import Path

PREFIX = "shipped:"
"""What a path in a suite or recipe begins with when it names a file of rmcheck's own."""

_PACKAGE = Path(__file__).resolve().parent


def shipped(*parts: str) -> Path:
    """The path of a shipped file or folder, such as ``shipped("recipes", "tiny.yaml")``.

    A wheel carries them below `rmcheck/shipped_files`; in a checkout (editable installs do not
    see what hatchling puts into a wheel) they lie beside the package. Both have the same shape,
    `fixtures/` and `suites/`, so that a suite finds its data in either; ``shipped("suites", …)``
    is a suite, anything else lies in `fixtures/`.
    """
    packaged = _PACKAGE / "shipped_files"
    base = packaged if packaged.is_dir() else _PACKAGE.parent
    return base.joinpath(*parts) if parts[:1] == ("suites",) else base.joinpath("fixtures", *parts)


def anchored(name: str, base: Path) -> tuple[str, Path]:
    """A path or glob without its prefix, and the folder that it is relative to.

    That is `base`, or for ``shipped:models/tiny-gpt2`` the folder of what rmcheck ships.
    """
    if name.startswith(PREFIX):
        return name.removeprefix(PREFIX), shipped()
    return name, base
