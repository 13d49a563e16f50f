"""Linting: data files and suites in, a report out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rmcheck import collector
from rmcheck.data import preferences
from rmcheck.data.rows import shown_path
from rmcheck.documents import located
from rmcheck.documents.finding import is_yaml
from rmcheck.errors import ProblemsFound, UsageError
from rmcheck.lint import finding as kinds
from rmcheck.lint.coverage import SMALLEST_TAG, tag_findings
from rmcheck.lint.cycles import cycle_findings
from rmcheck.lint.duplicates import duplicate_findings
from rmcheck.lint.finding import KINDS, LEVELS, Finding, Place, problem_finding
from rmcheck.lint.labels import Auditors, audit_labels, label_findings
from rmcheck.lint.leakage import leakage_findings
from rmcheck.lint.lexical import fit_words
from rmcheck.lint.placeholders import placeholder_findings
from rmcheck.lint.pool import DataFile, PlacedPair, PlacedSet, Pool, pool_of, read_pool
from rmcheck.lint.report import LintReport, WordFacts, WordRow, file_facts
from rmcheck.lint.thresholds import suite_findings
from rmcheck.lint.thumb import by_tag, rows_of, thumb_findings
from rmcheck.stats.winrate import win_rate, wins
from rmcheck.suite import Suite, load_suite
from rmcheck.suite.header import DataMapping, Header

WORDS_MATTER = 0.60
"""Warn when a bag of words' interval is above this; a little is honest signal."""


@collector.paused()
def lint(
    paths: Sequence[Path],
    *,
    root: Path | None = None,
    train: Sequence[Path] = (),
    against: Sequence[Path] = (),
    expect: float | None = None,
    layout: str | None = None,
    auditors: Auditors | None = None,
) -> LintReport:
    """Lint data files, and suites with their data, all of them as one table.

    Parameters
    ----------
    paths
        Data files (`.jsonl`, `.csv`, `.parquet`) and suites (`.yaml`, `.yml`).
    root
        Places are given relative to this folder.
    train
        Files to train the bag of words on; they are searched for leakage too.
    against
        Other files that must share no rows with the linted ones.
    expect
        The win rate that a model is expected to reach, for the thresholds of suites.
    layout
        The layout of the data files; by default each file's is recognised.
    auditors
        Reward sources whose scores are compared with the labels.
    """
    loaded = _load(paths, root, layout)
    pool = loaded.pool
    training = read_pool([DataFile(path, layout=layout) for path in train], root=root)
    others = read_pool(
        [DataFile(path, layout=layout) for path in against if path not in train], root=root
    )
    rules = rows_of(pool)
    words = _words(pool, training) if training.pairs and pool.pairs else None
    labels = audit_labels(pool, auditors) if auditors and pool.pairs else None
    findings = [
        *loaded.mistakes,
        *_data_findings(pool),
        *_foreign_findings(pool, training, others),
        *thumb_findings(rules),
        *_word_findings(words),
        *label_findings(labels),
    ]
    comparisons = sum(suite.comparisons for suite in loaded.suites)
    for suite in loaded.suites:
        findings.extend(suite_findings(suite, expect=expect, comparisons=comparisons))
    return LintReport(
        files=file_facts(pool),
        suites=tuple(shown_path(path, root) for path in paths if is_yaml(path)),
        findings=tuple(sorted(findings, key=_order)),
        rules=tuple(rules),
        words=words,
        notes=(*pool.notes, *training.notes, *others.notes),
        labels=labels,
    )


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    """The contents of the linted paths: rows, suites, and mistakes in suites that do not load."""

    pool: Pool
    suites: tuple[Suite, ...]
    mistakes: tuple[Finding, ...]


def _load(paths: Sequence[Path], root: Path | None, layout: str | None) -> _Loaded:
    data = [DataFile(path, layout=layout) for path in paths if not is_yaml(path)]
    suites: list[Suite] = []
    on_hub: list[Suite] = []
    mistakes: list[Finding] = []
    for path in paths:
        if not is_yaml(path):
            continue
        files = _suite_files(path, root)
        data.extend(files)
        try:
            suite = load_suite(path, root)
        except ProblemsFound as found:
            # What is wrong with rows is found again, with more besides, where they are linted.
            own = [p for p in found.problems if not files or p.path == shown_path(path, root)]
            mistakes.extend(problem_finding(kinds.SUITE_MISTAKE, problem) for problem in own)
            continue
        suites.append(suite)
        if not files:
            on_hub.append(suite)
    pool = _joined(read_pool(data, root=root), on_hub)
    return _Loaded(pool=pool, suites=tuple(suites), mistakes=tuple(mistakes))


