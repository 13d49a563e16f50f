"""The view model of the page: everything the templates print, in the order in which they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rmcheck.record.run import RunRecord
from rmcheck.report.facts import Fact
from rmcheck.report.glossary import GROUP_LEAD, PAIR_WORD
from rmcheck.report.input import PairTexts, ReportInput, TextsOf
from rmcheck.report.page.against_view import AgainstView, against_view
from rmcheck.report.page.check_view import OPEN, CheckView, check_view
from rmcheck.report.page.identity import IdentityRow, identity, scoring_facts
from rmcheck.report.page.pairs import FAILING, STATES, Packed, Pair, carried, pack, pairs
from rmcheck.report.page.suite_view import HeatMap, SuiteView, heat_map, suite_view
from rmcheck.report.page.training_view import TrainingView, training_view
from rmcheck.report.page.trend_view import TrendView, past_of, runs_of, trend_view
from rmcheck.report.sentence import (
    Group,
    Groups,
    Invitation,
    Placed,
    Sentence,
    grouped,
    invitation,
    sentence,
)

WORST = 20
FIRST = 4
"""How many pairs stand in the page for readers without JavaScript, and on its first screen."""

_LOST = frozenset({"newly_wrong", "both_wrong", "wrong"})


@dataclass(frozen=True)
class Concern:
    """A section at the top of the page: a group of checks that a reviewer must look at."""

    group: Group
    title: str
    lead: str
    checks: tuple[CheckView, ...]

    @property
    def stops(self) -> bool:
        """Whether these stop the merge, so that they stand on the first screen."""
        return self.group in OPEN


@dataclass(frozen=True)
class Tally:
    """A number of the first screen: how many checks fell into a group."""

    group: Group
    count: int
    word: str


@dataclass(frozen=True)
class Glance:
    """All checks as a table: suites down, check names across."""

    names: tuple[str, ...]
    rows: tuple[tuple[SuiteView, tuple[CheckView | None, ...]], ...]


@dataclass(frozen=True)
class WorstPair:
    """A pair that stands in the page with its texts, where it reads without JavaScript."""

    pair: Pair
    word: str
    texts: PairTexts | None


@dataclass(frozen=True)
class PairsView:
    """The pair browser: counts by state, packed data, and the worst pairs as plain HTML.

    `first` are those of the checks that stop the merge, for the first screen. A text that several
    suites hold stands once among them, under the smallest of these suites, and counts once in
    `distinct`; in `total` it counts as often as it was judged.
    """

    total: int
    distinct: int
    counts: tuple[tuple[str, str, int], ...]
    packed: Packed
    first: tuple[WorstPair, ...]
    worst: tuple[WorstPair, ...]
    texts_of: TextsOf
    has_baseline: bool


@dataclass(frozen=True)
class View:
    """The whole page."""

    record: RunRecord
    verdict: Sentence
    tallies: tuple[Tally, ...]
    concerns: tuple[Concern, ...]
    glance: Glance
    held: int
    skipped: tuple[CheckView, ...]
    identity: tuple[IdentityRow, ...]
    baseline_name: str | None
    baseline_at_hand: bool
    scoring: tuple[Fact, ...]
    bless: Invitation | None
    suites: tuple[SuiteView, ...]
    heat_map: HeatMap | None
    against: AgainstView | None
    trend: TrendView | None
    training: tuple[TrainingView, ...]
    pairs: PairsView


def view(report: ReportInput, texts_of: TextsOf) -> View:
    """The view model of a run."""
    record = report.record
    groups = grouped(record)
    baseline_scores = report.baseline[1] if report.baseline else None
    ordered = pairs(report.scores, baseline_scores)
    of_suite: dict[str, list[Pair]] = {suite.name: [] for suite in record.suites}
    for pair in ordered:
        of_suite.setdefault(pair.suite, []).append(pair)
    named = _named(groups, ordered)
    baseline_name = record.baseline.name if record.baseline else None
    if report.baseline and baseline_name is None:
        baseline_name = "the baseline"
    runs = runs_of(report)
    checks = {
        (id(each.suite), id(each.check)): check_view(
            each, baseline_name, named.get(each.check.id, ()), past_of(each.check.id, runs)
        )
        for each in groups.all
    }
    baseline_suites = (
        {suite.name: suite for suite in report.baseline[0].suites} if report.baseline else {}
    )
    suites = tuple(
        suite_view(
            suite,
            tuple(checks[id(suite), id(check)] for check in suite.checks),
            of_suite.get(suite.name, []),
            baseline_suites.get(suite.name),
            baseline_name,
        )
        for suite in record.suites
    )
    return View(
        record=record,
        verdict=sentence(record, groups),
        tallies=_tallies(groups),
        concerns=_concerns(groups, checks),
        glance=_glance(suites),
        held=len(groups.held),
        skipped=tuple(checks[id(each.suite), id(each.check)] for each in groups.skipped),
        identity=identity(report),
        baseline_name=baseline_name,
        baseline_at_hand=report.baseline is not None,
        scoring=scoring_facts(record),
        bless=invitation(record),
        suites=suites,
        heat_map=heat_map(record),
        against=against_view(of_suite, baseline_name),
        trend=trend_view(runs, groups),
        training=tuple(training_view(each) for each in record.training),
        pairs=_pairs_view(report, ordered, texts_of, groups, named),
    )


def _tallies(groups: Groups) -> tuple[Tally, ...]:
    words: tuple[tuple[Group, int, str, str], ...] = (
        ("regression", len(groups.regressions), "regression", "regressions"),
        ("failure", len(groups.failures), "failed", "failed"),
        ("error", len(groups.errors), "in error", "in error"),
        ("weak", len(groups.weak), "too close to call", "too close to call"),
        ("advisory", len(groups.advisory), "advisory short", "advisory short"),
        ("held", len(groups.held), "held", "held"),
        ("skipped", len(groups.skipped), "skipped", "skipped"),
    )
    return tuple(
        Tally(group, count, one if count == 1 else many)
        for group, count, one, many in words
        if count
    )


def _concerns(groups: Groups, checks: dict[tuple[int, int], CheckView]) -> tuple[Concern, ...]:
    titles: tuple[tuple[Group, str, tuple[Placed, ...]], ...] = (
        ("regression", "Regressions", groups.regressions),
        ("failure", "Failures", groups.failures),
        ("error", "Errors", groups.errors),
        ("weak", "Too close to call", groups.weak),
        ("advisory", "Advisory checks that fall short", groups.advisory),
    )
    return tuple(
        Concern(
            group=group,
            title=title,
            lead=GROUP_LEAD[group],
            checks=tuple(checks[id(each.suite), id(each.check)] for each in members),
        )
        for group, title, members in titles
        if members
    )


def _glance(suites: tuple[SuiteView, ...]) -> Glance:
    """Columns that most suites share come first, so that a wide table begins with what it holds."""
    shared = Counter(name for suite in suites for name in {check.name for check in suite.checks})
    names = dict.fromkeys(check.name for suite in suites for check in suite.checks)
    columns = tuple(sorted(names, key=lambda name: -shared[name]))
    rows = []
    for suite in suites:
        by_name = {check.name: check for check in suite.checks}
        rows.append((suite, tuple(by_name.get(name) for name in columns)))
    return Glance(columns, tuple(rows))


def _named(groups: Groups, ordered: Sequence[Pair]) -> dict[str, tuple[Pair, ...]]:
    """The pairs that each check's evidence points to; it names them by id, or by suite and id."""
    at = {(pair.suite, pair.id): pair for pair in ordered}
    named = {}
    for each in groups.all:
        suite = each.suite.name
        keys = [(suite, name.removeprefix(f"{suite}/")) for name in each.check.evidence.pairs]
        if keys:
            named[each.check.id] = tuple(at[key] for key in keys if key in at)
    return named


