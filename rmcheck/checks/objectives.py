"""The check `objectives`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from annotated_types import Gt, Lt, MinLen

from rmcheck.checks import evidence
from rmcheck.checks.check import BASELINE, CANDIDATE, Check, Context, Need, Share
from rmcheck.checks.no_regression import NoRegression
from rmcheck.data import pair_dialogues
from rmcheck.data.preferences import PreferenceData
from rmcheck.verdict import Estimate, Evidence, Forest, State, Table, Verdict
from rmcheck.wording import listed, minus

WORST_FIRST: tuple[State, ...] = (
    "regressed",
    "inconclusive",
    "non_inferior",
    "identical",
    "improved",
)


@dataclass(frozen=True, kw_only=True)
class Objectives(Check):
    """No objective of the model got worse than in the baseline, on the same pairs.

    For models whose head has several outputs (helpful, harmless, …). Each objective is compared
    with `no_regression` at an equal share of alpha, so that the probability of a false alarm is at
    most alpha over all of them together. The check fails if one regressed; where another one
    improved, the message names the trade-off. A new objective is compared once it is blessed.

    Parameters
    ----------
    objectives
        The names of the outputs, as `id2label` of the model's configuration has them, or weighted
        sums (`0.7*helpful+0.3*harmless`); two at least.
    max_drop
        The largest acceptable drop of each win rate, in [0, 1].
    require
        `no_regression` (default) or `non_inferior`, as in the check `no_regression`.
    max_left_out
        As in the check `no_regression`.
    alpha
        The level of the whole run.
    ties
        How equal scores count: `half` a win (default) or as a `loss`.
    """

    kind: ClassVar[str] = "objectives"
    sentence: ClassVar[str] = "Whether any objective of the model got worse than in the baseline."
    compares: ClassVar[bool] = True
    one_objective: ClassVar[bool] = False

    objectives: Annotated[tuple[str, ...], MinLen(2)]
    max_drop: Share = 0.02
    require: Literal["no_regression", "non_inferior"] = "no_regression"
    max_left_out: Share = 0.05
    alpha: Annotated[float, Gt(0), Lt(1)] = 0.05
    ties: Literal["half", "loss"] = "half"

    def __post_init__(self) -> None:
        if self.objective:
            raise ValueError("objective has no effect beside 'objectives'; remove it")
        twice = sorted({name for name in self.objectives if self.objectives.count(name) > 1})
        if twice:
            raise ValueError(f"objectives: {listed(twice)} given twice; give each once")

    def needs(self, data: PreferenceData) -> list[Need]:
        """The selected pairs, of each objective, by the candidate and by the baseline."""
        return [
            Need(
                replace(source, objective=name),
                pair_dialogues(self.select(data.by_objective(name))),
            )
            for name in self.objectives
            for source in (CANDIDATE, BASELINE)
        ]

    def judge(self, ctx: Context) -> Verdict:
        """Compare each objective; the worst one decides."""
        found = {name: self._one(name).judge(ctx.side(name)) for name in self.objectives}
        worst = min(found, key=lambda name: _rank(found[name]))
        decisive = found[worst]
        estimates = {name: each.estimate for name, each in found.items() if each.estimate}
        return replace(
            decisive,
            weak=decisive.outcome == "pass" and any(each.weak for each in found.values()),
            criterion={**decisive.criterion, "objectives": list(self.objectives)},
            message=self._message(found, worst),
            p_less=_joint([each.p_less for each in found.values()]),
            left_out=max(each.left_out for each in found.values()),
            evidence=Evidence(
                pictures=(*self._forest(estimates), *decisive.evidence.pictures[1:]),
                tables=(_states(found), *decisive.evidence.tables),
                pairs=decisive.evidence.pairs,
                notes=_notes(found.values()),
            ),
        )

    def _one(self, name: str) -> NoRegression:
        """The comparison of one objective, at its share of alpha."""
        return NoRegression(
            name=name,
            where=self.where,
            objective=name,
            max_drop=self.max_drop,
            require=self.require,
            max_left_out=self.max_left_out,
            alpha=self.alpha / len(self.objectives),
            ties=self.ties,
            seeds=1,
        )

    def _message(self, found: Mapping[str, Verdict], worst: str) -> str:
        named = {
            state: [name for name, each in found.items() if each.state == state]
            for state in WORST_FIRST
        }
        counts = ", ".join(f"{listed(names)} {state}" for state, names in named.items() if names)
        text = f"{self.label}: {counts}; {found[worst].message}"
        if named["regressed"] and named["improved"]:
            better = named["improved"]
            return f"{text}; trade-off: {listed(better)} improved at the cost of {worst}"
        return text

    def _forest(self, estimates: Mapping[str, Estimate]) -> list[Forest]:
        if not estimates:
            return []
        return [
            evidence.forest(
                "Change of the win rate of each objective",
                estimates,
                x_label="candidate − baseline",
                threshold=-self.max_drop,
                reference=0.0,
            )
        ]


def _joint(ps: list[float | None]) -> float | None:
    """The smallest p, times how many there are; None where one is not known."""
    known = [p for p in ps if p is not None]
    return min(1.0, len(ps) * min(known)) if known and len(known) == len(ps) else None


def _notes(found: Iterable[Verdict]) -> tuple[str, ...]:
    """The notes of all comparisons, each once."""
    return tuple(dict.fromkeys(note for each in found for note in each.evidence.notes))


def _rank(verdict: Verdict) -> tuple[bool, int, float]:
    """Failures first, then the worse state, then the lower win rate."""
    state = WORST_FIRST.index(verdict.state or "inconclusive")
    value = verdict.estimate.value if verdict.estimate else 0.0
    return verdict.outcome != "fail", state, value


def _states(found: Mapping[str, Verdict]) -> Table:
    """A row for each objective."""
    rows = []
    for name, each in found.items():
        shown = ["", "", ""]
        if each.estimate:
            points = (each.estimate.value, each.estimate.low, each.estimate.high)
            shown = [minus(f"{100 * point:+.1f}") for point in points]
        p = "" if each.p_value is None else f"{each.p_value:.2g}"
        rows.append((name, each.state or "", *shown, p))
    columns = ("objective", "state", "change in points", "low", "high", "p")
    return Table(title="Objectives", columns=columns, rows=tuple(rows))
