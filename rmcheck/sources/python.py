"""`py:MODULE:CALLABLE`: rewards computed by Python code of the project, in batches."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rmcheck.data import Dialogue
from rmcheck.data.dialogue import content_hash
from rmcheck.data.rows import shown_path
from rmcheck.errors import SourceError, UsageError, did_you_mean, nearest
from rmcheck.progress import DIALOGUES
from rmcheck.reward_source import Source, SourceOptions, completed
from rmcheck.scoring.files import FileHashes
from rmcheck.sources.function import FunctionSource
from rmcheck.sources.layout import parsed, without_options
from rmcheck.sources.model_source import resolved

KEYS = ("batch", "revision")
BATCH = 256
"""Texts of one call, unless the spec says otherwise."""


class PythonSource(Source):
    """A function from a list of (prompt, response) to as many numbers, by its name.

    Parameters
    ----------
    spec
        `py:` and the rest of it.
    module, name
        An importable module or the path of a `.py` file, and what to call in it: a function, an
        async function, an instance with `__call__`, or a class that is made without arguments.
        An instance with `score` is used as a reward source.
    batch
        Texts of one call.
    revision
        A name for everything else that the scores depend on (weights, a service).

    Notes
    -----
    The fingerprint is a hash of the module's file, the name and the revision. Modules that it
    imports are not part of it; a source whose scores depend on them should be given a revision.
    """

    def __init__(
        self,
        spec: str,
        module: str,
        name: str,
        options: SourceOptions,
        batch: int = BATCH,
        revision: str = "",
    ) -> None:
        self._spec = spec
        self.module = module
        self.name = name
        self.batch = batch
        self.revision = revision
        self.options = options
        self.path = _file(module, options.root, spec)

    @property
    def spec(self) -> str:
        """`py:`, module and callable."""
        return self._spec

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the module's file, the callable's name and the revision."""
        code = FileHashes(self.options.cache).of(self.path)
        return content_hash("py", code, self.name, self.revision)

    @property
    def remarks(self) -> Sequence[str]:
        """What the fingerprint covers, unless a revision is given."""
        if self.revision:
            return ()
        shown = shown_path(self.path, self.options.root)
        return (
            f"scores are kept until {shown} changes; if they depend on anything else, add a name "
            "for it: revision=NAME",
        )

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,).

        Raises
        ------
        SourceError
            If the module cannot be imported, has nothing of that name, or what it returns are not
            as many finite numbers.
        """
        scores = np.empty(len(dialogues), dtype=np.float64)
        for members, values in self.stream(dialogues):
            scores[members] = values
        return scores

    def stream(
        self, dialogues: Sequence[Dialogue]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """`score` a batch at a time: (indices, rewards)."""
        inner, progress = self._inner, self.options.progress
        progress.start(f"scoring with {self.spec}", len(dialogues), DIALOGUES)
        try:
            for start in range(0, len(dialogues), self.batch):
                part = dialogues[start : start + self.batch]
                yield np.arange(start, start + len(part), dtype=np.int64), inner.score(part)
                progress.advance(len(part))
        finally:
            progress.finish()

    @cached_property
    def _inner(self) -> Source:
        found = _attribute(_imported(self.module, self.path, self.options.root), self.name, self)
        if isinstance(found, type):
            try:
                found = found()
            except (Exception, SystemExit) as error:  # a user's code may raise anything, or exit
                raise SourceError(
                    f"{self.spec}: {self.name}() raised {type(error).__name__}: {error}"
                ) from error
        if hasattr(found, "score") and hasattr(found, "fingerprint"):
            return completed(found, self.spec)
        if not callable(found):
            raise SourceError(
                f"{self.spec}: {self.name} is not callable; expected a function from a list of "
                "(prompt, response) to a list of as many numbers"
            )
        return FunctionSource(_awaited(found), spec=self.spec)


def _awaited(function: Any) -> Any:
    """The function; of an async one, one that waits for the result."""

    def call(texts: list[tuple[str, str]]) -> Any:
        found = function(texts)
        if not inspect.isawaitable(found):
            return found

        async def wait() -> Any:
            return await found

        return asyncio.run(wait())

    return call


def _file(module: str, root: Path, spec: str) -> Path:
    """The file of a module; nothing of it is run.

    Raises
    ------
    UsageError
        If the file does not exist.
    """
    if module.endswith(".py"):
        path = resolved(module, root)
        if not path.is_file():
            raise UsageError(f"{spec}: file not found: {path}")
        return path
    first, *rest = module.split(".")
    near = root.joinpath(*module.split("."))
    for path in (near.with_suffix(".py"), near / "__init__.py"):
        if path.is_file():
            return path
    found = importlib.util.find_spec(first)
    if found is None or found.origin is None:
        known = sorted(path.stem for path in root.glob("*.py"))
        hint = f"; {did_you_mean(module, known)}" if nearest(module, known) else ""
        raise UsageError(
            f"{spec}: no module {module!r}: expected a .py file below {root}, or an installed "
            f"package{hint}"
        )
    path = Path(found.origin)
    if not rest:
        return path
    below = path.parent.joinpath(*rest)
    for inner in (below.with_suffix(".py"), below / "__init__.py"):
        if inner.is_file():
            return inner
    raise UsageError(f"{spec}: no module {module!r} in the package {first} ({path.parent})")


def _imported(module: str, path: Path, root: Path) -> Any:
    """The module, run once; the project's root is on the import path while it is imported."""
    if not module.endswith(".py") and module in sys.modules:
        return sys.modules[module]
    sys.path.insert(0, str(root))
    try:
        if not module.endswith(".py"):
            return importlib.import_module(module)
        name = f"rmcheck_py_{content_hash(str(path))}"
        if name in sys.modules:
            return sys.modules[name]
        found = importlib.util.spec_from_file_location(name, path)
        assert found is not None
        assert found.loader is not None
        made = sys.modules[name] = importlib.util.module_from_spec(found)
        try:
            found.loader.exec_module(made)
        except BaseException:
            del sys.modules[name]
            raise
        return made
    except (Exception, SystemExit) as error:  # a user's code may raise anything, or exit
        raise SourceError(
            f"py:{module}: cannot be imported: {type(error).__name__}: {error}"
        ) from error
    finally:
        sys.path.remove(str(root))


def _attribute(module: Any, name: str, source: PythonSource) -> Any:
    found = module
    for part in name.split("."):
        if not hasattr(found, part):
            known = [each for each in vars(found) if not each.startswith("_")]
            raise SourceError(
                f"{source.spec}: {source.path} has no {name!r}; {did_you_mean(part, known)}"
            )
        found = getattr(found, part)
    return found


def create(rest: str, options: SourceOptions) -> PythonSource:
    """Rewards from a callable of the project; its module is imported at the first score.

    Raises UsageError if the module does not exist, or for an unknown setting.
    """
    spec = f"py:{rest}"
    given, said = without_options(rest, lambda _: False)
    module, colon, name = given.rpartition(":")
    if not colon or not module or not name:
        raise UsageError(
            f"{spec}: expected py:MODULE:CALLABLE, such as py:scorer:rewards or "
            "py:tools/scorer.py:rewards"
        )
    settings = parsed(said, spec)
    for key in settings:
        if key not in KEYS:
            raise UsageError(f"{spec}: unknown setting {key!r}; {did_you_mean(key, KEYS)}")
    batch = settings.get("batch", str(BATCH))
    if not batch.isdecimal() or int(batch) < 1:
        raise UsageError(f"{spec}: batch: expected a number of texts of at least 1, got {batch!r}")
    return PythonSource(spec, module, name, options, int(batch), settings.get("revision", ""))
