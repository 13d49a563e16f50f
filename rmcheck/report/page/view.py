"""The view model of the page: everything the templates print, in the order in which they do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from rmcheck.record.run import RunRecord
from rmcheck.report.facts import Fact
from rmcheck.report.glossary import GROUP_LEAD, PAIR_WORD
from rmcheck.report.input import PairTexts, ReportInput, TextsOf
from rmcheck.report.page.against_view import AgainstView, against_view
from rmcheck.report.page.brief import trainings
from rmcheck.report.page.check_view import STOPS, CheckView, check_view
from rmcheck.report.page.finding_view import share
from rmcheck.report.page.heat import HeatMap
from rmcheck.report.page.identity import IdentityRow, identity, scoring_facts
from rmcheck.report.page.pairs import (
    FAILING,
    MOST_TEXT,
    STATES,
    Packed,
    Pair,
    carried,
    distinct,
    pack,
    pairs,
)
from rmcheck.report.page.suite_view import SuiteView, heat_map, suite_view
from rmcheck.report.page.training_view import TrainingView, training_view
from rmcheck.report.page.trend_view import TrendView, past_of, runs_of, trend_view
from rmcheck.report.page.where_view import WhereView, where_view
from rmcheck.report.recipes import RecipeDiff, recipe_diff
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
"""How many pairs the page shows without JavaScript, and on its first screen."""

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
        """Whether these block the merge; then they are on the first screen."""
        return self.group in STOPS


@dataclass(frozen=True)
class Tally:
    """A number of the first screen: how many checks are in a group."""

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
    """A pair in the page itself, with its texts, for readers without JavaScript."""

    pair: Pair
    word: str
    texts: PairTexts | None


@dataclass(frozen=True)
class PairsView:
    """The pair browser: counts by state, packed data, and the worst pairs as plain HTML.

    `left_out` pairs have no row, so that the page stays readable; `short_of_text` says that more
    failing pairs are listed than have texts.

    `first` are those of the checks that block the merge, for the first screen. A pair of several
    suites is listed and counted once.
    """

    total: int
    counts: tuple[tuple[str, str, int], ...]
    packed: Packed
    first: tuple[WorstPair, ...]
    worst: tuple[WorstPair, ...]
    texts_of: TextsOf
    has_baseline: bool
    left_out: int
    short_of_text: bool


@dataclass(frozen=True)
class View:
    """The whole page."""

    record: RunRecord
    verdict: Sentence
    tallies: tuple[Tally, ...]
    concerns: tuple[Concern, ...]
    glance: Glance
    passed: int
    skipped: tuple[CheckView, ...]
    identity: tuple[IdentityRow, ...]
    baseline_name: str | None
    baseline_at_hand: bool
    recipes: RecipeDiff | None
    scoring: tuple[Fact, ...]
    bless: Invitation | None
    suites: tuple[SuiteView, ...]
    heat_map: HeatMap | None
    against: AgainstView | None
    trend: TrendView | None
    where: WhereView | None
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
    most = share(sum(bool(each.check.evidence.counterexamples) for each in groups.all))
    checks = {
        (id(each.suite), id(each.check)): check_view(
            each,
            baseline_name,
            named.get(each.check.id, ()),
            past_of(each.check.id, runs),
            most=most,
            texts=texts_of != "none",
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
        passed=len(groups.passed),
        skipped=tuple(checks[id(each.suite), id(each.check)] for each in groups.skipped),
        identity=identity(report),
        baseline_name=baseline_name,
        baseline_at_hand=report.baseline is not None,
        recipes=recipe_diff(report),
        scoring=scoring_facts(record),
        bless=invitation(record),
        suites=suites,
        heat_map=heat_map(record),
        against=against_view(
            of_suite,
            baseline_name,
            max((trainings(each.check) for each in groups.all), default=1),
        ),
        trend=trend_view(runs, groups, report),
        where=where_view(report.where),
        training=tuple(training_view(each) for each in record.training),
        pairs=_pairs_view(report, ordered, texts_of, groups, named),
    )


def _tallies(groups: Groups) -> tuple[Tally, ...]:
    words: tuple[tuple[Group, int, str, str], ...] = (
        ("regression", len(groups.regressions), "regression", "regressions"),
        ("failure", len(groups.failures), "failed", "failed"),
        ("error", len(groups.errors), "in error", "in error"),
        ("weak", len(groups.weak), "inconclusive", "inconclusive"),
        ("advisory", len(groups.advisory), "advisory failed", "advisory failed"),
        ("passed", len(groups.passed), "passed", "passed"),
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
        ("weak", "Inconclusive", groups.weak),
        ("advisory", "Advisory checks that failed", groups.advisory),
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
    """The columns of most suites come first, so that a wide table starts with full ones."""
    shared = Counter(name for suite in suites for name in {check.name for check in suite.checks})
    names = dict.fromkeys(check.name for suite in suites for check in suite.checks)
    columns = tuple(sorted(names, key=lambda name: -shared[name]))
    rows = []
    for suite in suites:
        by_name = {check.name: check for check in suite.checks}
        rows.append((suite, tuple(by_name.get(name) for name in columns)))
    return Glance(columns, tuple(rows))


def _named(groups: Groups, ordered: Sequence[Pair]) -> dict[str, tuple[Pair, ...]]:
    """The pairs that each check's evidence points to; by id, or by suite and id."""
    keys: dict[str, list[tuple[str, str]]] = {}
    for each in groups.all:
        suite = each.suite.name
        names = each.check.evidence.pairs
        if names:
            keys[each.check.id] = [(suite, name.removeprefix(f"{suite}/")) for name in names]
    wanted = {key for some in keys.values() for key in some}
    found = ((pair.suite, pair.id, pair) for pair in ordered)
    at = {(suite, name): pair for suite, name, pair in found if (suite, name) in wanted}
    return {check: tuple(at[key] for key in some if key in at) for check, some in keys.items()}


