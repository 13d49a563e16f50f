"""The engine: collects what checks need, has it scored once, and judges the checks."""

from rmcheck.engine.engine import Engine
from rmcheck.engine.settings import Settings

__all__ = ["Engine", "Settings"]
