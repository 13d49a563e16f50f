"""What a run was asked to do; filled from pytest's options or by a command."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rmcheck.progress import NoProgress, Progress
from rmcheck.reward_source import SourceOptions

DEFAULT_SOURCE = "recipe:tiny"
DEFAULT_BASELINE = "main"
DEFAULT_CACHE = ".rmcheck"
DEFAULT_REPORT = "reports/latest"
DEFAULT_BASELINES = "fixtures/baselines"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one run. Paths are absolute; `baseline` None means `main` if there is one."""

    root: Path
    source: str = DEFAULT_SOURCE
    baseline: str | None = None
    cache: Path
    baselines: Path
    device: str | None = None
    dtype: str = "float32"
    seed: int = 0
    examples: int | None = None
    progress: Progress = field(default_factory=NoProgress)

    @classmethod
    def below(cls, root: Path, **changes: object) -> Settings:
        """The defaults for a project whose root folder is `root`."""
        paths = {"cache": root / DEFAULT_CACHE, "baselines": root / DEFAULT_BASELINES}
        return cls(root=root, **{**paths, **changes})  # type: ignore[arg-type]

    @property
    def options(self) -> SourceOptions:
        """What reward sources need to know of it."""
        return SourceOptions(
            root=self.root,
            cache=self.cache,
            device=self.device,
            dtype=self.dtype,
            progress=self.progress,
        )
