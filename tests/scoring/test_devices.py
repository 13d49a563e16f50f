"""Devices are picked without transformers, and a missing one is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rmcheck.errors import SourceError
from rmcheck.scoring.devices import pick_device

PROGRAM = """
import sys
from rmcheck.scoring.devices import pick_device
assert pick_device("cpu") == "cpu"
print("transformers" in sys.modules)
"""


def test_transformers_is_not_imported_for_it() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert said.stdout == "False\n", said.stderr


def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(SourceError, match=r"--rm-device xpu:7: device not available"):
        pick_device("xpu:7")