def _pairs_view(
    report: ReportInput,
    ordered: tuple[Pair, ...],
    texts_of: TextsOf,
    groups: Groups,
    named: Mapping[str, Sequence[Pair]],
) -> PairsView:
    once = distinct(ordered)
    states = Counter(pair.state for pair in once)
    first = _first(once, groups, named)
    failing = (pair for pair in once if pair.state in FAILING and pair not in first)
    worst = [*first, *islice(failing, WORST)]

    def shown(some: Sequence[Pair]) -> tuple[WorstPair, ...]:
        return tuple(
            WorstPair(pair, PAIR_WORD[pair.state], carried(pair, report.texts, texts_of))
            for pair in some
        )

    packed = pack(once, report.texts, texts_of, named)
    return PairsView(
        total=len(once),
        counts=tuple((state, PAIR_WORD[state], states[state]) for state in STATES if states[state]),
        packed=packed,
        first=shown(first),
        worst=shown(worst[:WORST]),
        texts_of=texts_of,
        has_baseline=any(pair.baseline for pair in once),
        left_out=len(once) - packed.listed,
        short_of_text=sum(map(len, packed.chunks)) > MOST_TEXT,
    )


def _first(once: Sequence[Pair], groups: Groups, named: Mapping[str, Sequence[Pair]]) -> list[Pair]:
    """The worst pairs of the checks that block the merge: those they name, then their suites'.

    A comparison names every pair that it lost, a threshold its worst ones, so that a run with a
    regression shows what broke before what was wrong already.
    """
    blocking = groups.regressions or groups.failures
    hashes = {pair.hash for each in blocking for pair in named.get(each.check.id, ())}
    suites = {each.suite.name for each in blocking}
    lost = [pair for pair in once if pair.state in _LOST]
    theirs = [pair for pair in lost if pair.hash in hashes]
    others = [pair for pair in lost if pair.hash not in hashes and suites & {*pair.suites}]
    return [*theirs, *others][:FIRST]
