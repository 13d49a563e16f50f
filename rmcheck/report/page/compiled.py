"""Compiled templates, kept where Python keeps compiled modules."""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from contextlib import suppress
from importlib.metadata import version
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType

from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

from rmcheck import __version__


class CompiledTemplates(BytecodeCache):
    """The compiled form of each template of a folder, in the `__pycache__` of the folder above.

    A template is compiled again if its text, its folder, the settings, or the version of rmcheck,
    Jinja or Python changed. As for modules, nothing is written if `sys.dont_write_bytecode` is set
    or the directory is read-only, and `sys.pycache_prefix` moves it elsewhere. It is not in the
    cache folder of a gate, which other runs may have filled: code must not come from there.

    Parameters
    ----------
    templates
        The folder of the templates.
    settings
        What else the compiled code depends on: the settings of the environment.
    """

    def __init__(self, templates: Path, settings: str) -> None:
        self._name = templates.name
        self._folder: Path | None = None
        with suppress(NotImplementedError):  # a Python that keeps no compiled modules
            self._folder = Path(cache_from_source(str(templates.parent / "any.py"))).parent
        versions = __version__, version("jinja2"), MAGIC_NUMBER.hex()
        self._settings = f"{templates} {versions} {settings}"

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """The name of a template's file."""
        return f"{self._name}.{name}.{sys.implementation.cache_tag}.bin"

    def get_source_checksum(self, source: str) -> str:
        """The hash of all that the compiled form depends on."""
        return hashlib.sha256(f"{self._settings}\n{source}".encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill the bucket from its file; it stays empty if that is missing, old or damaged."""
        if self._folder is None:
            return
        with suppress(OSError, EOFError, ValueError, TypeError):
            kept, _, compiled = (self._folder / bucket.key).read_bytes().partition(b"\n")
            if kept == _seal(bucket, compiled):
                code = marshal.loads(compiled)
                bucket.code = code if isinstance(code, CodeType) else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write the bucket's file as a whole, because other processes may read it."""
        if sys.dont_write_bytecode or self._folder is None:
            return
        path = self._folder / bucket.key
        part = path.with_name(f"{path.name}.{os.getpid()}")
        compiled = marshal.dumps(bucket.code)
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(_seal(bucket, compiled) + b"\n" + compiled)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)


def _seal(bucket: Bucket, compiled: bytes) -> bytes:
    """A hash of template and compiled form: `marshal` must not be given damaged data."""
    return hashlib.sha256(bucket.checksum.encode() + compiled).hexdigest().encode()
