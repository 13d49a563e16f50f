"""The layout and the pair browser in a real browser: words that differ, phones, height."""

from __future__ import annotations

import pytest

from rmcheck.report import PairTexts, ReportInput
from rmcheck.report.page import html

from . import builder as build
from .browser import Browser
from .test_trend import past_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page() -> str:
    """A whole run with a regression, a baseline, a training and a history, so six sections."""
    report = build.report(200)
    history = [past_run("2024-12-01T00:00:00Z", 0.7)]
    return html.render(
        ReportInput(report.record, report.scores, report.baseline, report.texts, history)
    )


def test_a_pair_of_two_suites_is_listed_once_and_found_in_both(browser: Browser) -> None:
    now = [
        *(build.score("a", 0, 1, suite=name) for name in ("conversation", "all")),
        build.score("b", 0, 2, suite="all"),
    ]
    suites = build.suite(build.check()), build.suite(build.check(suite="all"), name="all")
    page = html.render(ReportInput(build.record(*suites), now, None, {}))
    for suite, wanted in (("conversation", ["a"]), ("all", ["b", "a"])):
        browser.open(page, f"#pairs&suite={suite}")
        browser.until(
            lambda wanted=wanted: (
                [each.split("/")[1] for each in browser.texts("#rows .id")] == wanted
            )
        )
        assert browser.find("#status").text == f"{len(wanted)} of 2 pairs"
    browser.open(page, "#pair=all/a")
    browser.until(lambda: "also in all" in browser.find("#detail").text)


def marked(browser: Browser, chosen: str, rejected: str) -> tuple[list[str], list[str]]:
    """The words that are marked in chosen and in rejected; both texts must read as they are."""
    texts = {"h-a": PairTexts("p", chosen, rejected)}
    run = build.record(build.suite(build.check()))
    browser.open(html.render(ReportInput(run, [build.score("a", 0, 1)], None, texts)))
    browser.until(lambda: browser.texts("#detail .sides p") == [chosen, rejected])
    return browser.texts("#detail .sides ins"), browser.texts("#detail .sides del")


def test_words_that_only_one_response_has_are_marked(browser: Browser) -> None:
    one, other = "Paris is the capital of France.", "Lyon is the old capital of France!"
    assert marked(browser, one, other) == (
        ["Paris", "."], ["Lyon", "old", "!"],
    )  # fmt: skip
    # Colour is not the only cue, and markup stays text.
    assert "underline" in browser.run(
        "return getComputedStyle(document.querySelector('ins')).textDecoration"
    )
    assert "dashed" in browser.run(
        "return getComputedStyle(document.querySelector('del')).textDecoration"
    )
    assert marked(browser, "see <b>one</b> two three", "see <b>two</b> two three") == (
        ["one"],
        ["two"],
    )


def test_texts_too_long_or_too_different_have_no_marks(browser: Browser) -> None:
    assert marked(browser, "Yes, of course", "Nobody knows that") == ([], [])
    long = " ".join(f"word{place}" for place in range(600))
    assert marked(browser, f"first {long} x", f"second {long} y") == (
        ["first", "x"],
        ["second", "y"],
    )
    longer = " ".join(f"word{place}" for place in range(5_000))
    assert marked(browser, f"first {longer}", f"{longer} last") == ([], [])


def in_sight(browser: Browser, selector: str) -> bool:
    return bool(
        browser.run(
            "var b = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return b.height > 0 && b.top >= 0 && b.top < window.innerHeight / 2",
            selector,
        )
    )


def test_on_a_phone_a_pair_opens_in_place_of_the_list(browser: Browser, page: str) -> None:
    browser.open(page, size=(400, 800))
    assert not browser.find("#detail").is_displayed()
    browser.run("document.getElementById('list').scrollTop = 500")
    row = "document.querySelector('#rows .row[aria-posinset=\"16\"]')"
    browser.until(lambda: browser.run(f"return {row} !== null"))
    name = browser.run(f"return {row}.querySelector('.id').textContent")
    browser.run(f"{row}.click()")
    assert not browser.find("#list").is_displayed()
    assert in_sight(browser, "#detail h3")
    assert name in browser.find("#detail").text
    browser.find("#detail .back").click()
    assert not browser.find("#detail").is_displayed()
    # Back at the row that was read.
    selected = browser.find('.row[aria-selected="true"]')
    assert selected.find_element("css selector", ".id").text == name
    assert selected.is_displayed()
    browser.open(page, "#pair=coding/pair-00101", size=(400, 800))
    assert in_sight(browser, "#detail h3")


def test_nothing_of_the_navigation_is_cut(browser: Browser, page: str) -> None:
    browser.open(page, size=(400, 800))
    edges = browser.run(
        "return Array.from(document.querySelectorAll('.bar nav a'),"
        " a => a.getBoundingClientRect().right)"
    )
    assert len(edges) == 6
    assert max(edges) <= 400


@pytest.mark.parametrize("width", [400, 1400])
def test_a_heading_of_a_table_never_breaks_within_a_word(
    browser: Browser, page: str, width: int
) -> None:
    browser.open(page, size=(width, 900))
    tall = browser.run(
        "return Array.from(document.querySelectorAll('.flips thead th'), th => [th.textContent,"
        " th.getClientRects()[0].height / parseFloat(getComputedStyle(th).lineHeight)])"
    )
    assert {name for name, _ in tall} >= {"Net", "Newly wrong"}
    # The row is as tall as its two-word headings: two lines, never three.
    assert all(lines < 3 for _, lines in tall)
    narrow = browser.run(
        "var r = document.createRange();"
        "return Array.from(document.querySelectorAll('.flips thead th'))"
        ".filter(th => th.textContent === 'Net').map(th => { r.selectNodeContents(th);"
        " return new Set(Array.from(r.getClientRects(), b => b.top)).size; })"
    )
    assert narrow == [1] * len(narrow)


def test_a_red_page_of_a_whole_project_is_short(browser: Browser) -> None:
    names = [f"suite_{place}" for place in range(8)]
    now, before, texts = build.many_pairs(400, suites=names)
    kinds = ("win_rate", "score_gap", "calibration", "null_controls")
    suites = [
        build.suite(
            build.regressed(name) if name < "suite_2" else build.weak("no_regression", name),
            *(build.check(kind, name, evidence=build.evidence()) for kind in kinds),
            name=name, slices={"rude": build.estimate(), "refusal": build.estimate(0.6)},
        )
        for name in names
    ]  # fmt: skip
    run = build.record(*suites, training=[build.training()])
    browser.open(html.render(ReportInput(run, now, (run, before), texts)), size=(1400, 900))
    assert browser.run("return document.documentElement.scrollHeight") < 6000
