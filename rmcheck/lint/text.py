"""A report as text for people: findings by level and kind, then the tables."""

from __future__ import annotations

from collections.abc import Sequence

from rmcheck.data.file_note import told
from rmcheck.lint.coverage import SMALLEST_TAG
from rmcheck.lint.finding import LEVELS, Finding
from rmcheck.lint.labels import LabelAudit, who
from rmcheck.lint.report import FileFacts, LintReport, WordFacts
from rmcheck.lint.thumb import RULES, RuleRow, too_telling
from rmcheck.wording import counted, escaped, minus

SHOWN = 8
"""Findings of a kind that are shown; the rest are counted."""

WORST = 20
"""Doubtful labels that are shown."""


def render(report: LintReport) -> str:
    """The whole report, without a line break at its end."""
    blocks = ["\n".join([_head(report), *(f"  {escaped(line)}" for line in told(report.notes))])]
    for level in LEVELS:
        found = report.of_level(level)
        if found:
            blocks.append(_level(level, found))
    if report.rules:
        blocks.append(_rules([row for row in report.rules if row.tag is None]))
        by_tag = [
            row for row in report.rules if row.tag is not None and row.estimate.n >= SMALLEST_TAG
        ]
        if by_tag:
            blocks.append(_lengths(by_tag))
    if report.words is not None:
        blocks.append(_words(report.words))
    if report.labels is not None:
        blocks.append(_labels(report.labels))
    blocks.append(_verdict(report))
    return "\n\n".join(blocks)


def name_of(path: str, paths: Sequence[str]) -> str:
    """A short name for a file among others: its stem where no other file has the same.

    >>> name_of("a/x.jsonl", ["a/x.jsonl", "a/y.jsonl"]), name_of("", [])
    ('x', 'all')
    """
    stems = [_stem(other) for other in paths]
    stem = _stem(path)
    return "all" if not path else stem if stems.count(stem) <= 1 else path


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _head(report: LintReport) -> str:
    files = [facts for facts in report.files if facts.path]
    total: FileFacts | None = report.files[0] if report.files else None
    parts = [counted(len(files), "data file"), counted(len(report.suites), "suite")]
    if total is not None:
        parts.append(f"{counted(total.pairs, 'pair')} in {counted(total.groups, 'group')}")
        parts.append(counted(total.sets, "response set"))
    return ", ".join(part for part in parts if not part.startswith("0 "))


def _level(level: str, findings: Sequence[Finding]) -> str:
    lines = [f"{level}s ({len(findings)})"]
    by_kind: dict[str, list[Finding]] = {}
    for finding in findings:
        by_kind.setdefault(finding.kind.code, []).append(finding)
    for code, found in by_kind.items():
        lines.append(f"  {code}: {found[0].kind.title} ({len(found)})")
        lines.extend(
            f"    {escaped(f'{finding.place}: {finding.message}')}" for finding in found[:SHOWN]
        )
        if len(found) > SHOWN:
            lines.append(f"    … and {len(found) - SHOWN:,} more (--format json lists all)")
        lines.append(f"    → {found[0].kind.remedy}")
    return "\n".join(lines)


def _rules(rows: Sequence[RuleRow]) -> str:
    paths = [row.place.path for row in rows if row.rule is RULES[0]]
    names = {path: name_of(path, paths) for path in paths}
    width = max(len(name) for name in names.values())
    cells = {(row.place.path, row.rule.name): row.estimate for row in rows}
    columns = "".join(f"{rule.short:>8}" for rule in RULES)
    lines = [
        "rules of thumb: how often each picks the chosen side (0.5 is chance; ! is too often)",
        f"  {'':<{width}}{'n':>7}{columns}",
    ]
    for path, name in names.items():
        found = [cells[path, rule.name] for rule in RULES]
        values = "".join(
            f"{estimate.value:>7.3f}{'!' if too_telling(estimate) else ' '}" for estimate in found
        )
        lines.append(f"  {name:<{width}}{found[0].n:>7}{values}".rstrip())
    lines.extend(f"  {rule.short:>7} {rule.name}" for rule in RULES)
    return "\n".join(lines)


def _lengths(rows: Sequence[RuleRow]) -> str:
    width = max(len(escaped(row.tag or "")) for row in rows)
    lines = ["the longer side (characters) is chosen, by tag"]
    for row in rows:
        at = row.estimate
        mark = " !" if too_telling(at) else ""
        lines.append(
            f"  {escaped(row.tag or ''):<{width}}{at.n:>7}  {at.value:.3f} "
            f"[{at.low:.3f}, {at.high:.3f}]{mark}"
        )
    return "\n".join(lines)


def _words(words: WordFacts) -> str:
    paths = [row.place.path for row in words.rows if row.tag is None]
    labels = [
        f"#{escaped(row.tag)}" if row.tag is not None else name_of(row.place.path, paths)
        for row in words.rows
    ]
    width = max(len(label) for label in labels)
    lines = [
        f"bag of words, trained on {counted(words.train_pairs, 'pair')} "
        f"({counted(words.vocabulary, 'word')}): how often it picks the chosen side"
    ]
    for label, row in zip(labels, words.rows, strict=True):
        at = row.estimate
        lines.append(f"  {label:<{width}}{at.n:>7}  {at.value:.3f} [{at.low:.3f}, {at.high:.3f}]")
    lines.append(f"  for:     {' '.join(words.speak_for)}")
    lines.append(f"  against: {' '.join(words.speak_against)}")
    return "\n".join(lines)


def _labels(audit: LabelAudit) -> str:
    """The sources, and the doubtful pairs, worst first, with each source's margin."""
    count = len(audit.doubts)
    lines = [
        f"labels: {who(audit)} contradict {count:,} of {counted(audit.judged, 'pair')} "
        f"({audit.expected:.1f} expected if the sources failed independently)"
    ]
    if audit.unscored:
        lines.append(f"  not judged: {counted(audit.unscored, 'pair')} with too few scores")
    for number, one in enumerate(audit.auditors, start=1):
        lines.append(
            f"  [{number}] {escaped(one.name)}: contradicts {one.wrong:,} of {one.pairs:,}; "
            f"spread {one.spread:.3g}"
        )
    if audit.doubts:
        lines.append("  worst first; margins in units of each source's spread, [1] [2] …")
    for doubt in audit.doubts[:WORST]:
        units = " ".join("–" if unit is None else minus(f"{unit:.2f}") for unit in doubt.units)
        lines.append(f"  {escaped(str(doubt.place))}: {escaped(doubt.item.id)}  {units}")
    if count > WORST:
        lines.append(f"  … and {count - WORST:,} more (--format json and --html list all)")
    return "\n".join(lines)


def _verdict(report: LintReport) -> str:
    return ", ".join(counted(len(report.of_level(level)), level) for level in LEVELS)