def _order(finding: Finding) -> tuple[int, int, Place]:
    return LEVELS.index(finding.kind.level), KINDS.index(finding.kind), finding.place


def _suite_files(path: Path, root: Path | None) -> list[DataFile]:
    """The data files of a suite, read apart from it so that each row keeps its line."""
    try:
        header = located.validate(Header, located.read(path, shown_path(path, root)))
    except ProblemsFound:
        return []
    mapping = DataMapping(path=header.data) if isinstance(header.data, str) else header.data
    if mapping.path is None:
        return []
    try:
        found = preferences.expand(mapping.path, path.parent)
    except UsageError:
        return []  # loading the suite tells it
    return [DataFile(file, mapping.columns or {}, header.layout) for file in found]


def _joined(pool: Pool, suites: Sequence[Suite]) -> Pool:
    """The pool with the pairs of suites that load from a hub; their place is the data set."""
    if not suites:
        return pool
    rows: list[PlacedPair | PlacedSet] = list(pool.rows)
    paths = list(pool.paths)
    for suite in suites:
        name = suite.data.paths[0] if suite.data.paths else suite.shown
        if name not in paths:
            paths.append(name)
            rows.extend(PlacedPair(pair, Place(name)) for pair in suite.data.pairs)
    notes = [*pool.notes, *(note for suite in suites for note in suite.data.notes)]
    return pool_of(rows, paths, pool.problems, notes)


def _foreign_findings(pool: Pool, training: Pool, others: Pool) -> Iterator[Finding]:
    for problem in (*training.problems, *others.problems):
        if problem.path not in pool.paths:
            yield problem_finding(kinds.MALFORMED, problem)
    for path in training.paths:
        if path in pool.paths:
            yield Finding(
                kind=kinds.LEAKED_PROMPT,
                place=Place(path),
                message="this file is also training data (--train), so all its pairs have leaked",
            )
    yield from leakage_findings(pool, (*training.rows, *others.rows))


def _data_findings(pool: Pool) -> Iterator[Finding]:
    for problem in pool.problems:
        yield problem_finding(kinds.MALFORMED, problem)
    yield from placeholder_findings(pool)
    yield from duplicate_findings(pool)
    yield from cycle_findings(pool)
    yield from tag_findings(pool, by_tag(pool))


def _words(pool: Pool, training: Pool) -> WordFacts:
    """Train the bag of words and measure it on all pairs, on each file, and on each tag."""
    model = fit_words([pair.item for pair in training.pairs])
    margins = model.margins([pair.item for pair in pool.pairs])
    won, groups = wins(margins, np.zeros_like(margins)), pool.groups
    rows: list[WordRow] = []

    def add(place: Place, kept: Sequence[int], tag: str | None = None) -> None:
        estimate = win_rate(won[list(kept)], [groups[index] for index in kept])
        rows.append(WordRow(place=place, tag=tag, estimate=estimate))

    several = len(pool.files) > 1
    if several:
        add(Place(""), range(len(groups)))
    for path, kept in pool.files.items():
        add(Place(path), kept)
    for tag, tagged in by_tag(pool).items():
        if len(tagged) >= SMALLEST_TAG:
            add(Place("" if several else next(iter(pool.files))), tagged, tag)
    best, worst = model.strongest()
    return WordFacts(
        train=training.paths,
        train_pairs=len(training.pairs),
        vocabulary=len(model.vocabulary),
        speak_for=tuple(best),
        speak_against=tuple(worst),
        rows=tuple(rows),
    )


def _word_findings(words: WordFacts | None) -> Iterator[Finding]:
    if words is None:
        return
    for row in words.rows:
        if row.tag is not None or row.estimate.low <= WORDS_MATTER:
            continue
        value, low, high = row.estimate.value, row.estimate.low, row.estimate.high
        yield Finding(
            kind=kinds.WORDS,
            place=row.place,
            message=f"a bag of words trained on {words.train_pairs} pairs picks the chosen side in "
            f"{value:.1%} of the {row.estimate.n} pairs [{low:.1%}, {high:.1%}]",
        )
