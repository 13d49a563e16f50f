"""How settings are proposed: all combinations, random draws, or Optuna's TPE sampler."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from rmcheck.extras import needed_by
from rmcheck.training.sweep_file import Choices, SearchRange, Space, Sweep

Settings = Mapping[str, Any]

_MOST_DRAWS = 1000
"""Draws in a row that repeat earlier settings, after which a random search ends."""


class Search(Protocol):
    """Proposes settings, and learns what they reached.

    The same answers lead to the same proposals, so a sweep that is started again comes to the
    same runs, which are in the cache.
    """

    @property
    def independent(self) -> bool:
        """Whether all settings can be asked for before anything is told."""

    def ask(self) -> Settings | None:
        """The next settings; None at the end."""

    def tell(self, win_rate: float | None, rungs: Sequence[float] = ()) -> None:
        """The win rate of the settings that were asked for last; None if the training failed.

        If it was stopped, `rungs` are its values at the rungs that it reached.
        """


def search_of(sweep: Sweep) -> Search:
    """The search that a sweep file asks for.

    Raises
    ------
    ExtraMissing
        If it is `tpe`, and Optuna is not installed.
    """
    if sweep.search == "grid":
        return Grid(sweep.space)
    if sweep.search == "random":
        return Random(sweep.space, sweep.runs, sweep.seed)
    return Tpe(sweep.space, sweep.runs, sweep.seed)


class Grid:
    """All combinations of lists of values; the last key changes fastest."""

    independent = True

    def __init__(self, space: Space) -> None:
        self._left: Iterator[Sequence[Any]] = itertools.product(*space.values())  # type: ignore[arg-type]
        self._keys = list(space)

    def ask(self) -> Settings | None:
        """The next combination."""
        values = next(self._left, None)
        return None if values is None else dict(zip(self._keys, values, strict=True))

    def tell(self, win_rate: float | None, rungs: Sequence[float] = ()) -> None:
        """Nothing depends on it."""


class Random:
    """Independent draws, each setting once."""

    independent = True

    def __init__(self, space: Space, runs: int, seed: int) -> None:
        self._space, self._left = space, runs
        self._rng = np.random.default_rng([seed, 5])
        self._seen: list[Settings] = []

    def ask(self) -> Settings | None:
        """The next draw that was not tried; None if the space seems exhausted."""
        if self._left == 0:
            return None
        self._left -= 1
        for _ in range(_MOST_DRAWS):
            drawn = {key: _drawn(each, self._rng) for key, each in self._space.items()}
            if drawn not in self._seen:
                self._seen.append(drawn)
                return drawn
        return None

    def tell(self, win_rate: float | None, rungs: Sequence[float] = ()) -> None:
        """Nothing depends on it."""


def _drawn(space: Choices | SearchRange, rng: np.random.Generator) -> Any:
    if isinstance(space, list):
        return space[int(rng.integers(len(space)))]
    # Whole numbers: each has an interval of its own, of length 1 (on the scale that is drawn on).
    low, high = (space.low - 0.5, space.high + 0.5) if space.whole else (space.low, space.high)
    if space.log:
        low = max(low, 0.5) if space.whole else low
        value = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    else:
        value = float(rng.uniform(low, high))
    if space.whole:
        return int(min(max(round(value), space.low), space.high))
    # Three digits are enough for a setting, and can be copied by hand.
    return min(max(float(f"{value:.3g}"), space.low), space.high)


class Tpe:
    """Optuna's tree-structured Parzen estimator; what it proposes twice is told again."""

    independent = False

    def __init__(self, space: Space, runs: int, seed: int) -> None:
        with needed_by("search: tpe"):
            import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._left = space, runs
        self._failed = optuna.trial.TrialState.FAIL
        self._stopped = optuna.trial.TrialState.PRUNED
        self._study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        self._kinds: dict[str, Any] = {}
        for key, each in space.items():
            if isinstance(each, list):
                # Values may be lists; their numbers are not.
                self._kinds[key] = optuna.distributions.CategoricalDistribution(range(len(each)))
            elif each.whole:
                self._kinds[key] = optuna.distributions.IntDistribution(
                    int(each.low), int(each.high), log=each.log
                )
            else:
                self._kinds[key] = optuna.distributions.FloatDistribution(
                    each.low, each.high, log=each.log
                )
        self._trial: Any = None
        self._known: list[tuple[Settings, float | None, Sequence[float]]] = []

    def ask(self) -> Settings | None:
        """The next proposal that was not tried."""
        while self._left:
            self._left -= 1
            self._trial = self._study.ask(self._kinds)
            settings = {
                key: each[self._trial.params[key]] if isinstance(each, list)
                else self._trial.params[key]
                for key, each in self._space.items()
            }  # fmt: skip
            known = [(value, rungs) for tried, value, rungs in self._known if tried == settings]
            if not known:
                self._known.append((settings, None, ()))
                return settings
            self._note(*known[0])
        return None

    def tell(self, win_rate: float | None, rungs: Sequence[float] = ()) -> None:
        """Pass it on to Optuna."""
        self._known[-1] = (self._known[-1][0], win_rate, rungs)
        self._note(win_rate, rungs)

    def _note(self, win_rate: float | None, rungs: Sequence[float]) -> None:
        if rungs:
            for rung, value in enumerate(rungs):
                self._trial.report(value, rung)
            self._study.tell(self._trial, state=self._stopped)
        elif win_rate is None:
            self._study.tell(self._trial, state=self._failed)
        else:
            self._study.tell(self._trial, win_rate)
