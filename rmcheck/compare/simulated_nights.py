"""What the history would say of nightly models: equal ones, and ones that got worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from rmcheck.compare.forecast import timed
from rmcheck.compare.lookalikes import Contents, Lookalikes, places
from rmcheck.compare.simulation import Guard, Share, Tested
from rmcheck.progress import NoProgress, Progress
from rmcheck.record.history import HistoryCheck, HistoryRun, HistorySource
from rmcheck.record.run import BaselineRecord
from rmcheck.record.standing import ALPHA, standings
from rmcheck.stats.measures import is_worse, weigh
from rmcheck.stats.signflip import sign_flip_p_integer

NIGHTS = 200
GOOD, WATCHED = 20, 30
"""A drop begins on the first night, or after `GOOD` nights; `WATCHED` nights follow."""
MOST_HISTORIES = 200


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """When a drop is told: `median` is the night, counted from the drop on, None if in less than
    half of the histories; `seen` are the histories in which it is told within `WATCHED` nights."""

    median: float | None
    seen: Share


@dataclass(frozen=True, kw_only=True)
class NightsOfCheck:
    """One required check; `at_once` and `late` are None if it detects no drop.

    `drop` is the loss of win rate that was planted: what this check detects in a single run with
    80 % probability. `at_once` has it from the first night on, `late` after `GOOD` nights.
    """

    name: str
    drop: float | None
    false_alarms: Share
    at_once: Alarm | None = None
    late: Alarm | None = None


@dataclass(frozen=True, kw_only=True)
class NightsTest:
    """The whole: `alarms` are the histories of equal models in which any check was told as worse.

    `nights` is the length of those histories.
    """

    nights: int
    comparisons: int
    alarms: Share
    checks: Sequence[NightsOfCheck]
    alpha: float = ALPHA

    @property
    def cries_wolf(self) -> bool:
        """Whether more histories than alpha have a false alarm, by more than noise."""
        return self.alarms.interval[0] > self.alpha


def simulated_nights(
    found: Sequence[Guard],
    tested: Sequence[Tested],
    *,
    comparisons: int,
    nights: int = NIGHTS,
    runs: int = MOST_HISTORIES,
    seed: int = 0,
    progress: Progress | None = None,
) -> NightsTest | None:
    """Simulate histories in which a new model is compared with one baseline every night.

    Parameters
    ----------
    found : the comparisons with their wins.
    tested : what one run detects of each of them, in the same order (`SelfTest.tested`).
    comparisons : m, the number of required comparisons of a whole run.
    nights : the length of a history of equal models, at least 1.
    runs : simulated histories, at most `MOST_HISTORIES`.
    seed : the result depends on nothing else.

    Returns
    -------
    None without a required comparison: the history follows those alone.

    Notes
    -----
    The models are `Lookalikes`: all nights of a history share their pairs and their baseline. Each
    night's one-sided p is that of the check by its measure, on all pairs (also with `early_stop`);
    what follows from them is said by `record.standing.standings`, as for a real history.
    """
    both = [pair for pair in zip(found, tested, strict=True) if pair[0].required]
    if not both:
        return None
    shown, runs = progress or NoProgress(), min(runs, MOST_HISTORIES)
    simulation = _Simulation([Lookalikes(guard) for guard, _ in both], comparisons)
    drops = [one.detectable or 0.0 for _, one in both]
    names = [guard.name for guard, _ in both]
    # The night of the alarm in each history, by check.
    equal, at_once, late = (np.full((len(both), runs), math.inf) for _ in range(3))
    rng = np.random.default_rng(seed)
    for run in timed(shown, "simulating nights", runs, "histories"):
        told = simulation.told(rng, nights)
        equal[:, run] = [told.get(name, math.inf) for name in names]
        if any(drops):
            told = simulation.told(rng, WATCHED, drops)
            at_once[:, run] = [told.get(name, math.inf) for name in names]
            told = simulation.told(rng, GOOD + WATCHED, drops, since=GOOD)
            late[:, run] = [_after(told.get(name, math.inf), GOOD) for name in names]
    alarmed = np.isfinite(equal)
    return NightsTest(
        nights=nights,
        comparisons=comparisons,
        alarms=Share(int(alarmed.any(axis=0).sum()), runs),
        checks=[
            NightsOfCheck(
                name=name,
                drop=drops[place] or None,
                false_alarms=Share(int(alarmed[place].sum()), runs),
                at_once=_alarm(at_once[place]) if drops[place] else None,
                late=_alarm(late[place]) if drops[place] else None,
            )
            for place, name in enumerate(names)
        ],
    )


def _after(night: float, good: int) -> float:
    """A night counted from the drop on; an alarm before it has not seen it."""
    return night - good if night > good else math.inf


def _alarm(nights: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Alarm:
    seen = int(np.isfinite(nights).sum())
    # Of two in the middle the lower one, since a night that never comes has no mean with it.
    median = float(np.sort(nights)[(len(nights) - 1) // 2])
    return Alarm(median=median if math.isfinite(median) else None, seen=Share(seen, len(nights)))


class _Simulation:
    """Histories of the checks of a project; a group of pairs in several of them is drawn once."""

    def __init__(self, models: Sequence[Lookalikes], comparisons: int) -> None:
        self._models = models
        self._comparisons = comparisons
        self._groups, self._mine = places(models)

    def told(
        self,
        rng: np.random.Generator,
        nights: int,
        drops: Sequence[float] | None = None,
        *,
        since: int = 0,
    ) -> dict[str, int]:
        """The night, from 1, from which on each check is told as worse; those that are told.

        `drops` are those of the checks, in the models after the first `since` nights.
        """
        tossed, before, gone = rng.random((3, self._groups))
        coins = rng.random((nights, self._groups))
        p_values: dict[str, list[float]] = {}
        for place, (each, mine) in enumerate(zip(self._models, self._mine, strict=True)):
            drop = drops[place] if drops else 0.0
            baseline = each.contents(tossed[mine], before[mine])
            good = each.contents(tossed[mine], coins[:since, mine])
            worse = each.contents(tossed[mine], coins[since:, mine], gone[mine], drop)
            models = np.concatenate([good, worse])
            p_values[each.guard.name] = [p_less(each, model, baseline) for model in models]
        runs = _history(p_values, nights, self._comparisons)
        return {each.check: runs.index(each.since) + 1 for each in standings(runs)}


def p_less(models: Lookalikes, now: Contents, before: Contents) -> float:
    """The one-sided p that the check of these models leaves in the history; contents are (G,).

    A p above `ALPHA` by a measure of margins, which takes long to compute, is 1: it would not be
    told even if it were the only look.
    """
    measure = models.guard.check.measure
    if measure == "win_rate":
        net = models.net(now, before)
        most = int(np.abs(net).max())
        return _p_of_counts(np.bincount(net + most, minlength=2 * most + 1).tobytes())
    ours, theirs = models.columns(now), models.columns(before)
    margins, wins = (ours[0], theirs[0]), (ours[1], theirs[1])
    if not is_worse(measure, margins=margins, wins=wins, groups=models.groups, level=ALPHA):
        return 1.0
    return weigh(measure, margins=margins, wins=wins, groups=models.groups).p_less


@lru_cache(maxsize=100_000)
def _p_of_counts(counts: bytes) -> float:
    """The p of so many groups of each net, (2k + 1,) from -k to k: it depends on nothing else."""
    table = np.frombuffer(counts, dtype=np.intp)
    return sign_flip_p_integer(np.repeat(np.arange(len(table)) - len(table) // 2, table), "less")


def _history(
    p_values: dict[str, list[float]], nights: int, comparisons: int
) -> tuple[HistoryRun, ...]:
    """Lines as the runs of so many different models leave them."""
    baseline, source = BaselineRecord(name="main"), HistorySource(spec="simulated")
    return tuple(
        HistoryRun(
            started=f"night {night + 1}",
            outcome="pass",
            source=source,
            baseline=baseline,
            comparisons=comparisons,
            checks={
                name: HistoryCheck(outcome="pass", inputs=str(night), p_less=column[night])
                for name, column in p_values.items()
            },
        )
        for night in range(nights)
    )
