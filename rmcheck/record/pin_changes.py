"""Which pins are new, fixed, or broken again since another run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rmcheck.verdict import PinState
from rmcheck.wording import listed


class Pinned(Protocol):
    """A pin's id and its state in a run."""

    @property
    def id(self) -> str:
        """The id in the pin file."""

    @property
    def state(self) -> PinState:
        """Whether its promise holds."""


@dataclass(frozen=True)
class PinChanges:
    """Ids of pins by what became of them.

    `back` are broken now and held before, `fixed` hold now and were broken before, `new` were not
    tested before (`new_broken`: and are broken), `still` are broken in both runs, `removed` were
    tested before and are no longer.
    """

    back: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    new_broken: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The changes in a clause; empty where there are none and no pin is broken."""
        broken = f" ({len(self.new_broken)} broken)" if self.new_broken else ""
        told = (
            ("back again", self.back),
            ("still broken", self.still),
            ("fixed", self.fixed),
            (f"new{broken}", self.new),
            ("removed", self.removed),
        )
        return ", ".join(f"{len(ids)} {word}: {listed(ids)}" for word, ids in told if ids)


def changes(now: Iterable[Pinned], before: Mapping[str, PinState]) -> PinChanges:
    """What became of the pins since a run in which they had the states `before`, by id.

    >>> from rmcheck.verdict import PinResult
    >>> now = [PinResult(id="a", state="broken"), PinResult(id="b", state="holds")]
    >>> str(changes(now, {"a": "holds", "b": "broken", "c": "holds"}))
    '1 back again: a, 1 fixed: b, 1 removed: c'
    """
    tested = list(now)
    broken = [pin.id for pin in tested if pin.state == "broken"]
    new = [pin.id for pin in tested if pin.id not in before]
    held = [pin.id for pin in tested if pin.state == "holds"]
    ids = {pin.id for pin in tested}
    return PinChanges(
        back=tuple(each for each in broken if before.get(each) == "holds"),
        fixed=tuple(each for each in held if before.get(each) == "broken"),
        new=tuple(new),
        new_broken=tuple(each for each in new if each in broken),
        still=tuple(each for each in broken if before.get(each) == "broken"),
        removed=tuple(each for each in before if each not in ids),
    )


def told(name: str, found: PinChanges) -> str:
    """The changes against a run of that name, in a clause; empty without any."""
    said = str(found)
    return f"pins against {name}: {said}" if said else ""


def states(pins: Sequence[Pinned]) -> dict[str, PinState]:
    """The state of each pin by its id."""
    return {pin.id: pin.state for pin in pins}
