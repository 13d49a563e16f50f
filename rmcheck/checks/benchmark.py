"""The check `benchmark`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from rmcheck.checks import evidence, threshold
from rmcheck.checks.benchmarks import Definition, Name, Scored, Total, find
from rmcheck.checks.check import BASELINE, CANDIDATE, Context, Need, Share, SourceRef
from rmcheck.data import Dialogue, PreferencePair, ResponseSet, pair_dialogues
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import BaselineMissing, Unscorable
from rmcheck.verdict import Estimate, Evidence, Table, Verdict
from rmcheck.wording import counted, listed, minus

if TYPE_CHECKING:
    from rmcheck.stats.composite import Credits

PARTS = "Parts"
"""The title of the table from which `rmcheck export` takes a leaderboard's numbers."""

_POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class Benchmark(threshold.ThresholdCheck):
    """A published benchmark's own total, by its own formula, is at least `min`.

    Computes what the benchmark's code or paper defines (RewardBench, RewardBench 2, RM-Bench,
    JudgeBench, RewardMATH, PPE, RMB; see docs/benchmarks.md) on the pairs and response sets of the
    suite, with an interval by prompt. Parts that the data do not have are named: a total that needs
    them is not computed. Where there is a baseline, its total on the same items is compared, for
    information; `no_regression` is the gate.

    Parameters
    ----------
    benchmark
        Its name: `reward-bench`, `reward-bench-2`, `rm-bench`, `judge-bench`, `reward-math`, `ppe`
        or `rmb`.
    min
        The smallest acceptable total, in [0, 1].
    total
        Which of its totals (a section, a domain, a level); by default its headline.
    on_inconclusive
    """

    kind: ClassVar[str] = "benchmark"
    sentence: ClassVar[str] = "What the model reaches on a published benchmark, by its own formula."

    benchmark: Name
    min: Share
    total: str | None = None

    def __post_init__(self) -> None:
        if self.where is not None:
            raise ValueError("'where' would change the published total; remove it, or use 'total'")
        self._definition.total(self.total)

    @property
    def _definition(self) -> Definition:
        return find(self.benchmark)

    def _items(self, data: PreferenceData) -> tuple[list[PreferencePair], list[ResponseSet]]:
        wanted = self._definition.items
        return [one for one in data.pairs if wanted(one)], [one for one in data.sets if wanted(one)]

    def needs(self, data: PreferenceData) -> list[Need]:
        """The items of the benchmark, by the candidate and by the baseline."""
        pairs, sets = self._items(data)
        dialogues: list[Dialogue] = pair_dialogues(pairs)
        dialogues += [side for entry in sets for side in entry.dialogues()]
        return [Need(CANDIDATE, dialogues), Need(BASELINE, dialogues)]

    def judge(self, ctx: Context) -> Verdict:
        """Compare the interval of the total with `min`."""
        definition = self._definition
        total = definition.total(self.total)
        pairs, sets = self._items(ctx.data)
        criterion = {"benchmark": definition.name, "total": total.name, "min": self.min}
        reason = _too_little(definition, pairs, sets)
        if reason:
            return threshold.undecidable(self.label, reason, criterion)
        scored = _scored(ctx, pairs, sets, CANDIDATE)
        parts = definition.credits(scored)
        estimates = _estimates(definition, parts)
        missing = total.missing(parts)
        if missing:
            complete = [one.name for one in definition.totals if one.name in estimates]
            told = f"; complete here: {listed(complete)}" if complete else ""
            said = f"{total.name} needs parts that the data lack: {listed(missing)}{told}"
            verdict = threshold.undecidable(self.label, said, criterion)
            return replace(verdict, evidence=self._evidence(ctx, scored, parts, estimates, ()))
        found = estimates[total.name]
        compared = (*self._compared(ctx, scored, parts, total), _seen(found))
        facts = {"benchmark": definition.name, "total": total.name}
        return threshold.hold(
            f"{self.label} {definition.title} {total.name}",
            found,
            threshold.Bound(name="min", low=self.min),
            self.on_inconclusive,
            reason=_all_tied(scored),
            unit="sets" if sets else "pairs",
            criterion=criterion,
            signature=ctx.signature(self.kind, facts | threshold.interval_facts(found)),
            evidence=self._evidence(ctx, scored, parts, estimates, compared),
        )

    def _compared(
        self, ctx: Context, scored: Scored, parts: Mapping[str, Credits], total: Total
    ) -> tuple[str, ...]:
        """The total against the baseline's on the same items, as a note; empty without one."""
        from rmcheck.stats.composite import composite_change

        pairs, sets = scored.pairs.pairs, [entry for entry, _ in scored.sets]
        try:
            _, unknown = ctx.comparable(pairs)
            if unknown:
                many = counted(len(unknown), "pair")
                return (f"not compared with {ctx.name(BASELINE)}, which has no scores of {many}",)
            before = self._definition.credits(_scored(ctx, pairs, sets, BASELINE))
        except BaselineMissing:
            return ()
        except Unscorable:
            return (f"not compared with {ctx.name(BASELINE)}, which has no scores of these items",)
        change = composite_change(parts, before, total.weights, rng=np.random.default_rng(ctx.seed))
        it = change.estimate
        points, low, high = (100 * share for share in (it.value, it.low, it.high))
        told = minus(f"{points:+.1f} points [{low:+.1f}, {high:+.1f}]")
        return (f"{total.name} against {ctx.name(BASELINE)}: {told}, p={change.p:.2g}",)

    def _evidence(
        self,
        ctx: Context,
        scored: Scored,
        parts: Mapping[str, Credits],
        estimates: Mapping[str, Estimate],
        compared: tuple[str, ...],
    ) -> Evidence:
        definition = self._definition
        shown = {name: one for name, one in estimates.items() if name not in parts}
        picture = evidence.forest(
            f"{definition.title}, totals and parts",
            {**shown, **{name: part.estimate() for name, part in parts.items()}},
            x_label="share",
            threshold=self.min,
            reference=definition.chance,
        )
        return Evidence(
            pictures=(picture,),
            tables=(_totals(definition, estimates, parts), _parts(parts)),
            pairs=evidence.worst(scored.pairs),
            notes=(*compared, *self._notes(ctx.data, scored, parts)),
        )

    def _notes(
        self, data: PreferenceData, scored: Scored, parts: Mapping[str, Credits]
    ) -> tuple[str, ...]:
        """Its formula, what the benchmark does not score, and which parts are missing."""
        definition = self._definition
        named = {name for total in definition.totals for name in total.weights}
        lacking = [name for name in definition.expected if name not in parts]
        others = len(data.pairs) + len(data.sets) - len(scored.pairs.pairs) - len(scored.sets)
        unknown = [name for name in parts if name not in named]
        return (
            f"formula: {definition.formula}",
            *definition.remarks,
            *([f"parts that the data lack: {listed(lacking, limit=8)}"] if lacking else []),
            *([f"parts in no total: {listed(unknown, limit=8)}"] if unknown else []),
            *([f"not a part of the benchmark: {counted(others, 'row')}"] if others else []),
        )


