"""Files to be written, all of them or none, and none in the place of another."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rmcheck.errors import Problem, ProblemsFound


@dataclass(frozen=True)
class Made:
    """What became of a draft: paths as the draft names them, in its order."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """Texts by their paths below `root`, with forward slashes."""

    root: Path
    files: Mapping[str, str]

    def taken(self) -> tuple[str, ...]:
        """The paths at which something lies already; a link that leads nowhere counts."""
        return tuple(path for path in self.files if os.path.lexists(self.root / path))

    def write(self) -> Made:
        """Write what is missing, keep what is there.

        Raises
        ------
        ProblemsFound
            For every path that cannot be written because a file stands where its folder belongs;
            nothing has been written then.
        """
        self._check_folders()
        kept = self.taken()
        written = [path for path in self.files if path not in kept]
        for path in written:
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            # "x": whatever appeared there since is not overwritten either.
            with target.open("x", encoding="utf-8", newline="\n") as file:
                file.write(self.files[path])
        return Made(tuple(written), kept)

    def _check_folders(self) -> None:
        blocking: dict[Path, None] = {}
        for path in self.files:
            target = self.root / path
            for folder in reversed(target.parents):
                if os.path.lexists(folder) and not folder.is_dir():
                    blocking[folder] = None
                    break
        if blocking:
            said = "is no folder, and one is needed there; move it away"
            raise ProblemsFound(Problem(str(folder), 0, 0, said) for folder in blocking)
