"""What `rmcheck selftest` says of histories and of searches, in lines and in JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rmcheck.cli.output import aligned
from rmcheck.cli.recipes import as_json
from rmcheck.errors import UsageError
from rmcheck.wording import counted, listed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from rmcheck.compare.comparison import Side
    from rmcheck.compare.selftest import SelfTest
    from rmcheck.compare.simulated_bisect import BisectTest
    from rmcheck.compare.simulated_nights import Alarm, NightsTest
    from rmcheck.compare.simulation import Guard, Share
    from rmcheck.progress import Progress


@dataclass(frozen=True)
class OverTime:
    """The sections that were asked for."""

    nights: NightsTest | None = None
    bisect: BisectTest | None = None

    @property
    def cries_wolf(self) -> bool:
        """Whether equal models are told as worse too often, in either."""
        return any(each is not None and each.cries_wolf for each in (self.nights, self.bisect))

    def lines(self) -> list[str]:
        """For people."""
        return [
            *(nights_lines(self.nights) if self.nights else []),
            *(bisect_lines(self.bisect) if self.bisect else []),
        ]

    def as_json(self) -> dict[str, Any]:
        """The same for other tools; a section that was not asked for is left out."""
        return {
            **({"nights": nights_json(self.nights)} if self.nights else {}),
            **({"bisect": bisect_json(self.bisect)} if self.bisect else {}),
        }


def simulated(
    found: Sequence[Guard],
    result: SelfTest,
    suites: Sequence[str],
    sides: tuple[Side, Side | None],
    options: argparse.Namespace,
    progress: Progress,
) -> OverTime:
    """Run what `--nights` and `--bisect` ask for."""
    nights, bisect = None, None
    if options.nights:
        from rmcheck.compare.simulated_nights import simulated_nights

        nights = simulated_nights(
            found,
            result.tested,
            comparisons=result.comparisons,
            nights=options.nights,
            runs=options.runs,
            seed=options.seed,
            progress=progress,
        )
        if nights is None:
            raise UsageError(
                "--nights: all comparisons are advisory; a history follows required ones"
            )
    if options.bisect:
        from rmcheck.compare.simulated_bisect import simulated_bisect, suite_guards

        guards = suite_guards(suites, *sides)
        bisect = simulated_bisect(guards, runs=options.runs, seed=options.seed, progress=progress)
        if bisect is None:
            raise UsageError("--bisect: no suite has enough pairs that run and baseline share")
    return OverTime(nights, bisect)


def nights_lines(found: NightsTest) -> list[str]:
    """A line about equal models, and a row for each check."""
    from rmcheck.compare.simulated_nights import GOOD, WATCHED

    said = "more than alpha" if found.cries_wolf else "within alpha"
    lines = [
        "",
        f"over time: equal models, a new one each night for {counted(found.nights, 'night')}: "
        f"{_share(found.alarms)} of "
        f"{counted(found.alarms.runs, 'simulated history', 'simulated histories')} have an alarm, "
        f"{said} ({found.alpha:.0%})",
        "",
        f"median night of the alarm, counted from the drop on, and share told within {WATCHED} "
        "nights",
    ]
    rows = [["", "equal", "drop", "from night 1", f"after {GOOD} nights"]]
    for one in found.checks:
        drop = "nothing" if one.drop is None else f"{one.drop * 100:.1f} pt"
        rows.append(
            [one.name, f"{one.false_alarms.value:.1%}", drop, _alarm(one.at_once), _alarm(one.late)]
        )
    return [*lines, *aligned(rows)]


def _alarm(alarm: Alarm | None) -> str:
    if alarm is None:
        return "-"
    median = "none" if alarm.median is None else f"night {alarm.median:g}"
    return f"{median}, {alarm.seen.value:.0%}"


def _share(share: Share) -> str:
    low, high = share.interval
    return f"{share.value:.1%} [{low:.1%}, {high:.1%}]"


def nights_json(found: NightsTest) -> dict[str, Any]:
    """The same for other tools."""
    return {
        "nights": found.nights,
        "alpha": found.alpha,
        "alarms": as_json(found.alarms),
        "cries_wolf": found.cries_wolf,
        "checks": [
            {
                "id": one.name,
                "equal_models": as_json(one.false_alarms),
                "drop": one.drop,
                "from_the_first_night": _alarm_json(one.at_once),
                "after_good_nights": _alarm_json(one.late),
            }
            for one in found.checks
        ],
    }


def _alarm_json(alarm: Alarm | None) -> dict[str, Any] | None:
    return {"median_night": alarm.median, "seen": as_json(alarm.seen)} if alarm else None


def bisect_lines(found: BisectTest) -> list[str]:
    """A line about series without a worse step, and two about those with one."""
    said = "more than allowed" if found.cries_wolf else "within what is allowed"
    lines = [
        "",
        f"bisect: series of {found.steps} equal models: a step is named in "
        f"{_share(found.named)} of {found.named.runs:,} simulated ones, {said} "
        f"({found.level:.1%})",
    ]
    if not (found.exact and found.early and found.within):
        return [*lines, "bisect: no drop planted, the pairs of no suite detect one"]
    drops = [f"{name} {drop * 100:.1f} pt" for name, drop in found.drops.items()]
    return [
        *lines,
        f"bisect: from a random step on worse ({listed(drops, limit=8)}): this step is named in "
        f"{_share(found.exact)}, one before it in {_share(found.early)}, a range with it in "
        f"{_share(found.within)}; {found.scored:.1f} steps scored on average, "
        f"{found.most_scored} at most",
    ]


def bisect_json(found: BisectTest) -> dict[str, Any]:
    """The same for other tools."""
    return {
        "steps": found.steps,
        "level": found.level,
        "named_without_one": as_json(found.named),
        "cries_wolf": found.cries_wolf,
        "drops": found.drops,
        "found": found.exact and as_json(found.exact),
        "too_early": found.early and as_json(found.early),
        "within_the_range": found.within and as_json(found.within),
        "scored": found.scored,
        "most_scored": found.most_scored,
    }
