"""Compiled templates, kept beside them as Python keeps compiled modules."""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from contextlib import suppress
from importlib.metadata import version
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class CompiledTemplates(BytecodeCache):
    """The compiled form of each template, in the folder `__pycache__` beside the templates.

    A template is compiled again when its text, Jinja's version or Python's has changed. As for
    modules, nothing is written where `sys.dont_write_bytecode` is set or the folder is read-only.

    Parameters
    ----------
    templates
        The folder of the templates.
    settings
        What else the compiled code depends on: the settings of the environment.
    """

    def __init__(self, templates: Path, settings: str) -> None:
        self._folder = templates / "__pycache__"
        self._settings = f"{version('jinja2')} {MAGIC_NUMBER.hex()} {settings}"

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """The name of a template's file: its own, as all are from one folder."""
        return f"{name}.{sys.implementation.cache_tag}.bin"

    def get_source_checksum(self, source: str) -> str:
        """The hash of all that the compiled form depends on."""
        return hashlib.sha256(f"{self._settings}\n{source}".encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket from its file; it stays empty where that is missing, old or damaged."""
        with suppress(OSError, EOFError, ValueError, TypeError):
            kept, _, compiled = (self._folder / bucket.key).read_bytes().partition(b"\n")
            if kept == self._seal(bucket, compiled):
                code = marshal.loads(compiled)
                bucket.code = code if isinstance(code, CodeType) else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write the bucket's file as a whole, because other processes may read it."""
        if sys.dont_write_bytecode:
            return
        path = self._folder / bucket.key
        part = path.with_name(f"{path.name}.{os.getpid()}")
        compiled = marshal.dumps(bucket.code)
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            try:
                part.write_bytes(self._seal(bucket, compiled) + b"\n" + compiled)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)

    def _seal(self, bucket: Bucket, compiled: bytes) -> bytes:
        """A hash of template and compiled form: `marshal` must not be given damaged data."""
        return hashlib.sha256(bucket.checksum.encode() + compiled).hexdigest().encode()
