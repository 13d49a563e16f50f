"""The check `no_regression`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Lt
from numpy.typing import NDArray

from rmcheck.checks import evidence
from rmcheck.checks.check import (
    BASELINE,
    CANDIDATE,
    Changes,
    Check,
    Context,
    Need,
    ScoredPairs,
    Share,
)
from rmcheck.data import sides_of
from rmcheck.data.preferences import PreferenceData
from rmcheck.stats.decision import MIN_GROUPS
from rmcheck.verdict import Decision, Evidence, Outcome, State, Table, Verdict
from rmcheck.wording import be, counted, listed, minus

if TYPE_CHECKING:
    from rmcheck.stats.paired import Difference

DECIDED = 1e-5
"""Scores that differ by less than this share of their spread are the same."""

AT_LEAST = 2
"""This many of the baseline's pairs may always be left out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairedScores:
    """Two models' scores of the same n pairs.

    `ids`, `groups` and `tags` are of length n; `now` and `before` are (n, 2): the scores of the
    chosen and of the rejected response by the candidate and by the baseline.
    """

    ids: Sequence[str]
    groups: Sequence[str]
    tags: Sequence[Sequence[str]]
    now: NDArray[np.float64]
    before: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NoRegression(Check):
    """The candidate's win rate has not fallen below the baseline's, on the same pairs.

    Fails if the win rate fell by `max_drop` or more and an exact paired test (McNemar's if every
    prompt has one pair) rules out chance at alpha/m, where m is the number of required comparisons
    in the run. The states are identical, improved, non_inferior, regressed and inconclusive. An
    inconclusive comparison passes and is marked weak; the message says which drop this many pairs
    would have detected.

    Parameters
    ----------
    max_drop
        The largest acceptable drop of the win rate, in [0, 1].
    require
        `no_regression` (default), or `non_inferior`: passes only if the interval rules out a drop
        of `max_drop` (or the candidate is identical or better).
    max_left_out
        The largest share of the baseline's pairs, in [0, 1], that may have been edited or removed
        (or have lost the tags in `where`) since the baseline was blessed; 2 pairs are always
        allowed. With more, the check fails until the run is blessed. New pairs do not count.
    alpha
        The level of the whole run: its probability of a false alarm is at most this.
    ties
        How equal scores count: `half` a win (default) or as a `loss`. Applies to both models, even
        if the baseline was blessed with the other setting.
    """

    kind: ClassVar[str] = "no_regression"
    sentence: ClassVar[str] = "Whether the model got worse than the baseline on the same pairs."
    compares: ClassVar[bool] = True

    max_drop: Share = 0.02
    require: Literal["no_regression", "non_inferior"] = "no_regression"
    max_left_out: Share = 0.05
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05
    ties: Literal["half", "loss"] = "half"

    def needs(self, data: PreferenceData) -> list[Need]:
        """The selected pairs, by the candidate and by the baseline."""
        dialogues = sides_of(self.select(data))
        return [Need(CANDIDATE, dialogues), Need(BASELINE, dialogues)]

    def judge(self, ctx: Context) -> Verdict:
        """Compare the two models' scores of the pairs that the baseline knows as they are now."""
        selected = self.select(ctx.data)
        pairs, _ = ctx.comparable(selected)
        now = ctx.scored(pairs)
        changes = self._within(ctx.changes(selected), ctx.data)
        return self.compare(
            PairedScores(
                ids=[pair.id for pair in pairs],
                groups=now.groups,
                tags=[pair.tags for pair in pairs],
                now=_both(now),
                before=_both(ctx.scored(pairs, BASELINE)),
            ),
            changes,
            baseline=ctx.name(BASELINE),
            comparisons=ctx.comparisons,
            sign=partial(ctx.signature, self.kind),
        )

    def _within(self, changes: Changes, data: PreferenceData) -> Changes:
        """What of the changes concerns the pairs that `where` selects, or selected once."""
        if self.where is None:
            return changes
        once = {name for name, tags in changes.tags.items() if self.where.admits(tags)}
        return replace(
            changes,
            removed=tuple(name for name in changes.removed if name in once),
            retagged=tuple(
                pair.id
                for pair in data.pairs
                if pair.id in once and not self.where.admits(pair.tags)
            ),
        )

    def compare(
        self,
        scores: PairedScores,
        changes: Changes,
        *,
        baseline: str,
        comparisons: int,
        sign: Callable[[Mapping[str, object]], str],
    ) -> Verdict:
        """Pair the two models' wins and name the state; asks for nothing but columns.

        Parameters
        ----------
        changes
            Which pairs `scores` leaves out, being new or edited, and which are gone.
        baseline
            What messages call the baseline.
        comparisons
            m, which alpha is shared by; at least 1.
        sign
            Makes the verdict's signature of its facts.
        """
        from rmcheck.stats import groups as grouping
        from rmcheck.stats import paired
        from rmcheck.stats.winrate import undecidable, wins

        criterion = {"max_drop": self.max_drop, "require": self.require, "alpha": self.alpha}
        notes = _notes(changes, baseline)
        dropped = len(changes.dropped)
        too_many = self.leaves_out_too_many(dropped, len(scores.ids))
        if dropped:
            criterion["max_left_out"] = self.max_left_out

        def undecided(reason: str) -> Verdict:
            return Verdict(
                decision="inconclusive",
                outcome="fail",
                state="inconclusive",
                weak=True,
                criterion=criterion,
                message=f"{self.label}: undecidable: {reason}",
                left_out=dropped,
                evidence=Evidence(notes=notes),
            )

        n_groups = grouping.count(scores.groups)
        if n_groups < MIN_GROUPS:
            unlike = len(changes.added) + len(changes.edited)
            remedy = (
                f" ({unlike} new or edited); bless this run as a new baseline: rmcheck bless --red"
                if unlike
                else ""
            )
            n = len(scores.ids)
            return undecided(
                f"only {counted(n, 'pair')} of {counted(n_groups, 'different prompt')} "
                f"{be(n)} the same as in {baseline}; at least {MIN_GROUPS} prompts "
                f"are needed{remedy}"
            )
        now, before = scores.now, scores.before
        wins_now = wins(now[:, 0], now[:, 1], ties=self.ties)
        wins_before = wins(before[:, 0], before[:, 1], ties=self.ties)
        difference = paired.paired_difference(wins_now, wins_before, scores.groups)
        state = paired.classify(
            difference,
            identical=_identical(now, before),
            max_drop=self.max_drop,
            alpha=self.alpha,
            comparisons=comparisons,
        )
        all_tied = undecidable(wins(now[:, 0], now[:, 1]), scores.groups)
        if all_tied and state != "regressed":
            return undecided(all_tied)
        detectable = self._detectable(difference, scores.groups, comparisons)
        decision, outcome, weak = self.decide(state)
        if too_many and state != "regressed":
            decision, outcome, weak = "inconclusive", "fail", True
        newly_wrong = _newly_wrong(scores, wins_now - wins_before)
        facts = {
            "base": baseline,
            "n": difference.estimate.n,
            "groups": difference.estimate.n_groups,
            "ties": self.ties,
            "ci": f"{difference.estimate.method}@{difference.estimate.level:g}",
            "test": f"signflip@{self.alpha:g}/{comparisons}",
        }
        return Verdict(
            decision=decision,
            outcome=outcome,
            state=state,
            weak=weak,
            estimate=difference.estimate,
            criterion=criterion,
            p_value=difference.p_two_sided,
            p_less=difference.p_less,
            detectable=detectable,
            left_out=dropped,
            message=self._message(difference, state, detectable, newly_wrong, baseline)
            + self._left_out(changes, len(scores.ids), baseline),
            signature=sign(facts),
            evidence=Evidence(
                pictures=(
                    evidence.forest(
                        f"Change of the win rate against {baseline}",
                        {"all pairs": difference.estimate},
                        x_label="candidate − baseline",
                        threshold=-self.max_drop,
                        reference=0.0,
                    ),
                    evidence.scatter(
                        "Margins, candidate against baseline",
                        scores.ids,
                        before[:, 0] - before[:, 1],
                        now[:, 0] - now[:, 1],
                        wins_now == 1,
                        wins_before == 1,
                        x_label="baseline's margin",
                        y_label="candidate's margin",
                    ),
                ),
                tables=(_crosstab(wins_now, wins_before), _by_tag(newly_wrong)),
                pairs=tuple(newly_wrong.ids[: evidence.MOST_PAIRS]),
                notes=notes,
            ),
        )

    def leaves_out_too_many(self, dropped: int, compared: int) -> bool:
        """Whether more of the baseline's pairs were left out than `max_left_out` allows."""
        return dropped > max(AT_LEAST, int(self.max_left_out * (dropped + compared) + 1e-9))

    def _left_out(self, changes: Changes, compared: int, baseline: str) -> str:
        """How many of the baseline's pairs were left out, and what to do if they are too many."""
        dropped = len(changes.dropped)
        if not dropped:
            return ""
        kinds = [
            (changes.edited, "edited"),
            (changes.removed, "removed"),
            (changes.retagged, "retagged"),
        ]
        how = ", ".join(f"{len(ids):,} {word}" for ids, word in kinds if ids)
        total = dropped + compared
        text = f"; {dropped:,} of {total:,} pairs of {baseline} left out ({how})"
        if not self.leaves_out_too_many(dropped, compared):
            return text
        return (
            f"{text}, more than max_left_out {self.max_left_out:g}: {listed(changes.dropped)}; "
            "restore the data, or bless this run: rmcheck bless --red"
        )

    def decide(self, state: State) -> tuple[Decision, Outcome, bool]:
        """What `require` makes of a state: decision, outcome, and whether it is weak."""
        if state == "regressed":
            return "fail", "fail", False
        if state != "inconclusive":
            return "pass", "pass", False
        passes = self.require == "no_regression"
        return "inconclusive", "pass" if passes else "fail", True

    def _detectable(
        self, difference: Difference, groups: Sequence[str], comparisons: int
    ) -> float | None:
        from rmcheck.stats.power import detectable_drop, smoothed_discordant

        n = difference.estimate.n
        return detectable_drop(
            n=n,
            group_sizes_or_groups=groups,
            discordant=smoothed_discordant(difference.newly_wrong, difference.newly_right, n),
            max_drop=self.max_drop,
            alpha=self.alpha,
            comparisons=comparisons,
            design_effect=difference.design_effect,
        )

    def _message(
        self,
        difference: Difference,
        state: State,
        detectable: float | None,
        newly_wrong: _NewlyWrong,
        baseline: str,
    ) -> str:
        if state == "identical":
            n = difference.estimate.n
            return f"{self.label} identical: every score is the same as in {baseline} (n={n})"
        points = difference.estimate.value * 100
        moved = "fell" if points < 0 else "rose" if points > 0 else "did not move:"
        low, high = difference.estimate.low * 100, difference.estimate.high * 100
        interval = minus(f"[{low:+.1f}, {high:+.1f}]")
        text = (
            f"{self.label} {state}: win rate {moved} {abs(points):.1f} points against {baseline} "
            f"{interval}, p={difference.p_two_sided:.2g}"
        )
        if newly_wrong.ids:
            text += f"; {counted(len(newly_wrong.ids), 'pair')} newly wrong"
            if newly_wrong.tags:
                tag, count = newly_wrong.tags[0]
                text += f" (most often tagged '{tag}', {count:,})"
            text += f": {listed(newly_wrong.ids)}"
        if state == "inconclusive":
            seen = f"{detectable * 100:.1f} points" if detectable else "nothing"
            text += f"; weak: the smallest drop that {difference.estimate.n} pairs catch is {seen}"
        return text


