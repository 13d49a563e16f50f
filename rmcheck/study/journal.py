"""What a training had reached at its rungs, kept beside its adapter, so that a sweep continues."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rmcheck.scoring.seal import holds, seal
from rmcheck.training.adapter import adapter_folder

ENDING = ".rungs"


@dataclass
class Journal:
    """The values of one training at its rungs; `steps`: of `steps` in all, those made.

    Parameters
    ----------
    path
        Its file. It has a seal, as all of the cache has; one that is damaged counts as empty.
    """

    path: Path
    values: dict[int, float] = field(default_factory=dict)
    exists: bool = False

    @classmethod
    def of(cls, cache: Path, fingerprint: str, key: str) -> Journal:
        """That of the training with this fingerprint, judged as `key` says."""
        folder = adapter_folder(cache, fingerprint)
        path = folder.with_name(f".{folder.name}.{key}{ENDING}")
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            given = json.loads(path.read_text(encoding="utf-8"))
            values = {int(rung): float(value) for rung, value in given["values"].items()}
            if holds(given["seal"], *_parts(path, values)):
                return cls(path, values, exists=True)
        return cls(path)

    def write(self, values: Mapping[int, float]) -> None:
        """Keep these values.

        Raises
        ------
        OSError
            If the cache cannot be written to.
        """
        self.values, self.exists = dict(values), True
        text = json.dumps({"values": self.values, "seal": seal(*_parts(self.path, self.values))})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.path)


def _parts(path: Path, values: Mapping[int, float]) -> list[object]:
    return [path.name, *(f"{rung}={value!r}" for rung, value in sorted(values.items()))]