def _pairs_view(
    report: ReportInput,
    ordered: tuple[Pair, ...],
    texts_of: TextsOf,
    groups: Groups,
    named: Mapping[str, Sequence[Pair]],
) -> PairsView:
    states = Counter(pair.state for pair in ordered)
    distinct = _distinct(ordered)
    first = _first(distinct, groups, named)
    worst = [*first, *(pair for pair in distinct if pair.state in FAILING and pair not in first)]

    def shown(some: Sequence[Pair]) -> tuple[WorstPair, ...]:
        return tuple(
            WorstPair(pair, PAIR_WORD[pair.state], carried(pair, report.texts, texts_of))
            for pair in some
        )

    return PairsView(
        total=len(ordered),
        distinct=len(distinct),
        counts=tuple((state, PAIR_WORD[state], states[state]) for state in STATES if states[state]),
        packed=pack(ordered, report.texts, texts_of, named),
        first=shown(first),
        worst=shown(worst[:WORST]),
        texts_of=texts_of,
        has_baseline=any(pair.baseline for pair in ordered),
    )


def _distinct(ordered: Sequence[Pair]) -> list[Pair]:
    """Each text with its scores once, in the same order, as the smallest of its suites holds it."""
    sizes = Counter(pair.suite for pair in ordered)
    chosen: dict[tuple[str, float, float], Pair] = {}
    for pair in ordered:
        key = (pair.hash, pair.chosen, pair.rejected)
        held = chosen.get(key)
        if held is None or sizes[pair.suite] < sizes[held.suite]:
            chosen[key] = pair
    return list(chosen.values())


def _first(
    distinct: Sequence[Pair], groups: Groups, named: Mapping[str, Sequence[Pair]]
) -> list[Pair]:
    """The worst pairs of the checks that stop the merge: those that they name, then their suites'.

    A comparison names every pair that it lost, a threshold its worst, so a run with a regression
    shows what broke before what was never right.
    """
    blocking = groups.regressions or groups.failures
    hashes = {pair.hash for each in blocking for pair in named.get(each.check.id, ())}
    suites = {each.suite.name for each in blocking}
    lost = [pair for pair in distinct if pair.state in _LOST]
    theirs = [pair for pair in lost if pair.hash in hashes]
    others = [pair for pair in lost if pair.hash not in hashes and pair.suite in suites]
    return [*theirs, *others][:FIRST]
