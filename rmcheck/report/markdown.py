"""`summary.md`: the run for a step summary or a pull-request comment.

Names and messages are data: whatever Markdown, GitHub or HTML would interpret (a table cell, a
link, a mention) is escaped. The text is shorter than `MOST_BYTES`, because GitHub accepts at most
65,536 characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rmcheck.record.run import SourceRecord
from rmcheck.report import numbers
from rmcheck.report.glossary import GROUP_WORD
from rmcheck.report.input import ReportInput
from rmcheck.report.recipes import recipe_diff
from rmcheck.report.sentence import Answer, Placed, grouped, invitation, sentence
from rmcheck.report.table import line, table
from rmcheck.report.terminal import counts, training
from rmcheck.report.text import one_line
from rmcheck.report.worst_text import worst_text
from rmcheck.wording import counted, listed

if TYPE_CHECKING:
    from rmcheck.slices.finding import Found

MARKER = "<!-- rmcheck -->"
MOST_BYTES = 60_000

_SIGN: dict[Answer, str] = {"yes": "✅", "weak": "✅", "no": "❌", "unknown": "⚠️"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~&$])")
_RUN = re.compile("[0-9a-f]+")
_BREAK = "\u200b"
_MOST_NAMED = 60
_MOST_WHERE = 6_000


file_name = "summary.md"


def render(report: ReportInput) -> str:
    """The summary of a run as GitHub-flavoured Markdown, under 60 KB, marker first."""
    record = report.record
    groups = grouped(record)
    verdict = sentence(record, groups)
    parts = [
        f"{MARKER}{f' <!-- run {record.run_id} -->' if _RUN.fullmatch(record.run_id) else ''}",
        f"## {_SIGN[verdict.answer]} {escape(verdict.headline)}",
        f"**{escape(str(verdict), 1500)}**",
    ]
    if record.gap:
        parts.append(f"> **Incomplete**: {escape(record.gap)}.")
    parts += filter(None, (_identity(report), _recipes(report)))
    for title, members in (
        ("Regressions", groups.regressions),
        ("Failures", groups.failures),
        ("Errors", groups.errors),
        ("Inconclusive", groups.weak),
        ("Advisory checks that failed", groups.advisory),
    ):
        if members:
            parts.append(_named(title, members, texts=report.texts_of != "none"))
    if report.where is not None:
        parts.append(_where(report.where))
    end = [escape(counts(groups)), *(f"note: {escape(each)}" for each in record.scoring.remarks)]
    end += [escape(each, 500) for each in report.over_time]
    if record.training:
        end.append(escape(training(record.training)))
    bless = invitation(record)
    if bless is not None:
        end.append(f"no baseline yet: `{bless.command}` keeps this run as one{bless.caveat}")
    if record.command:
        end.append(f"again: {code(record.command, 400)}")
    footer = "\n".join(f"- {each}" for each in end)
    body = "\n\n".join(parts)
    room = MOST_BYTES - _bytes(body) - _bytes(footer) - 600
    return f"{body}\n\n{_table(groups.all, room)}\n\n{footer}\n"


def escape(text: str, limit: int = 300) -> str:
    """Text on one line, escaped: no markup, no links, no mentions."""
    flat = one_line(text, limit)
    marked = _SPECIAL.sub(r"\\\1", flat)
    # A zero-width space stops GitHub from notifying people, linking issues and linking hosts.
    apart = re.sub(r"(?i)([@#]|//|\bwww)(?=\S)", rf"\1{_BREAK}", marked)
    return apart.replace(f"//{_BREAK}", f"/{_BREAK}/")


def code(text: str, limit: int = 120) -> str:
    """Text as a code span, whatever it contains; also inside a table cell."""
    flat = one_line(text, limit).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", flat)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{flat or ' '}{pad}{fence}"


def _identity(report: ReportInput) -> str:
    record = report.record
    source = listed([_source(each) for each in record.models])
    against = f", against {code(record.baseline.name)}" if record.baseline else ""
    return (
        f"Candidate {source}{against}; rmcheck {code(record.rmcheck, 40)}, "
        f"{numbers.seconds(record.duration_s)}."
    )


def _where(found: Found) -> str:
    """The slices that hold the newly wrong pairs, each with the check to copy."""
    from rmcheck.report import where

    if not found.slices:
        return f"### Where it got worse\n\n{escape(where.UNCONFIRMED)}"
    said = where.headline(found)
    rows = ["### Where it got worse", "", f"{escape(said[0].upper() + said[1:], 800)}.", ""]
    for each in where.places(found):
        rows += [
            f"- {escape(each.what)}: {escape(each.counts, 400)}; to watch it, add this below "
            f"`checks:` of {escape(each.suites)}:",
            "",
            *(f"      {line}" for line in each.yaml.rstrip().split("\n")),
            "",
        ]
    text = "\n".join(rows).rstrip()
    return text if _bytes(text) <= _MOST_WHERE else "\n".join(rows[:3])


def _recipes(report: ReportInput) -> str:
    """How the candidate's recipe differs from the baseline's, in a line; may be empty."""
    diff = recipe_diff(report)
    changes = diff.changes if diff else ()
    told = [f"{code(each.key)} {escape(each.candidate)} (was {escape(each.baseline)})"
            for each in changes[:8]]  # fmt: skip
    if len(changes) > 8:
        told.append(f"{len(changes) - 8} more")
    return f"Recipe: {', '.join(told)}." if told else ""


def _source(source: SourceRecord) -> str:
    told = f" ({code(source.fingerprint, 16)})" if source.fingerprint else ""
    known = source.reading and (source.origins or source.members)
    read = f", read with {code(source.reading, 400)}" if known else ""
    return f"{code(source.spec)}{told}{read}"


def _named(title: str, members: Sequence[Placed], *, texts: bool) -> str:
    rows = [
        f"- {code(each.check.id)}: {escape(each.check.message)}{_worst(each, texts=texts)}"
        for each in members[:_MOST_NAMED]
    ]
    if len(members) > _MOST_NAMED:
        rows.append(f"- … and {len(members) - _MOST_NAMED} more")
    kept, size = [], 0
    for index, row in enumerate(rows):
        size += _bytes(row) + 1
        if size > 7_000:
            kept.append(f"- … and {len(members) - index} more")
            break
        kept.append(row)
    return "\n".join((f"### {title}", "", *kept))


def _worst(placed: Placed, *, texts: bool) -> str:
    """The worst counterexample of a check as a point below it; empty without one."""
    found = worst_text(placed.check)
    if found is None:
        return ""
    change = f": {code(found.change, 400)}" if texts and found.change else ""
    repeat = f"; {code(found.repeat, 400)}" if found.repeat else ""
    return f"\n  - {escape(found.name)}: {escape(found.scores)}{change}{repeat}"


def _table(placed: Sequence[Placed], room: int) -> str:
    head = table(("check", "verdict", "estimate", "criterion", "p"), ())
    rows: list[str] = []
    used = _bytes(head)
    for index, each in enumerate(placed):
        row = _row(each)
        used += _bytes(row) + 1
        if used > room:
            rest = len(placed) - index
            return "\n".join((head, *rows)) + f"\n\n… and {counted(rest, 'check')} more."
        rows.append(row)
    return "\n".join((head, *rows))


def _row(placed: Placed) -> str:
    check = placed.check
    estimate = numbers.MISSING
    if check.estimate is not None:
        value = numbers.estimate_number(check.estimate.value)
        estimate = escape(f"{value} {numbers.interval(check.estimate)}")
    asked = ", ".join(f"{key} {value}" for key, value in check.criterion.items()) or numbers.MISSING
    p = check.p_value if check.adjusted_p is None else check.adjusted_p
    return line(
        (
            code(check.id),
            escape(GROUP_WORD[placed.group]),
            estimate,
            escape(asked, 100),
            escape(numbers.p_value(p)),
        )
    )


def _bytes(text: str) -> int:
    return len(text.encode("utf-8"))
