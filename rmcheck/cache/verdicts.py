"""What runs concluded on disk, one file each, found by all that it depends on."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from rmcheck.data.dialogue import content_hash
from rmcheck.scoring.seal import Seals

FOLDER = "verdicts"
"""Where they are in the cache folder."""
SLICES = "slices-"
"""Begins the names of files that are of suites' slices, not of checks; no hexadecimal digit."""
MOST = 8
"""A check has at most so many files; the oldest are deleted."""


class VerdictStore:
    """What checks concluded, by check and key; several processes may share the folder.

    It never stops a run. A file counts if its checksum is that of its key and content (see
    `rmcheck.scoring.seal`); any other is ignored, and what cannot be written is not kept.

    Parameters
    ----------
    cache
        The cache folder.
    prefix
        Of the names of files that are not of checks: `SLICES`.
    """

    def __init__(self, cache: Path, prefix: str = "") -> None:
        self.folder = cache / FOLDER
        self._prefix = prefix

    def get(self, check: str, key: str) -> dict[str, Any] | None:
        """What was kept for the check under this key; None if there is nothing to be trusted."""
        try:
            seal, _, text = self._path(check, key).read_bytes().partition(b"\n")
            content = text.decode("utf-8")
            if not self._seals(check, key).hold(seal.decode("ascii"), content):
                return None
            found: dict[str, Any] = from_json(content)
        except (OSError, ValueError):
            return None
        return found

    def put(self, check: str, key: str, content: Mapping[str, Any]) -> None:
        """Keep `content`, which is plain JSON; the file appears complete or not at all."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        path = self._path(check, key)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        try:
            whole = f"{self._seals(check, key).of(text)}\n{text}".encode()
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                beside.write_bytes(whole)
                os.replace(beside, path)
            finally:
                beside.unlink(missing_ok=True)
            self._sweep(check)
        except (OSError, UnicodeEncodeError):  # a full disk, a text that is not Unicode
            return

    def _sweep(self, check: str) -> None:
        """Delete the oldest files of a check, and what a killed process left."""
        dated = []
        for path in self.folder.glob(f"{self._prefix}{_stem(check)}-*"):
            with contextlib.suppress(OSError):
                dated.append((path.stat().st_mtime, path))
        for _, path in sorted(dated, reverse=True)[MOST:]:
            path.unlink(missing_ok=True)

    def _path(self, check: str, key: str) -> Path:
        return self.folder / f"{self._prefix}{_stem(check)}-{key}.json"

    def _seals(self, check: str, key: str) -> Seals:
        return Seals("verdict", self._prefix + check, key)


def _stem(check: str) -> str:
    return content_hash(check)[:12]
