"""A simulated `no_regression` check that may decide before all pairs are scored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.looks import LEVEL, Look
from rmcheck.compare.measured_trial import MeasuredTrial
from rmcheck.compare.simulation import Guard, Trial, Wins
from rmcheck.stats import groups as grouping
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.stats.sequential import critical_values
from rmcheck.verdict import State

_NEAR = 0.5
"""A look is judged where a plain z statistic is at least this part of its critical value. The
intervals of the check are wider than plain ones, and its p-values hardly smaller, so a look below
that decides nothing."""


def trial(guard: Guard, comparisons: int) -> Trial:
    """A guard ready to be judged, as its check judges."""
    if guard.looks:
        return LookingTrial(guard, comparisons)
    measure = guard.check.measure
    if measure == "win_rate" or guard.margins is None:
        return Trial(guard, comparisons)
    return MeasuredTrial(guard, comparisons, guard.margins, measure)


class LookingTrial(Trial):
    """One guard whose check looks at parts of the pairs, in the order in which it scores them."""

    def __init__(self, guard: Guard, comparisons: int) -> None:
        super().__init__(guard, comparisons)
        looks = guard.looks
        codes = grouping.codes(guard.groups)
        self._order = np.array([codes[rows[0]] for rows in looks[-1].groups], dtype=np.intp)
        self._reached = np.array([look.reached for look in looks])
        sizes = grouping.sizes(codes)[self._order].cumsum()
        self._pairs = sizes[self._reached - 1]
        each = one_sided_level(guard.check.alpha, comparisons)
        # The larger of both levels has the smaller critical value.
        level = max(each, (1.0 - LEVEL) / 2.0)
        self._critical = np.array(critical_values(looks[0].fractions, level))

    def red(self, choice: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether the check fails, run by run: (runs, G) contents to (runs,)."""
        return self.judged(choice)[0]

    def judged(self, choice: NDArray[np.intp]) -> tuple[NDArray[np.bool_], Wins | None]:
        """As `red`, and the share of the pairs that each run scores."""
        failed = np.zeros(len(choice), dtype=bool)
        scored = np.empty(len(choice))
        ordered = choice[:, self._order]
        net = self._net[self._order, ordered] / 2.0
        change = net.cumsum(axis=1)[:, self._reached - 1]
        spread = np.sqrt((net**2).cumsum(axis=1)[:, self._reached - 1])
        near = self._near(change, spread)
        for run, kinds in enumerate(self._kind[self._order, ordered]):
            for place, look in enumerate(self.guard.looks):
                safe = self.guard.check.safe(look, change[run, place] / self._pairs[place])
                if not (near[run, place] or safe or look.last):
                    continue
                state = self._state(look, kinds)
                if state != "inconclusive" or safe or look.last:
                    failed[run] = self.guard.check.decide(state)[1] == "fail"
                    scored[run] = self._pairs[place] / self._n
                    break
        return failed, scored

    def _near(self, change: Wins, spread: Wins) -> NDArray[np.bool_]:
        """Whether a look may decide: (runs, looks) sums and root sums of squares of net wins."""
        bounds = (0.0, -self.guard.check.max_drop)
        far = [np.abs(change - bound * self._pairs) for bound in bounds]
        found: NDArray[np.bool_] = np.maximum(*far) >= _NEAR * self._critical * spread
        return found

    def _state(self, look: Look, kinds: NDArray[np.intp]) -> State:
        """The state that the prompts of a look show; `kinds` (G,) are the contents by order."""
        contents = [self._contents[kind] for kind in kinds[: look.reached]]
        columns = np.concatenate(contents)
        sizes = [len(content) for content in contents]
        groups = np.repeat(np.arange(len(sizes)), sizes)
        _, state = self.guard.check.state_at(
            look,
            columns[:, 0],
            columns[:, 1],
            grouping.Groups(groups.astype(str).tolist(), groups.astype(np.intp)),
            self._comparisons,
        )
        return state
