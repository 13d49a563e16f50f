"""The registry: built-in kinds by name, and those that other packages add by entry points."""

from __future__ import annotations

import importlib.metadata
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import EntryPoint
from typing import Any, Generic, TypeVar

from rmcheck.errors import RmcheckError

Kind = TypeVar("Kind")


class BrokenEntryPoint(RmcheckError):
    """An entry point of another package cannot be used."""

    def __init__(self, point: EntryPoint, reason: str) -> None:
        super().__init__(
            f"{_package(point)}: entry point '{point.name}' ({point.group}): {reason}; "
            "fix, update or uninstall that package"
        )


@dataclass(frozen=True)
class Registry(Generic[Kind]):
    """Kinds by name. Listing the names does not import them.

    Parameters
    ----------
    ours
        The built-in kinds by name: `module:attribute`, or a module.
    accept
        Called with a name and the object loaded for it; returns the kind, or raises ValueError
        with the reason.
    group
        The entry point group in which other packages register kinds; None if they cannot.
    """

    ours: Mapping[str, str]
    accept: Callable[[str, object], Kind]
    group: str | None = None

    def names(self) -> list[str]:
        """Every name, ours first; others may be broken, which is known once they are imported."""
        return [*self.ours, *sorted(set(self._theirs()) - set(self.ours))]

    def find(self, name: str) -> Kind | None:
        """The kind of that name, imported now; None if the name is unknown.

        Raises
        ------
        BrokenEntryPoint
            If another package's entry point of that name cannot be used.
        """
        if name in self.ours:
            return self.accept(name, _loaded(self.ours[name]))
        points = self._theirs().get(name)
        if not points:
            return None
        if len(points) > 1:
            others = ", ".join(_package(point) for point in points[1:])
            raise BrokenEntryPoint(points[0], f"{others} registers the same name")
        try:
            return self.accept(name, points[0].load())
        except (Exception, SystemExit) as error:  # another package's import may raise anything
            raise self.broken(name, error) from error

    def broken(self, name: str, error: BaseException) -> BrokenEntryPoint:
        """The error that names the package behind the kind `name`."""
        said = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        point = self._theirs().get(name, [EntryPoint(name, "", self.group or "")])[0]
        return BrokenEntryPoint(point, " ".join(said.split()))

    def sound(self) -> tuple[dict[str, Kind], list[BrokenEntryPoint]]:
        """Every kind that can be used, imported now, and the errors of the broken ones."""
        found: dict[str, Kind] = {}
        errors = [
            BrokenEntryPoint(point, "this is the name of a built-in kind; choose another name")
            for name, points in self._theirs().items()
            for point in points
            if name in self.ours
        ]
        for name in self.names():
            try:
                kind = self.find(name)
            except BrokenEntryPoint as error:
                errors.append(error)
            else:
                if kind is not None:
                    found[name] = kind
        return found, errors

    def package(self, name: str) -> str | None:
        """The package (name and version) of another's kind; None for one of ours."""
        points = [] if name in self.ours else self._theirs().get(name, [])
        return _package(points[0]) if points else None

    def _theirs(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        if self.group is not None:
            for point in entry_points(self.group):
                found.setdefault(point.name, []).append(point)
        return {name: sorted(points, key=_package) for name, points in found.items()}


def entry_points(group: str) -> Sequence[EntryPoint]:
    """The entry points of a group in the installed packages.

    The files of the packages are read once for each state of `sys.path`: a gate asks for seven
    groups, and `importlib.metadata` would read all of them for each.
    """
    return _of_group(tuple(sys.path), group)


@lru_cache(maxsize=64)
def _of_group(paths: tuple[str, ...], group: str) -> Sequence[EntryPoint]:
    found: Iterable[EntryPoint] = _installed(paths).select(group=group)
    return tuple(found)


@lru_cache(maxsize=4)
def _installed(_: tuple[str, ...]) -> Any:  # the type differs between versions of Python
    return importlib.metadata.entry_points()


def function(signature: str) -> Callable[[str, object], Any]:
    """An `accept` for kinds that are functions of this signature."""

    def accept(_: str, found: object) -> Any:
        if not callable(found):
            raise ValueError(
                f"expected a function {signature}, got {type(found).__name__} {found!r:.80}"
            )
        return found

    return accept


def summary(kind: object) -> str:
    """The first line of a docstring, for lists; empty if it is missing."""
    text = inspect.cleandoc(kind.__doc__ or "")
    # A dataclass without a docstring gets its signature as one.
    made = isinstance(kind, type) and text.startswith(f"{kind.__name__}(")
    return "" if made or not text else text.splitlines()[0]


@cache
def _loaded(place: str) -> object:
    """What `module:attribute` names; a report asks for the same few charts hundreds of times."""
    return EntryPoint("", place, "").load()


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else f"package of {point.value}"
