"""Where a red run got worse: the slices that hold its newly wrong pairs, in words and as YAML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rmcheck.report import numbers
from rmcheck.report.input import ReportInput, TextsByHash
from rmcheck.report.text import one_line
from rmcheck.slices.columns import columns
from rmcheck.slices.finding import Found, Slice, find
from rmcheck.slices.offer import check_yaml
from rmcheck.slices.scores import flips_of
from rmcheck.wording import counted, listed

MOST_PAIRS = 20_000
"""A report looks at no more pairs; `rmcheck slices` does."""

UNCONFIRMED = (
    "No part of the data is confirmed to hold the newly wrong pairs: they are spread out, or too "
    "few to tell."
)


@dataclass(frozen=True)
class Place:
    """A slice for readers: what it is, how many pairs, and the check to copy into which suites."""

    what: str
    counts: str
    suites: str
    yaml: str


def where_of(report: ReportInput) -> Found | None:
    """Search the slices of a run that got worse than its baseline.

    None where the baseline's scores or the pairs' texts are not available, or there are more than
    `MOST_PAIRS`. Words of the texts are looked at only where the report may show texts.
    """
    if report.baseline is None or not isinstance(report.texts, TextsByHash):
        return None
    flips, _ = flips_of(report.scores, report.baseline[1], report.texts.pairs)
    if not 0 < len(flips.pairs) <= MOST_PAIRS:
        return None
    with_words = report.texts_of != "none"
    return find(flips, columns(flips.pairs, flips.suites, with_words=with_words))


def headline(found: Found) -> str:
    """The slices in a sentence; empty where none is confirmed."""
    if not found.slices:
        return ""
    held, pairs = found.covered.newly_wrong, found.covered.pairs
    mostly = 2 * held > found.newly_wrong
    lead = "the newly wrong pairs are mostly" if mostly else "many of the newly wrong pairs are"
    told = "; or: ".join(one_line(str(each), 200 // len(found.slices)) for each in found.slices)
    return f"{lead} these ({held:,} of {found.newly_wrong:,}, in {counted(pairs, 'pair')}): {told}"


def counts(each: Slice) -> str:
    """How many pairs of a slice are newly wrong, how many elsewhere, and how sure that is."""
    return (
        f"{each.inside.newly_wrong:,} of {counted(each.inside.pairs, 'pair')} newly wrong, "
        f"{each.inside.newly_right:,} newly right; elsewhere {each.elsewhere.newly_wrong:,} of "
        f"{each.elsewhere.pairs:,} newly wrong; confirmed on "
        f"{counted(each.confirming.pairs, 'pair')} of other prompts "
        f"({each.confirming.newly_wrong:,} newly wrong, "
        f"{each.confirming.newly_right:,} newly right), {numbers.p_words(each.p, ' = ')}"
    )


def places(found: Found) -> Sequence[Place]:
    """The confirmed slices, for the templates."""
    return tuple(
        Place(str(each), counts(each), listed(each.suites, limit=6), check_yaml(each))
        for each in found.slices
    )
