"""Candidate against baseline, pair by pair: counts by suite and by tag."""

from __future__ import annotations

from rmcheck.record.scores import PairScore
from rmcheck.report import ReportInput
from rmcheck.report.page import html
from rmcheck.report.page.against_view import against_view
from rmcheck.report.page.pairs import Pair, pairs

from . import builder as build
from .page import Page

RIGHT, WRONG = (1.0, 0.0), (0.0, 1.0)


def rows(
    suite: str, *cases: tuple[str, tuple[float, float], tuple[float, float] | None, str]
) -> tuple[list[PairScore], list[PairScore]]:
    """Scores now and before, of (id, now, before, tag); without a before the pair is new."""
    now = [
        build.score(name, *scored, suite=suite, tags=[tag], content=name)
        for name, scored, _, tag in cases
    ]
    before = [
        build.score(name, *scored, suite=suite, tags=[tag], content=name)
        for name, _, scored, tag in cases
        if scored is not None
    ]
    return now, before


CHAT = rows(
    "chat",
    ("a", WRONG, RIGHT, "rude"),
    ("b", WRONG, RIGHT, "rude"),
    ("c", RIGHT, WRONG, "long"),
    ("d", WRONG, WRONG, "long"),
    ("e", RIGHT, RIGHT, "calm"),
    ("f", WRONG, None, "rude"),
)
# The suite of all domains holds a pair of chat again, and one of its own.
EVERY = rows("all", ("a", WRONG, RIGHT, "rude"), ("g", RIGHT, WRONG, "rude"))


def of_suites(*suites: tuple[list[PairScore], list[PairScore]]) -> dict[str, list[Pair]]:
    found: dict[str, list[Pair]] = {}
    for now, before in suites:
        for pair in pairs(now, before):
            found.setdefault(pair.suite, []).append(pair)
    return found


def test_counts_by_suite_and_by_tag() -> None:
    made = against_view(of_suites(CHAT, EVERY), "main")
    assert made is not None
    assert [word for _, word in made.columns] == [
        "Newly wrong", "Newly right", "Both wrong", "Both right",
    ]  # fmt: skip
    table = {row.name: ([each.count for each in row.counts], row.net) for row in made.suites}
    assert table == {
        "chat": (["2", "1", "1", "1"], "−1"),
        "all": (["1", "1", "0", "0"], "0"),
    }
    # By tag each text counts once: rude holds a, b (broken) and g (mended); calm did not flip.
    tags = {row.name: ([each.count for each in row.counts], row.net) for row in made.tags}
    assert tags == {
        "rude": (["2", "1", "0", "0"], "−1"),
        "long": (["0", "1", "1", "0"], "+1"),
    }
    assert list(tags) == ["rude", "long"]
    assert made.new == 1


def test_links_select_the_pairs() -> None:
    made = against_view(of_suites(CHAT), "main")
    assert made is not None
    assert made.suites[0].counts[0].link == "pairs&suite=chat&state=newly_wrong"
    assert made.tags[0].counts[1].link == "pairs&tag=rude&state=newly_right"


def test_without_a_baseline_there_is_no_section() -> None:
    now, _ = CHAT
    assert against_view(of_suites((now, [])), None) is None
    run = build.record(build.suite(build.check()), baseline=None)
    page = Page(html.render(ReportInput(run, now)))
    assert "against" not in page.ids


def test_many_tags_are_cut_and_counted() -> None:
    cases = [(f"p{index}", WRONG, RIGHT, f"tag{index:02d}") for index in range(20)]
    made = against_view(of_suites(rows("chat", *cases)), "main")
    assert made is not None
    assert (len(made.tags), made.tags_left_out) == (12, 8)