@dataclass(frozen=True)
class _NewlyWrong:
    """Pairs that the baseline got right, or tied, and the candidate gets worse; worst first."""

    ids: list[str]
    tags: list[tuple[str, int]]
    """How many of them carry each tag, most first."""


def _newly_wrong(scores: PairedScores, change: NDArray[np.float64]) -> _NewlyWrong:
    margins = scores.now[:, 0] - scores.now[:, 1]
    rows = [int(row) for row in np.flatnonzero(change < 0)]
    rows.sort(key=lambda row: (margins[row], scores.ids[row]))
    return _NewlyWrong(
        [scores.ids[row] for row in rows], evidence.tag_counts(scores.tags[row] for row in rows)
    )


def _both(scored: ScoredPairs) -> NDArray[np.float64]:
    return np.column_stack([scored.chosen, scored.rejected])


def _identical(now: NDArray[np.float64], before: NDArray[np.float64]) -> bool:
    """Whether all scores agree to the last digit that decides: 1e-5 of their spread.

    In float32 a score moves by a few units in the last place with the rest of its batch row.
    """
    return bool(np.abs(now - before).max() <= DECIDED * before.T.ravel().std())


def _notes(changes: Changes, baseline: str) -> tuple[str, ...]:
    """How the data differ from the baseline's, one line per kind of change."""
    kinds = [
        (changes.edited, f"left out, edited since {baseline}"),
        (changes.added, f"left out, new since {baseline}"),
        (changes.removed, f"of {baseline} no longer in the data"),
        (changes.retagged, f"left out, other tags than in {baseline}"),
    ]
    return tuple(
        f"{counted(len(ids), 'pair')} {what}: "
        + ", ".join(ids[:12])
        + (" …" if len(ids) > 12 else "")
        for ids, what in kinds
        if ids
    )


def _crosstab(now: NDArray[np.float64], before: NDArray[np.float64]) -> Table:
    def count(mine: bool, theirs: bool) -> int:
        return int((((now == 1) == mine) & ((before == 1) == theirs)).sum())

    return Table(
        title="Pairs",
        columns=("both right", "newly wrong", "newly right", "both wrong"),
        rows=((count(True, True), count(False, True), count(True, False), count(False, False)),),
    )


def _by_tag(newly_wrong: _NewlyWrong) -> Table:
    tags = tuple(newly_wrong.tags[: evidence.MOST_TAGS])
    return Table(title="Newly wrong pairs by tag", columns=("tag", "pairs"), rows=tags)
