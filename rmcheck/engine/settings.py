"""The settings of a run: options of pytest or of a command, or keys of pytest's ini file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from rmcheck.documents.finding import INI_FILES
from rmcheck.errors import UsageError, did_you_mean, nearest
from rmcheck.progress import NoProgress, Progress
from rmcheck.reward_source import SourceOptions
from rmcheck.stats.precision import PRECISIONS

DEFAULT_SOURCE = "recipe:tiny"
DEFAULT_BASELINE = "main"
NO_BASELINE = "none"
DEVICES = (
    "cpu", "cuda", "mps", "xpu", "xla", "hpu", "npu", "mlu", "musa", "mtia", "vulkan", "ipu",
    "gcu", "sdaa", "maia", "hip", "ve", "meta", "privateuseone",
)  # fmt: skip
"""Kinds of device that torch and its packages for other hardware know."""
"""The baseline of a run that wants no comparison."""
DEFAULT_CACHE = ".rmcheck"
DEFAULT_REPORT = "reports/latest"
MOST_SEEDS = 20
"""No run compares more trainings of a recipe."""
DEFAULT_BASELINES = "fixtures/baselines"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one run. Paths are absolute; `baseline` None means `main` if it exists.

    `files` are the globs of suite files (`rmcheck_files`). Paths that a command line names start
    from `here` (None: from the root), all others from the root. `strict`: the run fails if a
    required check is skipped. `engine` scores what is missing (empty: this process).
    `seeds`: how many trainings of a recipe a comparison looks at. `early_stop`: whether checks may
    stop before all pairs are scored (None: those whose suite says so).
    `kept`: whether pytest keeps what checks concluded in the cache and uses it again.
    `processes` train a recipe together (None: as the recipe says).
    `source_named`: an option or a key names the source; False if it is the default.
    """

    root: Path
    source: str = DEFAULT_SOURCE
    source_named: bool = True
    baseline: str | None = None
    cache: Path
    baselines: Path
    report: Path
    files: tuple[str, ...] = ()
    device: str | None = None
    dtype: str = PRECISIONS[0]
    seed: int = 0
    examples: int | None = None
    seeds: int = 1
    strict: bool = False
    engine: str = ""
    early_stop: bool | None = None
    kept: bool = True
    processes: int | Literal["auto"] | None = None
    progress: Progress = field(default_factory=NoProgress)
    here: Path | None = None

    @classmethod
    def below(cls, root: Path, **changes: object) -> Settings:
        """The defaults for a project whose root folder is `root`."""
        paths = {
            "cache": root / DEFAULT_CACHE,
            "baselines": root / DEFAULT_BASELINES,
            "report": root / DEFAULT_REPORT,
        }
        return cls(root=root, **{**paths, **changes})  # type: ignore[arg-type]

    def named(self, path: str) -> Path:
        """A path that the command line names."""
        return (self.here or self.root) / path

    @property
    def options(self) -> SourceOptions:
        """What reward sources need to know of it."""
        from rmcheck.cache.kept import KeptScores

        return SourceOptions(
            root=self.root,
            cache=self.cache,
            device=self.device,
            dtype=self.dtype,
            progress=self.progress,
            scores=KeptScores(self.cache),
            processes=self.processes,
        )


class Ini(Protocol):
    """The configuration file of pytest."""

    @property
    def root(self) -> Path:
        """The project's root folder."""

    def get(self, name: str) -> str | list[str] | None:
        """The value of a key, None where it is not given."""


@dataclass(frozen=True)
class Options:
    """What a command line gives, by the key of the ini file that it overrides.

    Paths among them start from `here`; None stands for the project's root.
    """

    given: Mapping[str, str | None] = field(default_factory=dict)
    here: Path | None = None


def option(key: str) -> str:
    """The option that overrides a key of the ini file.

    >>> option("rm_source"), option("rm_dtype"), option("rm_baselines")
    ('--rm', '--rm-dtype', '--baselines')
    """
    apart = {"rm_source": "--rm", "rm_baselines": "--baselines"}
    return apart.get(key, f"--{key.replace('_', '-')}")


