"""Files to be written, without overwriting any existing file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rmcheck.errors import Problem, ProblemsFound


@dataclass(frozen=True)
class Made:
    """The files written, and the existing ones that were kept."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """Texts by their paths below `root`, with forward slashes."""

    root: Path
    files: Mapping[str, str]

    def taken(self) -> tuple[str, ...]:
        """The paths that already exist; a broken link counts."""
        return tuple(path for path in self.files if os.path.lexists(self.root / path))

    def write(self) -> Made:
        """Write the files that do not exist yet.

        Raises
        ------
        ProblemsFound
            If a file exists where a folder is needed; nothing is written then.
        """
        self._check_folders()
        kept = self.taken()
        written = [path for path in self.files if path not in kept]
        for path in written:
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            # "x": a file created meanwhile is not overwritten either.
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
            said = "is not a directory, but a directory is needed here; move the file"
            raise ProblemsFound(Problem(str(folder), 0, 0, said) for folder in blocking)
