"""Counterexamples and heat maps in a real browser: read without a script, copied, scrolled."""

from __future__ import annotations

import pytest

from rmcheck.record.run import TableRecord
from rmcheck.report import ReportInput
from rmcheck.report.page import html

from . import builder as build
from .browser import Browser
from .test_findings import run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page() -> str:
    long = " ".join(f"word{at}" for at in range(300))
    return html.render(
        run(
            build.counterexample(before=long, after=f"{long}\u200b \u202eat the end"),
            build.counterexample(after_prompt="How far?", repeat="rmcheck perturb a --id 'b c'"),
            pictures=(build.heat_map(45, 10),),
        )
    )


def opened(browser: Browser, page: str, **kwargs: object) -> None:
    browser.open(page, **kwargs)  # type: ignore[arg-type]
    browser.run(
        "document.querySelectorAll('details.suite, details.check, .mapped details')"
        ".forEach(d => { d.open = true; })"
    )


def test_the_difference_reads_without_a_script(browser: Browser, page: str) -> None:
    browser.open(page, script=False)
    check = browser.find("details.check")
    for fold in ("details.suite > summary", "details.check > summary"):
        browser.click(browser.find(fold))
    assert check.find_element("css selector", ".finding ins").is_displayed()
    signs = [each.text for each in check.find_elements("css selector", ".sign")]
    assert signs[:2] == ["U+200B", "U+202E"]
    fold = check.find_element("css selector", ".marked summary")
    assert "unchanged characters" in fold.text
    browser.click(fold)
    assert "word100 word101" in check.find_element("css selector", ".marked details").text
    assert not check.find_element("css selector", "button.copy").is_displayed()


def test_a_button_copies_the_command_beside_it(browser: Browser, page: str) -> None:
    opened(browser, page)
    browser.run(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: function (text) {"
        " window.copied = text; return Promise.resolve(); }}})"
    )
    buttons = browser.driver.find_elements("css selector", ".finding button.copy")
    assert len(buttons) == 2
    browser.click(buttons[1])
    assert browser.run("return window.copied") == "rmcheck perturb a --id 'b c'"
    browser.until(lambda: buttons[1].text == "Copied")
    assert buttons[0].text == "Copy"


@pytest.mark.parametrize("width", [400, 1400])
def test_a_large_heat_map_reads_at_any_width(browser: Browser, page: str, width: int) -> None:
    opened(browser, page, size=(width, 900))
    wide, window = browser.run("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window
    sizes = browser.run(
        "var s = document.querySelector('.mapped .scroll'); s.scrollLeft = 1e6;"
        "var t = s.querySelector('td:last-child'), h = s.querySelector('tbody th');"
        "return [s.getBoundingClientRect(), t.getBoundingClientRect(), h.getBoundingClientRect(),"
        " parseFloat(getComputedStyle(t).fontSize), t.scrollWidth <= t.clientWidth + 1]"
    )
    frame, cell, head, font, fits = sizes
    # At the far end the last column and the names of the rows are both in sight.
    assert frame["left"] <= head["left"] < head["right"] <= cell["left"]
    assert cell["right"] <= frame["right"] + 1
    assert font >= 12
    assert fits


def test_a_wide_table_scrolls_and_keeps_its_names_whole(browser: Browser) -> None:
    names = ["prompt_user_name", "markdown_decoration"]
    table = TableRecord(
        title="Changes",
        columns=["change", *(f"share {at}" for at in range(9)), "result"],
        rows=[[name, *[0.125] * 9, "undecidable"] for name in names],
    )
    check = build.check(evidence=build.evidence(tables=[table]))
    opened(browser, html.render(ReportInput(build.record(build.suite(check)), [])), size=(400, 900))
    wide, window = browser.run("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window
    scrolls, name, cut, height = browser.run(
        "var s = document.querySelector('.wide .scroll'); s.scrollLeft = 1e6;"
        "var n = s.querySelectorAll('tbody td:first-child')[1];"
        "return [s.scrollLeft > 0, n.getBoundingClientRect().left - s.getBoundingClientRect().left,"
        " n.scrollWidth > n.clientWidth, n.getBoundingClientRect().height]"
    )
    assert scrolls
    assert name >= 0
    assert not cut
    assert height < 45
