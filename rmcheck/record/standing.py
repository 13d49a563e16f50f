"""Whether checkpoints got worse than the baseline, over all runs since it was blessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmcheck.record.history import HistoryRun
from rmcheck.stats.anytime import anytime_p

_SMALLEST = 1e-300
ALPHA = 0.05
"""The probability of a false alarm over all runs against one baseline."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A required comparison in which some checkpoint was worse than the baseline.

    `since` is the first such run, `p` its p-value adjusted for all looks, `then` the difference of
    the win rates in it and `now` that of the latest run (None: not known). `checkpoints` counts
    those that were compared since the baseline was blessed.
    """

    check: str
    baseline: str
    since: HistoryRun
    p: float
    then: float | None
    now: float | None
    checkpoints: int

    @property
    def recovered(self) -> bool:
        """Whether the latest checkpoint is no longer below the baseline."""
        return self.now is not None and self.now >= 0


def standings(runs: Sequence[HistoryRun]) -> tuple[Standing, ...]:
    """The comparisons in which a checkpoint was worse than the baseline of the last run.

    Parameters
    ----------
    runs
        In the order of time. Runs against other baselines are left out, so a new baseline begins
        anew.

    Notes
    -----
    The one-sided p of the gate is taken for each checkpoint. It is valid if a candidate that
    did not get worse wins a prompt that the baseline loses at least as often as the other way. The
    k-th checkpoint is tested at `ALPHA`/(m·k(k + 1)), see `rmcheck.stats.anytime`: valid however
    the runs depend on each other. Runs with the same inputs are one look, and runs of the baseline
    itself do not count.
    """
    if not runs or runs[-1].baseline is None:
        return ()
    baseline = runs[-1].baseline
    looks: set[object] = set()
    first: dict[str, tuple[HistoryRun, float]] = {}
    for run in runs:
        compared = {name: one for name, one in run.checks.items() if one.p_less is not None}
        same = all(one.state == "identical" for one in compared.values())
        if run.baseline != baseline or same:
            continue
        key: object = frozenset((name, one.inputs) for name, one in compared.items())
        if not all(one.inputs for one in compared.values()):
            key = object()  # it cannot be known whether this was seen before
        if key in looks:
            continue
        looks.add(key)
        for name, one in compared.items():
            # A p of 0 is one that is too small for a float; the file may have been edited, too.
            known = min(1.0, max(_SMALLEST, one.p_less or 0.0))
            p = anytime_p(known, len(looks), max(1, run.comparisons))
            if p <= ALPHA:
                first.setdefault(name, (run, p))
    return tuple(
        Standing(
            check=name,
            baseline=baseline.name,
            since=first[name][0],
            p=first[name][1],
            then=first[name][0].checks[name].value,
            now=one.value,
            checkpoints=len(looks),
        )
        for name, one in runs[-1].checks.items()
        if name in first
    )
