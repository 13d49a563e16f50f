"""Which runs of a sweep were stopped at which rung, and how much training that saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rmcheck.report import numbers
from rmcheck.wording import counted

MEASURES = {"win_rate": "win rate", "log_loss": "log loss"}


class Judged(Protocol):
    """A run."""

    @property
    def number(self) -> int:
        """Its number."""

    @property
    def rungs(self) -> Mapping[int, float]:
        """Its values at the rungs that it reached; minus a log loss."""

    @property
    def stopped(self) -> int | None:
        """The rung at which it was stopped."""


class Pruned(Protocol):
    """How runs were stopped."""

    @property
    def reduction(self) -> int:
        """The best 1/reduction went on."""

    @property
    def by(self) -> str:
        """What was compared."""


class Stopping(Protocol):
    """A sweep whose runs were stopped."""

    @property
    def runs(self) -> Sequence[Judged]:
        """All runs."""

    @property
    def shares(self) -> Sequence[float]:
        """The rungs, as shares of a training."""

    @property
    def saved(self) -> float:
        """The share of the training that was not made."""


@dataclass(frozen=True)
class Rung:
    """A rung: its share of a training, the runs that reached it, those it stopped, the best value.

    Without a run that reached it there is no best value.
    """

    share: str
    reached: int
    stopped: tuple[int, ...]
    best: float | None


def rungs(found: Stopping) -> Iterator[Rung]:
    """The rungs in order."""
    for rung, share in enumerate(found.shares):
        values = [run.rungs[rung] for run in found.runs if rung in run.rungs]
        yield Rung(
            share=f"{share:.0%}",
            reached=len(values),
            stopped=tuple(sorted(run.number for run in found.runs if run.stopped == rung)),
            best=abs(max(values)) if values else None,
        )


def stopping(found: Stopping, how: Pruned) -> Iterator[str]:
    """The rungs in lines, and how much training was saved."""
    yield summary(found)
    for each in rungs(found):
        best = "–" if each.best is None else numbers.number(each.best)
        names = ", ".join(map(str, each.stopped)) or "none"
        yield (
            f"  at {each.share:>4}: {counted(each.reached, 'run')} measured, best "
            f"{MEASURES[how.by]} {best}, stopped: {names}"
        )


def summary(found: Stopping) -> str:
    """How many runs were stopped, and how much training was saved."""
    count = sum(run.stopped is not None for run in found.runs)
    return (
        f"{count} of {counted(len(found.runs), 'run')} stopped early; {found.saved:.0%} of the "
        "training was not needed"
    )