def settings_from(ini: Ini, options: Options, *, progress: Progress | None = None) -> Settings:
    """The settings that options, or else the keys of the ini file, give.

    Raises
    ------
    UsageError
        For an empty option, an invalid seed, number of examples or precision, and for a file where
        a folder is expected.
    """
    asked = _Asked(ini, options)
    asked.refuse_empty()
    return Settings(
        root=ini.root,
        source=asked.text("rm_source") or DEFAULT_SOURCE,
        source_named=bool(asked.text("rm_source")),
        baseline=asked.text("rm_baseline"),
        cache=asked.folder("rm_cache", DEFAULT_CACHE),
        baselines=asked.place("rm_baselines", DEFAULT_BASELINES),
        report=asked.folder("rm_report", DEFAULT_REPORT),
        files=asked.globs(),
        device=asked.device(),
        dtype=asked.dtype(),
        seed=asked.whole("rm_seed") or 0,
        examples=asked.whole("rm_examples", least=1),
        seeds=asked.whole("rm_seeds", least=1, most=MOST_SEEDS) or 1,
        strict=asked.truth("rm_strict"),
        engine=asked.engine(),
        early_stop=asked.switch("rm_early_stop"),
        kept=asked.switch("rm_kept") is not False,
        progress=progress or NoProgress(),
        here=options.here,
    )


@dataclass(frozen=True)
class _Asked:
    """The values of options and keys, an option before its key."""

    ini: Ini
    options: Options

    def refuse_empty(self) -> None:
        for key, value in self.options.given.items():
            if value is not None and not value.strip():
                # Never the default: a gate of another model would be green.
                said = f"{option(key)} is empty (is a variable unset?); give it a value"
                raise UsageError(said)

    def text(self, key: str) -> str | None:
        given = self.options.given.get(key)
        if given is not None:
            return given
        value = self.ini.get(key)
        if isinstance(value, list):
            raise UsageError(f"{key} = {value!r}: expected one value, got a list")
        if value is not None and not value.strip():
            raise UsageError(f"{key} is empty; give it a value, or remove the key")
        return value

    def place(self, key: str, default: str) -> Path:
        start = self.options.here if self.options.given.get(key) is not None else None
        return (start or self.ini.root) / (self.text(key) or default)

    def folder(self, key: str, default: str) -> Path:
        path = self.place(key, default)
        if path.is_file():
            given = self.text(key) or default
            raise UsageError(f"{self._name(key)} {given} is a file; choose a directory")
        return path

    def whole(self, key: str, *, least: int = 0, most: int | None = None) -> int | None:
        value = self.text(key)
        if value is None:
            return None
        if not value.isdecimal() or int(value) < least:
            said = f"{self._name(key)}={value!r}: expected a whole number of at least {least}"
            raise UsageError(said)
        if most is not None and int(value) > most:
            said = f"{self._name(key)}={value!r}: expected a whole number from {least} to {most}"
            raise UsageError(said)
        return int(value)

    def truth(self, key: str) -> bool:
        value = (self.text(key) or "false").strip().lower()
        if value not in ("true", "false"):
            raise UsageError(f"{key} = {value}: expected true or false")
        return value == "true"

    def switch(self, key: str) -> bool | None:
        value = self.text(key)
        if value is None:
            return None
        if value not in ("on", "off"):
            raise UsageError(f"{self._name(key)}={value!r}: expected on or off")
        return value == "on"

    def device(self) -> str | None:
        """A device as torch names it; whatever the source, since a typing error is one."""
        value = self.text("rm_device")
        if value is None:
            return None
        kind, colon, number = value.partition(":")
        if kind not in DEVICES or (colon and not number.isdecimal()):
            near = "cuda" if kind == "gpu" else nearest(kind, DEVICES)
            meant = f"did you mean '{near}'? " if near else ""
            raise UsageError(
                f"{self._name('rm_device')}={value!r}: unknown device; {meant}(cpu, cuda, cuda:0, "
                "mps, … as torch names them)"
            )
        return value

    def dtype(self) -> str:
        value = self.text("rm_dtype")
        if value and value not in PRECISIONS:
            said = f"{self._name('rm_dtype')}={value!r}: {did_you_mean(value, PRECISIONS)}"
            raise UsageError(said)
        return value or PRECISIONS[0]

    def engine(self) -> str:
        value = self.text("rm_engine") or ""
        if value:
            from rmcheck.shards import engines

            try:
                engines.named(value)
            except UsageError as error:
                raise UsageError(f"{self._name('rm_engine')}: {error}") from None
        return value

    def globs(self) -> tuple[str, ...]:
        value = self.ini.get(INI_FILES) or ()
        try:
            globs = shlex.split(value) if isinstance(value, str) else value
        except ValueError as error:
            raise UsageError(f"{INI_FILES} = {value}: {error}") from None
        if "!" in globs:
            said = f"{INI_FILES}: '!' is not followed by a glob; remove the space after it"
            raise UsageError(said)
        return tuple(globs)

    def _name(self, key: str) -> str:
        """The name of a setting in messages: the option, or the key that set it."""
        return key if self.options.given.get(key) is None else option(key)
