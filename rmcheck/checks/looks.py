"""Looks at some of a suite's pairs before all of them are scored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from rmcheck.checks.check import Check, Context, Need
from rmcheck.data import Pairs, PreferencePair, pair_dialogues
from rmcheck.data.preferences import PreferenceData
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.stats.multiplicity import one_sided_level
from rmcheck.verdict import Looked
from rmcheck.wording import counted

FRACTIONS = (
    *(0.025, 0.0375, 0.05, 0.075, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2, 0.225, 0.25, 0.275, 0.3),
    *(0.35, 0.4, 0.5, 0.6, 0.75, 1.0),
)
"""The shares of the pairs at which is looked. All looks together raise the last critical value from
1.96 to 2.13."""

LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Look:
    """The pairs that are scored by a look, and what share of alpha it may spend.

    `fractions` are the shares of the pairs of all looks, `groups` the rows of each prompt in the
    order in which prompts are scored, of which this look has the first `reached`. Without early
    stopping there is one look, at everything, with the plain levels.
    """

    whole: Sequence[PreferencePair]
    number: int = 1
    fractions: tuple[float, ...] = (1.0,)
    groups: Sequence[Sequence[int]] = ()
    reached: int = 0

    @property
    def planned(self) -> bool:
        """Whether there were looks before all pairs are scored."""
        return len(self.fractions) > 1

    @property
    def last(self) -> bool:
        """Whether it has all pairs."""
        return self.number == len(self.fractions)

    @property
    def interim(self) -> bool:
        """Whether it is one before the last."""
        return self.planned and not self.last

    @cached_property
    def pairs(self) -> Sequence[PreferencePair]:
        """The pairs of this look, in the order of the data."""
        return self.whole if self.last else self._of(self.groups[: self.reached])

    @cached_property
    def rest(self) -> Sequence[PreferencePair]:
        """The other pairs."""
        return self._of(self.groups[self.reached :])

    def _of(self, groups: Sequence[Sequence[int]]) -> Pairs:
        return Pairs(self.whole[row] for row in sorted(row for rows in groups for row in rows))

    def nominal(self, alpha: float) -> float:
        """The one-sided level at which this look decides, of the level `alpha` of all looks."""
        if not self.planned:
            return alpha
        from rmcheck.stats.sequential import nominal_levels

        return nominal_levels(self.fractions, alpha)[self.number - 1]

    @property
    def level(self) -> float:
        """The level of this look's two-sided interval; the intervals of all looks hold `LEVEL`."""
        return 1.0 - 2.0 * self.nominal((1.0 - LEVEL) / 2.0) if self.planned else LEVEL

    def alpha(self, alpha: float, comparisons: int) -> float:
        """What `alpha` of a run with so many comparisons is at this look."""
        if not self.planned:
            return alpha
        return 2.0 * comparisons * self.nominal(one_sided_level(alpha, comparisons))

    def repeated(self, p: float) -> float:
        """A one-sided p-value of this look that accounts for the looks before it."""
        if not self.planned:
            return p
        from rmcheck.stats.sequential import repeated_p

        return repeated_p(self.fractions[: self.number], p)

    def adjusted(self, p: float) -> float:
        """The same for a two-sided one."""
        return min(1.0, 2.0 * self.repeated(p / 2.0)) if self.planned else p

    @property
    def final(self) -> Look:
        """The look at all pairs."""
        return replace(self, number=len(self.fractions), reached=len(self.groups))

    @property
    def facts(self) -> dict[str, object]:
        """The facts for a signature."""
        return {"look": f"{self.number}/{len(self.fractions)}"} if self.planned else {}

    @property
    def looked(self) -> Looked | None:
        """What the record says of it; None where nothing was planned but to look at everything."""
        if not self.planned:
            return None
        return Looked(
            look=self.number,
            looks=len(self.fractions),
            pairs=len(self.pairs),
            of=len(self.whole),
            ids=() if self.last else tuple(pair.id for pair in self.pairs),
        )

    @property
    def told(self) -> str:
        """What a message says of it; empty where nothing was planned."""
        if not self.planned:
            return ""
        total = counted(len(self.whole), "pair")
        if self.last:
            return f"; early_stop: no look before the last decided, so all {total} were scored"
        return (
            f"; early_stop: decided on {len(self.pairs):,} of {total} "
            f"(look {self.number} of {len(self.fractions)})"
        )


ALL = Look(())
"""One look at everything, whatever it is."""


def looks_at(
    pairs: Sequence[PreferencePair], *, early: bool, least: int = MIN_GROUPS
) -> list[Look]:
    """The looks at these pairs, the last one at all of them; only that one if not `early`.

    Prompts are taken in an order that their texts decide, so a verdict does not depend on the
    order of the data, on what is cached, or on other checks.

    Parameters
    ----------
    least
        A look has at least this many prompts.
    """
    if not early or not pairs:
        return [Look(pairs)]
    whole = pairs if isinstance(pairs, Pairs) else Pairs(pairs)
    groups = whole.shuffled
    cuts: dict[int, float] = {}
    # Shares times n carry rounding: 0.14 * 600 must be 84.
    total, wanted = 0, iter([math.ceil(each * len(pairs) - 1e-9) for each in FRACTIONS])
    pairs_wanted = next(wanted)
    for reached, rows in enumerate(groups, start=1):
        total += len(rows)
        if reached < len(groups) and (reached < least or total < pairs_wanted):
            continue
        cuts[reached] = total / len(pairs)
        while pairs_wanted <= total < len(pairs):
            pairs_wanted = next(wanted)
    fractions = tuple(cuts.values())
    return [
        Look(whole, number, fractions, groups, reached)
        for number, reached in enumerate(cuts, start=1)
    ]


@dataclass(frozen=True, kw_only=True)
class StoppingCheck(Check):
    """A check that can decide before all pairs are scored.

    Parameters
    ----------
    early_stop
        Scores the prompts in random order and stops as soon as the verdict is sure, with the same
        error rates over all looks (default: false).
    """

    early_stop: bool = False

    def looks(self, ctx: Context) -> list[Look]:
        """The looks at the pairs that the check judges."""
        return looks_at(self.select(ctx.data), early=self.early_stop)

    def settles(self, ctx: Context, look: Look) -> bool:
        """Whether a look that is not the last one decides."""
        raise NotImplementedError

    def seen(self, ctx: Context) -> Look:
        """The first look that decides, or the last one."""
        looks = self.looks(ctx)
        return next((look for look in looks[:-1] if self.settles(ctx, look)), looks[-1])

    def rounds(self, data: PreferenceData) -> list[list[Need]]:
        """The needs of each look that the look before it did not have."""
        needs = self.needs(data)
        looks = looks_at(self.select(data), early=self.early_stop)
        if len(looks) == 1:
            return [needs]
        found, before = [], 0
        for look in looks:
            rows = [row for group in look.groups[before : look.reached] for row in group]
            asked = pair_dialogues([look.whole[row] for row in rows])
            found.append([replace(need, dialogues=asked) for need in needs])
            before = look.reached
        return found

    def settled(self, ctx: Context, rounds: int) -> bool:
        """Whether the last of so many looks decides."""
        looks = self.looks(ctx)
        if not looks[0].planned:
            return False  # needs everything after all
        return rounds >= len(looks) or self.settles(ctx, looks[rounds - 1])

    def stopping(self, early: bool) -> Self:
        """The same check with or without early stopping."""
        return self if early == self.early_stop else replace(self, early_stop=early)
