"""The view model of the page: everything the templates print, in the order in which they do."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from rmcheck.record import RunRecord
from rmcheck.report.check_view import CheckView, Fact, check_view
from rmcheck.report.glossary import GROUP_LEAD, PAIR_WORD
from rmcheck.report.identity import IdentityRow, identity, scoring_facts
from rmcheck.report.input import PairTexts, ReportInput, TextsOf
from rmcheck.report.pairs import FAILING, STATES, Packed, Pair, carried, pack, pairs
from rmcheck.report.sentence import BLESS, Group, Groups, Placed, Sentence, grouped, sentence
from rmcheck.report.suite_view import HeatMap, SuiteView, heat_map, suite_view
from rmcheck.report.training_view import TrainingView, training_view

WORST = 20


@dataclass(frozen=True)
class Concern:
    """A section at the top of the page: a group of checks that a reviewer must look at."""

    group: Group
    title: str
    lead: str
    checks: tuple[CheckView, ...]


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
    """A pair that stands in the page with its texts, for readers without JavaScript."""

    pair: Pair
    word: str
    texts: PairTexts | None


@dataclass(frozen=True)
class PairsView:
    """The pair browser: counts by state, packed data, and the worst pairs as plain HTML."""

    total: int
    counts: tuple[tuple[str, str, int], ...]
    packed: Packed
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
    bless: str | None
    suites: tuple[SuiteView, ...]
    heat_map: HeatMap | None
    training: tuple[TrainingView, ...]
    pairs: PairsView


def view(report: ReportInput, texts_of: TextsOf) -> View:
    """The view model of a run."""
    record = report.record
    groups = grouped(record)
    baseline_scores = report.baseline[1] if report.baseline else None
    ordered = pairs(report.scores, baseline_scores)
    of_suite: dict[str, list[Pair]] = {}
    for pair in ordered:
        of_suite.setdefault(pair.suite, []).append(pair)
    baseline_name = record.baseline.name if record.baseline else None
    if report.baseline and baseline_name is None:
        baseline_name = "the baseline"
    checks = {
        (id(each.suite), id(each.check)): check_view(each, baseline_name) for each in groups.all
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
        bless=BLESS if baseline_name is None else None,
        suites=suites,
        heat_map=heat_map(record),
        training=tuple(training_view(each) for each in record.training),
        pairs=_pairs_view(report, ordered, texts_of),
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
    names = tuple(dict.fromkeys(check.name for suite in suites for check in suite.checks))
    rows = []
    for suite in suites:
        by_name = {check.name: check for check in suite.checks}
        rows.append((suite, tuple(by_name.get(name) for name in names)))
    return Glance(names, tuple(rows))


def _pairs_view(report: ReportInput, ordered: tuple[Pair, ...], texts_of: TextsOf) -> PairsView:
    states = Counter(pair.state for pair in ordered)
    named = {
        check.id: frozenset(_pair_key(suite.name, name) for name in check.evidence.pairs)
        for suite in report.record.suites
        for check in suite.checks
        if check.evidence.pairs
    }
    return PairsView(
        total=len(ordered),
        counts=tuple((state, PAIR_WORD[state], states[state]) for state in STATES if states[state]),
        packed=pack(ordered, report.texts, texts_of, named),
        worst=tuple(
            WorstPair(pair, PAIR_WORD[pair.state], carried(pair, report.texts, texts_of))
            for pair in [pair for pair in ordered if pair.state in FAILING][:WORST]
        ),
        texts_of=texts_of,
        has_baseline=any(pair.baseline for pair in ordered),
    )


def _pair_key(suite: str, name: str) -> tuple[str, str]:
    """Evidence names a pair by its id, or by its suite and id."""
    return suite, name.removeprefix(f"{suite}/")
