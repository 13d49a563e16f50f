"""The file that configures pytest for a project, found and read as pytest does.

Used by the commands, which do not run pytest. `rmcheck.engine.settings` interprets the keys, both
for the commands and for pytest.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import iniconfig

from rmcheck.documents.finding import INI_FILES
from rmcheck.errors import UsageError, did_you_mean
from rmcheck.wording import listed

KEYS = (
    "rm_source", "rm_baseline", "rm_report", "rm_device", "rm_dtype", "rm_cache", "rm_seed",
    "rm_examples", "rm_seeds", "rm_engine", "rm_early_stop", "rm_kept", "rm_baselines",
    "rm_strict", INI_FILES,
)  # fmt: skip
"""The keys that are ours."""

_PREFIXES = ("rm_", "rmcheck_")


def misspelt(key: str) -> str:
    """Why a key is refused: it is similar to one of ours, or has our prefix; empty for other keys.

    pytest only warns about an unknown key, so the default model would be tested.

    >>> misspelt("rm-source")
    "unknown key rm-source, did you mean 'rm_source'?"
    >>> misspelt("testpaths"), misspelt("rm_source")
    ('', '')
    """
    if key in KEYS:
        return ""
    plain = {_plain(known): known for known in KEYS}
    if _plain(key) in plain:
        return f"unknown key {key}, did you mean '{plain[_plain(key)]}'?"
    if re.sub(r"[-\s]+", "_", key.lower()).startswith(_PREFIXES):
        return f"unknown key {key}, {did_you_mean(key, KEYS)}"
    return ""


def _plain(key: str) -> str:
    return re.sub(r"[-_\s]+", "", key.lower())


@dataclass(frozen=True)
class IniFile:
    """A project's configuration: its root folder, the file (None if missing), and its keys."""

    root: Path
    path: Path | None = None
    values: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def above(cls, start: Path) -> IniFile:
        """The configuration that `pytest` would take if it were started in the folder `start`.

        The nearest file, looking upward, that configures pytest; without one the root is the
        folder of the nearest pyproject.toml, else of the nearest setup.py, else `start`.

        Raises
        ------
        UsageError
            When a file on the way cannot be read.
        """
        folders = (start, *start.parents)
        for folder in folders:
            found = cls.of(folder)
            if found is not None:
                return found
        for name in ("pyproject.toml", "setup.py"):
            for folder in folders:
                if (folder / name).is_file():
                    return cls(folder)
        return cls(start)

    @classmethod
    def of(cls, folder: Path) -> IniFile | None:
        """The configuration in this folder; None where no file in it configures pytest."""
        for name, read in _READERS.items():
            path = folder / name
            if not path.is_file():
                continue
            try:
                values = read(path)
            except (OSError, ValueError, iniconfig.ParseError) as error:
                raise UsageError(f"{path}: cannot be read ({error}); fix the file") from None
            if values is not None:
                return cls(folder, path, values)
        return None

    def get(self, name: str) -> str | list[str] | None:
        """The value of a key, None where it is not given.

        Raises
        ------
        UsageError
            If it is neither text nor a list of texts.
        """
        value = self.values.get(name)
        texts = value if isinstance(value, list) else [value]
        if value is not None and not all(isinstance(text, str) for text in texts):
            raise UsageError(f"{self.path}: {name}: expected text, got {value!r}; put it in quotes")
        return value  # type: ignore[return-value]  # just looked at

    def refuse_misspelt(self) -> None:
        """Refuse misspelt keys: a misspelt `rm_source` would mean the default model.

        Raises
        ------
        UsageError
            For an unknown key with our prefix, unless a conftest.py mentions it, and for keys in
            a file that pytest does not read (see `unread`).
        """
        said = unread(self.path) if self.path is not None else ""
        if said:
            raise UsageError(said)
        for key in self.values:
            said = misspelt(key)
            if said and not any(key in text for text in self._conftests()):
                raise UsageError(f"{self.path}: {said}")

    def _conftests(self) -> Iterator[str]:
        """The texts in which a project may add keys of its own."""
        for path in (*self.root.glob("conftest.py"), *self.root.glob("*/conftest.py")):
            yield path.read_text(encoding="utf-8", errors="replace")


def unread(path: Path) -> str:
    """Why keys are refused that are in another file than `path`, the one that pytest reads.

    pytest reads one file of a folder. A key in another one, such as `rm_strict` in pyproject.toml
    beside a pytest.ini, would have no effect, and no key of the project would have one if its
    folder `suites` had a pytest.ini of its own. Empty if all keys are read.
    """
    hidden = _hidden(path)
    if hidden:
        return hidden
    for name, read in _READERS.items():
        other = path.with_name(name)
        if name == path.name or not other.is_file():
            continue
        try:
            values = read(other) or {}
        except (OSError, ValueError, iniconfig.ParseError):
            continue  # not ours to tell
        ours = [key for key in values if key in KEYS]
        if ours:
            has, it = ("has", "it") if len(ours) == 1 else ("have", "them")
            why = f"{has} no effect, because pytest reads {path.name}; move {it} there"
            return f"{other}: {listed(ours)} {why}"
    return ""


def _hidden(path: Path) -> str:
    """Why a file in a folder `suites`, or below one, must not configure pytest; "" if it may."""
    within = [folder for folder in path.parents if folder.name == "suites"]
    if not within:
        return ""
    try:
        project = IniFile.above(within[-1].parent)
    except UsageError:
        return ""  # not ours to tell
    ours = [key for key in project.values if key in KEYS]
    kept = (project.root / "fixtures/baselines").is_dir()
    if project.path is None or not (ours or kept):
        return ""
    lost = listed(ours) if ours else "its baselines"
    return (
        f"{path}: pytest reads this file in place of {project.path}, so {lost} would have no "
        "effect; move its keys there and delete it"
    )


def _ini(section: str, *, always: bool) -> Callable[[Path], Mapping[str, object] | None]:
    """A reader of a section; `always`: the file configures pytest even without it."""

    def read(path: Path) -> Mapping[str, object] | None:
        found = iniconfig.IniConfig(str(path))
        if section in found:
            return dict(found[section].items())
        return {} if always else None

    return read


def _pytest_toml(path: Path) -> Mapping[str, object] | None:
    table = tomllib.loads(path.read_text(encoding="utf-8")).get("pytest", {})
    return table if isinstance(table, dict) else {}


def _pyproject(path: Path) -> Mapping[str, object] | None:
    """`[tool.pytest]`, or `[tool.pytest.ini_options]`, whose numbers pytest reads as text."""
    table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("pytest", {})
    options = table.get("ini_options")
    if options is None:
        return table or None
    return {key: each if isinstance(each, list) else str(each) for key, each in options.items()}


_READERS: Mapping[str, Callable[[Path], Mapping[str, object] | None]] = {
    "pytest.toml": _pytest_toml,
    ".pytest.toml": _pytest_toml,
    "pytest.ini": _ini("pytest", always=True),
    ".pytest.ini": _ini("pytest", always=True),
    "pyproject.toml": _pyproject,
    "tox.ini": _ini("pytest", always=False),
    "setup.cfg": _ini("tool:pytest", always=False),
}
"""In the order in which pytest asks them."""
