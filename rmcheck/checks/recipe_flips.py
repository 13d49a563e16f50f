"""Wins lost to changes by the trainings of two recipes, each on the pairs that it gets right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rmcheck.checks.more_flips import ALL, Compared, FlipRule, told
from rmcheck.checks.trials import why_not
from rmcheck.stats import groups as grouping
from rmcheck.verdict import Table
from rmcheck.wording import counted, listed

if TYPE_CHECKING:
    from rmcheck.stats.incomplete import Cells, RateDifference


class RecipeFlips(NamedTuple):
    """The wins that a change costs the trainings of two recipes.

    `now` (k, n) and `before` (j, n) are shares of a pair, NaN where a training does not get the
    pair right or nothing is compared.
    """

    name: str
    now: NDArray[np.float64]
    before: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ComparedRecipes(Compared):
    """One change: what it costs both recipes.

    `now` and `before` have the share of lost wins of each training, `seeds` is the share of the
    variance that is between seeds, `detectable` the smallest rise that would be found in 4 of 5
    runs (None: none).
    """

    now: tuple[float, ...]
    before: tuple[float, ...]
    seeds: float
    detectable: float | None


@dataclass(frozen=True, kw_only=True)
class MoreRecipeFlips:
    """The comparison of two recipes over several changes; see `MoreFlips`.

    `now_seeds` and `before_seeds` are the seeds of the trainings (empty: not recorded), and
    `now_pairs` and `before_pairs` on how many pairs each of them was judged: those that it gets
    right, where any change applies.
    """

    most: float
    found: Sequence[ComparedRecipes]
    worse: Sequence[ComparedRecipes]
    few: Sequence[str]
    now_seeds: Sequence[int]
    before_seeds: Sequence[int]
    now_pairs: Sequence[int]
    before_pairs: Sequence[int]

    def message(self, baseline: str) -> str:
        """What it says, in one clause."""
        if not self.found:
            return f"no change decides anything against {baseline} (too few prompts)"
        k, j = len(self.now_pairs), len(self.before_pairs)
        other = f"{counted(j, 'training')} of {baseline}"
        if self.worse:
            names = [
                f"{told(each)[:-1]}, {_mean(each.now):.2f} against {_mean(each.before):.2f})"
                for each in self.worse
            ]
            return (
                f"{counted(k, 'training')} {'loses' if k == 1 else 'lose'} more wins than {other} "
                f"(max_more_flips {self.most:.2f}): {listed(names)}"
            )
        return (
            f"none of {counted(len(self.found), 'comparison')} of {counted(k, 'training')} with "
            f"{other} shows more lost wins (max_more_flips {self.most:.2f}); {self._seen()}"
        )

    def _seen(self) -> str:
        known = [each.detectable for each in self.found]
        rises = sorted(1.0 if rise is None else rise for rise in known)
        middle = rises[len(rises) // 2]
        if middle >= 1.0:
            return "half of the changes could not show any rise with so few prompts and trainings"
        return f"a rise is found at {middle:.2f} or more (80 % power, the median of {len(known)})"

    def facts(self) -> dict[str, object]:
        """The seeds of both recipes."""
        return {"seeds": list(self.now_seeds), "baseline_seeds": list(self.before_seeds)}

    def tables(self, baseline: str) -> tuple[Table, ...]:
        """A row for each training, and a row for each change, the surest rise first."""
        if not self.found:
            return ()
        return self._by_training(baseline), self._by_change(baseline)

    def _by_training(self, baseline: str) -> Table:
        single = [each for each in self.found if each.name != ALL]
        whole = next((each for each in self.found if each.name == ALL), None) or next(iter(single))
        rows: list[tuple[object, ...]] = []
        for name, seeds, pairs, side in (
            ("candidate", self.now_seeds, self.now_pairs, "now"),
            (baseline, self.before_seeds, self.before_pairs, "before"),
        ):
            for place, count in enumerate(pairs):
                seed = str(seeds[place]) if place < len(seeds) else "not recorded"
                shares = {each.name: getattr(each, side)[place] for each in single}
                worst = max(shares, key=lambda change: shares[change])
                lost = getattr(whole, side)[place]
                rows.append((name, seed, count, lost, worst, shares[worst]))
        return Table(
            title="Lost wins of each training",
            columns=("recipe", "seed", "pairs", "lost wins", "most by", "there"),
            rows=tuple(rows),
        )

    def _by_change(self, baseline: str) -> Table:
        order = sorted(self.found, key=lambda each: (each.adjusted, -each.difference, each.name))
        return Table(
            title=f"Lost wins against {baseline}",
            columns=(
                "change", "pairs", "prompts", "lost wins", f"of {baseline}", "more lost wins",
                "variance between seeds", "detectable", "p", "adjusted p",
            ),
            rows=tuple(
                (
                    each.name, each.n, each.n_groups, _mean(each.now), _mean(each.before),
                    each.difference, each.seeds, each.detectable, each.p_value, each.adjusted,
                )
                for each in order
            ),
        )  # fmt: skip


def _mean(shares: Sequence[float]) -> float:
    return sum(shares) / len(shares)


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """A change that can be decided."""

    name: str
    n: int
    n_groups: int
    found: RateDifference


def more_recipe_flips(
    flips: Sequence[RecipeFlips],
    groups: Sequence[str],
    rule: FlipRule,
    *,
    seeds: tuple[Sequence[int], Sequence[int]] = ((), ()),
) -> MoreRecipeFlips:
    """Compare the wins that changes cost the trainings of two recipes.

    Parameters
    ----------
    flips : one for each change, of the same n pairs and the same k + j ≥ 3 trainings.
    groups : (n,) the groups of the pairs.
    rule : when a change is worse, by the mean share of lost wins.
    seeds : of the trainings of both recipes.

    Returns
    -------
    MoreRecipeFlips
        A change is worse when the difference is above 0 and at least `most`, and the adjusted
        one-sided p at most α/2m. All changes together are one comparison more. A change is
        undecidable if one of the trainings has too few prompts.

    Notes
    -----
    The test is `incomplete.rate_difference`: what other pairs and what other seeds would change.
    """
    from rmcheck.stats.incomplete import Cells, rate_difference
    from rmcheck.stats.seeds import detectable_recipe_drop

    sides = {each.name: (Cells.of(each.now), Cells.of(each.before)) for each in flips}
    sides = {name: both for name, both in sides.items() if any(c.times.any() for c in both)}
    right = _right([now for now, _ in sides.values()]), _right([b for _, b in sides.values()])
    if len(sides) > 1:
        sides = {ALL: _together(list(sides.values())), **sides}
    few: list[str] = []
    kept: list[_Kept] = []
    for name, (now, before) in sides.items():
        times = np.concatenate([now.times, before.times])
        if any(why_not(grouping.taken(groups, np.flatnonzero(one))) for one in times):
            few.append(name)
            continue
        rows = np.flatnonzero(times.any(axis=0))
        of = grouping.taken(groups, rows)
        found = rate_difference(now.take(rows), before.take(rows), of)
        kept.append(_Kept(name=name, n=len(rows), n_groups=grouping.count(of), found=found))
    compared = [
        ComparedRecipes(
            name=each.name,
            n=each.n,
            n_groups=each.n_groups,
            difference=each.found.difference,
            p_value=each.found.p_more,
            adjusted=after,
            now=tuple(each.found.now.tolist()),
            before=tuple(each.found.before.tolist()),
            seeds=each.found.spread.share,
            detectable=detectable_recipe_drop(
                each.found.spread,
                trainings=(len(each.found.now), len(each.found.before)),
                max_drop=rule.most,
                each=rule.level / len(kept),
            ),
        )
        for each, after in zip(
            kept, rule.adjusted([each.found.p_more for each in kept]), strict=True
        )
    ]
    return MoreRecipeFlips(
        most=rule.most,
        found=compared,
        worse=rule.worse(compared),
        few=few,
        now_seeds=seeds[0],
        before_seeds=seeds[1],
        now_pairs=right[0],
        before_pairs=right[1],
    )


def _together(sides: Sequence[tuple[Cells, Cells]]) -> tuple[Cells, Cells]:
    """All changes as one: what was counted of each pair, over all of them."""
    from rmcheck.stats.incomplete import Cells

    def summed(parts: Sequence[Cells]) -> Cells:
        total = np.sum([part.total for part in parts], axis=0)
        return Cells(total, np.sum([part.times for part in parts], axis=0))

    return summed([now for now, _ in sides]), summed([before for _, before in sides])


def _right(parts: Sequence[Cells]) -> list[int]:
    """How many pairs of each training have anything that was compared."""
    if not parts:
        return []
    counts = np.any([part.times > 0.0 for part in parts], axis=0).sum(axis=1)
    return [int(count) for count in counts]