def _too_little(
    definition: Definition, pairs: list[PreferencePair], sets: list[ResponseSet]
) -> str | None:
    if not pairs and not sets:
        return f"the data have no items of {definition.title}; see docs/benchmarks.md"
    groups = {pair.group for pair in pairs} | {entry.group for entry in sets}
    return threshold.too_few(len(pairs) + len(sets), len(groups), "item")


def _scored(
    ctx: Context,
    pairs: Sequence[PreferencePair],
    sets: Sequence[ResponseSet],
    source: SourceRef,
) -> Scored:
    return Scored(
        ctx.scored(pairs, source),
        [(entry, ctx.score(entry.dialogues(), source)) for entry in sets],
    )


def _seen(found: Estimate) -> str:
    """How far from `min` a total has to be for these prompts to decide it."""
    tail = NormalDist().inv_cdf((1 + found.level) / 2)
    error = (found.high - found.low) / 2 / tail
    points = 100 * error * (tail + NormalDist().inv_cdf(_POWER))
    return (
        f"with these {counted(found.n_groups, 'prompt')}, a total has to be about {points:.1f} "
        f"points above or below min to be decided in {_POWER:.0%} of cases"
    )


def _all_tied(scored: Scored) -> str | None:
    """Why nothing can be decided if no item's responses differ in score."""
    flat = not np.any(scored.pairs.margins) and not any(np.ptp(each) for _, each in scored.sets)
    return "all scores are the same within each item" if flat else None


def _estimates(definition: Definition, parts: Mapping[str, Credits]) -> dict[str, Estimate]:
    """The totals that the data are complete for, in the benchmark's order."""
    from rmcheck.stats.composite import composite

    return {
        total.name: composite(parts, total.weights, offset=total.offset)
        for total in definition.totals
        if not total.missing(parts)
    }


def _totals(
    definition: Definition, estimates: Mapping[str, Estimate], parts: Mapping[str, Credits]
) -> Table:
    rows = [
        (total.name, *_interval(estimates.get(total.name)), ", ".join(total.missing(parts)))
        for total in definition.totals
        if total.name not in parts or total.name == definition.totals[0].name
    ]
    columns = ("total", "value", "low", "high", "missing parts")
    return Table(title="Totals", columns=columns, rows=tuple(rows))


def _parts(parts: Mapping[str, Credits]) -> Table:
    rows = [(name, len(part.values), *_interval(part.estimate())) for name, part in parts.items()]
    columns = ("part", "items", "value", "low", "high")
    return Table(title=PARTS, columns=columns, rows=tuple(rows))


def _interval(estimate: Estimate | None) -> tuple[float | None, float | None, float | None]:
    if estimate is None:
        return None, None, None
    return estimate.value, estimate.low, estimate.high
