"""The check `scale_invariance`."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from rmcheck.checks import evidence, threshold
from rmcheck.checks.check import (
    CANDIDATE,
    Check,
    Context,
    Need,
    ScoredPairs,
    Share,
    SourceRef,
)
from rmcheck.checks.mapped import MappedContext
from rmcheck.data import Dialogue, PreferencePair, Prompt
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import RmcheckError
from rmcheck.reward_source import Rescalable
from rmcheck.stats.precision import PRECISIONS, Precision, cast, lost_at_most, lost_orderings
from rmcheck.verdict import Curve, Evidence, Point, Series, Table, Verdict
from rmcheck.wording import be, counted, minus

if TYPE_CHECKING:
    from rmcheck.checks.affine import AffineMap

PROBED = 24
"""How many texts are scored once more on their own, and with the head rescaled."""
ALONE = SourceRef(probe="alone")
HEAD_FACTORS = (2.0**-6, 2.0**6, 3.7)
BATCH_TOLERANCE = 0.01
"""In standard deviations of the scores; a score normalised by its batch moves by far more."""
HEAD_TOLERANCE = 1e-4
"""Relative to the largest score, for factors other than powers of two."""


@dataclass(frozen=True, kw_only=True)
class ScaleInvariance(Check):
    """The ranking does not change when rewards are rescaled, shifted and cast, as in RLHF.

    Hypothesis searches maps a·r + b (a in [1/64, 64], b within ±3 standard deviations) for one
    that loses orderings when the mapped scores are stored in `precision`; losses in the other
    precisions are reported. The check also tests whether different responses share a score
    (clipped, saturated or rounded rewards), whether a score depends on the rest of its batch
    (normalised rewards), whether a model's head times a constant gives the scores times that
    constant, and whether any other verdict of the suite changes under such a map.

    Parameters
    ----------
    examples
        How many maps Hypothesis draws.
    max_flips
        How many orderings may be lost in `precision`.
    precision
        The precision that stores the rewards: `float32` (default), `bfloat16` or `float16`.
    max_shared
        The largest acceptable share of responses that have exactly the same score as another one.
    """

    kind: ClassVar[str] = "scale_invariance"
    sentence: ClassVar[str] = (
        "Whether the ranking stays the same when scores are scaled, shifted and rounded."
    )
    rejudged: ClassVar[bool] = False

    examples: Annotated[int, Ge(10), Le(100_000)] = 200
    max_flips: Annotated[int, Ge(0)] = 0
    precision: Precision = "float32"
    max_shared: Share = 0.01

    def needs(self, data: PreferenceData) -> list[Need]:
        """All pairs, and a few texts once more: on their own and with the head rescaled."""
        probed = _probed(self.select(data))
        heads = [SourceRef(head_scale=factor, probe="alone") for factor in HEAD_FACTORS]
        return [*super().needs(data), *(Need(source, probed) for source in (ALONE, *heads))]

    def judge(self, ctx: Context) -> Verdict:
        """Search for a map that breaks the ranking, then probe the source itself."""
        from rmcheck.stats import winrate

        scored = ctx.scored(self.select(ctx.data))
        criterion = {
            "max_flips": self.max_flips,
            "precision": self.precision,
            "max_shared": self.max_shared,
        }
        reason = winrate.undecidable(winrate.wins(scored.chosen, scored.rejected), scored.groups)
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        search = _Search(scored, self, ctx.examples or self.examples)
        search.run(ctx.seed)
        faults = [
            *search.faults(),
            *self._shared(scored),
            *_batch_dependence(ctx, scored),
            *_head(ctx, scored),
            *self._changed_decisions(ctx, search),
        ]
        held = "fail" if faults else "pass"
        facts = {
            "n": len(scored.pairs),
            "examples": search.examples,
            "precision": self.precision,
        }
        return Verdict(
            decision="fail" if faults else "pass",
            outcome="fail" if faults else "pass",
            criterion=criterion,
            message=f"{self.label} " + ("; ".join(faults) if faults else search.summary()),
            signature=ctx.signature(self.kind, facts),
            evidence=Evidence(
                pictures=(search.picture(),),
                tables=(search.table(),),
                pairs=search.broken_pairs() if held == "fail" else (),
                notes=(*_dependent(ctx), *_unprobed(ctx)),
            ),
        )

    def _shared(self, scored: ScoredPairs) -> list[str]:
        if self.max_shared >= 1.0:
            return []  # a share is never above 1
        prompts = [pair.prompt for pair in scored.pairs]
        texts: dict[tuple[Prompt, str], float] = {}
        for side, column in (("chosen", scored.chosen), ("rejected", scored.rejected)):
            responses = map(attrgetter(side), scored.pairs)
            texts.update(zip(zip(prompts, responses, strict=True), column.tolist(), strict=True))
        values, counts = np.unique(np.array(list(texts.values())), return_counts=True)
        shared = int(counts[counts > 1].sum())
        if shared / len(texts) <= self.max_shared:
            return []
        top = int(counts.argmax())
        return [
            f"{shared} of {len(texts)} different responses share their score with another "
            f"({counts[top]} have {minus(f'{values[top]:g}')}): rewards are clipped, saturated "
            "or rounded"
        ]

    def _changed_decisions(self, ctx: Context, search: _Search) -> list[str]:
        changed = []
        for check in ctx.siblings:
            if not (check.rejudged and check.scale_free):
                continue
            try:
                side = ctx.side(check.objective or "")
                before = side.verdict(check)
                if before.state == "identical":
                    continue  # "Every score is the same" says nothing about ranks.
                for found in search.extremes():
                    after = check.judge(MappedContext(side, found, self.precision))
                    if after.decision != before.decision:
                        changed.append(
                            f"the verdict of {check.label} changes from {before.decision} to "
                            f"{after.decision} at {found}"
                        )
                        break
            except RmcheckError:
                continue
        return changed


class _Search:
    """Hypothesis looking for the map that loses most orderings, in each precision."""

    def __init__(self, scored: ScoredPairs, check: ScaleInvariance, examples: int) -> None:
        self.scored = scored
        self.check = check
        self.examples = examples
        both = np.concatenate([scored.chosen, scored.rejected])
        self.spread = float(both.std())
        self.most: dict[str, int] = {}
        self.broken: tuple[AffineMap, NDArray[np.intp]] | None = None

    def run(self, seed: int) -> None:
        """Draw maps; keep the worst count of each precision and the simplest failing map."""
        from rmcheck.checks.affine import passing_draws, search

        # As long as no map fails, Hypothesis draws the same ones whatever the scores are.
        drawn = passing_draws(seed, self.examples)
        factors, shifts = drawn[:, 0], drawn[:, 1] * self.spread
        most: dict[str, int] = {
            precision: lost_at_most(
                self.scored.chosen, self.scored.rejected, factors, shifts, precision
            )
            for precision in PRECISIONS
        }
        if most[self.check.precision] <= self.check.max_flips:
            self.most = most
            return

        def holds(found: AffineMap) -> None:
            for precision in PRECISIONS:
                lost = lost_orderings(
                    self.scored.chosen,
                    self.scored.rejected,
                    factor=found.factor,
                    shift=found.shift,
                    precision=precision,
                )
                self.most[precision] = max(self.most.get(precision, 0), len(lost))
                if precision == self.check.precision and len(lost) > self.check.max_flips:
                    self.broken = (found, lost)
                    raise _OrderingLost

        # `broken` holds the simplest map afterwards: Hypothesis replays it last.
        with contextlib.suppress(_OrderingLost):
            search(holds, self.spread, seed, self.examples)

    def faults(self) -> list[str]:
        if self.broken is None:
            return []
        found, lost = self.broken
        first = self.scored.pairs[int(self._by_margin(lost)[0])].id
        return [
            f"{len(lost)} of {len(self.scored.pairs)} orderings {be(len(lost))} lost at {found} in "
            f"{self.check.precision} (max_flips {self.check.max_flips}), first {first}"
        ]

    def broken_pairs(self) -> tuple[str, ...]:
        if self.broken is None:
            return ()
        rows = self._by_margin(self.broken[1])[: evidence.MOST_PAIRS]
        return tuple(self.scored.pairs[int(row)].id for row in rows)

    def _by_margin(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        return rows[np.argsort(np.abs(self.scored.margins[rows]), kind="stable")]

    def extremes(self) -> list[AffineMap]:
        """The two corners of the search: smallest scale shifted down, largest shifted up.

        Without one that drives a score out of the range of `precision`: what is infinite cannot be
        judged, and the orderings lost there have been counted.
        """
        from rmcheck.checks.affine import AffineMap

        both = np.concatenate([self.scored.chosen, self.scored.rejected])
        corners = AffineMap(2.0**-6, -3 * self.spread), AffineMap(2.0**6, 3 * self.spread)
        return [
            corner
            for corner in corners
            if np.isfinite(cast(corner.factor * both + corner.shift, self.check.precision)).all()
        ]

    def summary(self) -> str:
        others = ", ".join(
            f"{name} up to {count}"
            for name, count in self.most.items()
            if name != self.check.precision
        )
        return (
            f"holds: {self.most.get(self.check.precision, 0)} of {len(self.scored.pairs)} "
            f"orderings lost over {counted(self.examples, 'map')} a·r + b in "
            f"{self.check.precision} ({others})"
        )

    def table(self) -> Table:
        return Table(
            title=f"Largest number of lost orderings, of {len(self.scored.pairs)}",
            columns=("precision", "lost"),
            rows=tuple(self.most.items()),
        )

    def picture(self) -> Curve:
        """How small the smallest margins are."""
        margins = np.sort(np.abs(self.scored.margins)) / (self.spread or 1.0)
        shares = (np.arange(len(margins)) + 1) / len(margins)
        step = max(1, len(margins) // 60)
        points = tuple(
            Point(float(np.log10(max(margin, 1e-9))), float(share))
            for margin, share in zip(margins[::step], shares[::step], strict=True)
        )
        return Curve(
            title="Distribution of small margins",
            series=(Series("share of pairs with a smaller margin", points),),
            x_label="log10 of |margin| in standard deviations of the scores",
            y_label="share of pairs",
        )


class _OrderingLost(Exception):
    """Tells Hypothesis that a map broke the ranking."""


def _probed(pairs: Sequence[PreferencePair]) -> list[Dialogue]:
    """Chosen sides of evenly spaced pairs: fewer texts than the file has, of a higher mean."""
    count = min(PROBED, len(pairs) // 2)
    rows = np.linspace(0, len(pairs) - 1, count).astype(int)
    return [pairs[int(row)].dialogues()[0] for row in rows]


def _batch_dependence(ctx: Context, scored: ScoredPairs) -> list[str]:
    probed = _probed(scored.pairs)
    together, alone = ctx.score(probed), ctx.score(probed, ALONE)
    spread = float(np.concatenate([scored.chosen, scored.rejected]).std())
    moved = np.abs(together - alone)
    if float(moved.max()) <= BATCH_TOLERANCE * spread:
        return []
    row = int(moved.argmax())
    return [
        f"a score depends on the rest of its batch: {probed[row].key} gets {together[row]:.6g} or "
        f"{alone[row]:.6g} (are rewards normalised by batch?)"
    ]


def _head(ctx: Context, scored: ScoredPairs) -> list[str]:
    if not ctx.offers(Rescalable):
        return []
    probed = _probed(scored.pairs)
    plain = ctx.score(probed, ALONE)
    for factor in HEAD_FACTORS:
        scaled = ctx.score(probed, SourceRef(head_scale=factor, probe="alone"))
        exact = float(np.log2(factor)).is_integer()
        tolerance = 0.0 if exact else HEAD_TOLERANCE * factor * float(np.abs(plain).max())
        off = np.abs(scaled - factor * plain)
        if float(off.max()) > tolerance:
            row = int(off.argmax())
            return [
                f"the head times {factor:g} gives {scaled[row]:.6g} for {probed[row].key}, not "
                f"{factor:g} × {plain[row]:.6g}: something after the head is not linear"
            ]
    return []


def _dependent(ctx: Context) -> list[str]:
    names = [check.label for check in ctx.siblings if check.rejudged and not check.scale_free]
    return (
        [f"not compared under rescaling, because they depend on the scale: {', '.join(names)}"]
        if names
        else []
    )


def _unprobed(ctx: Context) -> list[str]:
    if ctx.offers(Rescalable):
        return []
    return [f"{ctx.name(CANDIDATE)} has no head to rescale; only its scores were checked"]
