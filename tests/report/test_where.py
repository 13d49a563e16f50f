"""The section that says where a run got worse: one search, the same words in every format."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml

from rmcheck.data import PreferencePair
from rmcheck.record.scores import PairScore
from rmcheck.report import ReportInput, TextsByHash, markdown, terminal
from rmcheck.report.page import html
from rmcheck.report.where import UNCONFIRMED, headline, places, where_of
from rmcheck.slices.condition import Condition
from rmcheck.slices.finding import Part, Slice

from . import builder as build

HOSTILE = "x`|<b>\u202e\x1b[2J @someone -->"


def pair(number: int) -> PreferencePair:
    code = "```\nx = 1\n```" if number % 6 == 0 else "please"
    return PreferencePair(
        id=f"p{number}", prompt=f"Question {number}: {code}", chosen="Yes.", rejected="No.",
        group=f"g{number}", tags=(HOSTILE,) if number % 6 == 0 else ("plain",),
    )  # fmt: skip


def report(*, lost: bool) -> ReportInput:
    """240 pairs, of which the candidate lost those with code, or a few all over."""
    pairs = [pair(number) for number in range(240)]
    texts = TextsByHash()
    texts.add(pairs)

    def row(each: PreferencePair, right: bool) -> PairScore:
        return PairScore(
            suite="conversation",
            id=each.id,
            hash=each.hash,
            group=each.group,
            tags=list(each.tags),
            chosen=1.0 if right else 0.0,
            rejected=0.5,
        )

    wrong = {n for n in range(240) if (n % 6 == 0 if lost else n % 40 == 0)}
    record = build.record(build.suite(build.regressed(), pairs=240))
    found = ReportInput(
        record=record,
        scores=[row(each, n not in wrong) for n, each in enumerate(pairs)],
        baseline=(record, [row(each, True) for each in pairs]),
        texts=texts,
    )
    return replace(found, where=where_of(found))


def test_every_format_says_the_same_and_obeys_no_tag() -> None:
    found = report(lost=True)
    assert found.where is not None
    said = headline(found.where)
    assert said.startswith("the newly wrong pairs are mostly these (40 of 40, in 40 pairs): tagged")
    page, summary = html.render(found), markdown.render(found)
    lines = terminal.lines(found.record, verbosity=0, report_path=None, worse=said)
    assert len(lines) <= terminal.MOST_LINES
    (line,) = [line for line in lines if line.startswith("where: ")]
    for text in (page, summary, line):
        assert "40 of 40" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<b>\\u202e" not in page.replace("&lt;b&gt;", "")
    assert page.count("<b>") == page.count("</b>")
    # What is to be copied means the tag as it is.
    (place,) = places(found.where)
    assert yaml.safe_load(place.yaml)[0]["where"] == {"tags": [HOSTILE]}
    block = [line[6:] for line in summary.splitlines() if line.startswith("      ")]
    assert yaml.safe_load("\n".join(block)) == yaml.safe_load(place.yaml)


def test_nothing_confirmed_is_said() -> None:
    found = report(lost=False)
    assert found.where is not None
    assert found.where.slices == ()
    assert headline(found.where) == ""
    assert UNCONFIRMED in html.render(found)
    assert "they are spread out, or too few to tell" in markdown.render(found)


def test_without_a_search_there_is_no_section() -> None:
    found = replace(report(lost=True), where=None)
    assert "Where it got worse" not in html.render(found)
    assert "Where it got worse" not in markdown.render(found)
    assert where_of(replace(found, baseline=None)) is None
    assert where_of(replace(found, texts={})) is None


def test_without_texts_no_word_of_them_is_a_condition() -> None:
    found = where_of(replace(report(lost=True), texts_of="none"))
    assert found is not None
    shown = {condition.place[-1] for each in found.slices for condition in each.conditions}
    assert shown
    assert not shown & {"has", "about"}


@pytest.mark.parametrize(("wrong", "word"), [(30, "mostly these"), (15, "many of the newly wrong")])
def test_mostly_means_more_than_half(wrong: int, word: str) -> None:
    part = Part(pairs=60, newly_wrong=wrong, newly_right=0)
    one = Slice(
        conditions=(Condition(("prompt", "code"), True),), rows=np.arange(60), suites=("chat",),
        inside=part, elsewhere=part, confirming=part, p=0.01,
    )  # fmt: skip
    where = report(lost=False).where
    assert where is not None
    found = replace(where, slices=(one,), covered=part, newly_wrong=40)
    assert word in headline(found)
