"""Everything that a run of the linter found: findings, tables, and facts about the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rmcheck.data.file_note import FileNote
from rmcheck.lint.finding import LEVELS, Finding, Place
from rmcheck.lint.labels import LabelAudit, audit_json
from rmcheck.lint.pool import Pool
from rmcheck.lint.thumb import RuleRow
from rmcheck.verdict import Estimate

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """Counts for one file, or for all files together (with an empty path)."""

    path: str
    pairs: int
    prompts: int
    groups: int
    sets: int
    tags: Mapping[str, int]
    rated: int
    with_confidence: int
    mean_confidence: float | None


@dataclass(frozen=True, kw_only=True)
class WordRow:
    """What a bag of words wins on some pairs, trained on others."""

    place: Place
    tag: str | None
    estimate: Estimate


@dataclass(frozen=True, kw_only=True)
class WordFacts:
    """The bag of words: its training, what it wins, the most telling words."""

    train: tuple[str, ...]
    train_pairs: int
    vocabulary: int
    speak_for: tuple[str, ...]
    speak_against: tuple[str, ...]
    rows: tuple[WordRow, ...]


@dataclass(frozen=True, kw_only=True)
class LintReport:
    """The result of `lint`; findings are sorted by level, kind and place."""

    files: tuple[FileFacts, ...]
    suites: tuple[str, ...]
    findings: tuple[Finding, ...]
    rules: tuple[RuleRow, ...]
    words: WordFacts | None = None
    notes: tuple[FileNote, ...] = ()
    labels: LabelAudit | None = None

    def of_level(self, level: str) -> list[Finding]:
        """The findings of a level."""
        return [finding for finding in self.findings if finding.kind.level == level]

    def to_json(self) -> dict[str, Any]:
        """Plain values, for tools."""
        return {
            "schema_version": SCHEMA_VERSION,
            "counts": {level: len(self.of_level(level)) for level in LEVELS},
            "files": [vars(facts) | {"tags": dict(facts.tags)} for facts in self.files],
            "layouts": [_note_json(note) for note in self.notes if note.is_told],
            "suites": list(self.suites),
            "findings": [_finding_json(finding) for finding in self.findings],
            "rules": [
                _row_json(row.place, row.tag, row.estimate, rule=row.rule.name)
                for row in self.rules
            ],
            "words": None if self.words is None else _words_json(self.words),
            "labels": None if self.labels is None else audit_json(self.labels),
        }


def _note_json(note: FileNote) -> dict[str, Any]:
    return {
        "path": note.path,
        "layout": note.layout,
        "guessed": note.guessed,
        "rows": note.rows,
        "left_out": dict(note.reasons),
        "remarks": dict(note.remarks),
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.kind.code,
        "level": finding.kind.level,
        "path": finding.place.path or None,
        "line": finding.place.line or None,
        "message": finding.message,
        "remedy": finding.kind.remedy,
        "related": [{"path": place.path, "line": place.line} for place in finding.related],
    }


def _row_json(place: Place, tag: str | None, estimate: Estimate, **more: str) -> dict[str, Any]:
    return {"path": place.path or None, "tag": tag, **more, **vars(estimate)}


def _words_json(words: WordFacts) -> dict[str, Any]:
    rows = [_row_json(row.place, row.tag, row.estimate) for row in words.rows]
    return {**vars(words), "rows": rows}


def file_facts(pool: Pool) -> tuple[FileFacts, ...]:
    """Facts of each file, and of all together where there are several."""
    facts = [_facts(pool, path) for path in pool.paths]
    return (_facts(pool, ""), *facts) if len(facts) > 1 else tuple(facts)


def _facts(pool: Pool, path: str) -> FileFacts:
    pairs = [pair for pair in pool.pairs if path in ("", pair.place.path)]
    sets = [entry for entry in pool.sets if path in ("", entry.place.path)]
    known = [pair.item.confidence for pair in pairs if pair.item.confidence is not None]
    return FileFacts(
        path=path,
        pairs=len(pairs),
        prompts=len({pair.prompt for pair in pairs} | {entry.prompt for entry in sets}),
        groups=len({pair.item.group for pair in pairs}),
        sets=len(sets),
        tags=_tag_counts([pair.item.tags for pair in pairs]),
        rated=sum(pair.item.ratings is not None for pair in pairs),
        with_confidence=len(known),
        mean_confidence=sum(known) / len(known) if known else None,
    )


def _tag_counts(tags: Sequence[Sequence[str]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in tags:
        for tag in dict.fromkeys(row):
            counts[tag] = counts.get(tag, 0) + 1
    return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
