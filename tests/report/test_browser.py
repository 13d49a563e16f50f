"""The page in a real browser: asks nothing of the network, and can be read and used by anybody."""

from __future__ import annotations

from itertools import pairwise

import pytest

from rmcheck.report import PairTexts, ReportInput
from rmcheck.report.page import html

from . import builder as build
from .browser import Browser, axe_source
from .test_trend import past_run

pytestmark = pytest.mark.slow

DOWN, UP, ENTER, ESCAPE, TAB, END, HOME = (
    "\ue015", "\ue013", "\ue007", "\ue00c", "\ue004", "\ue010", "\ue011",
)  # fmt: skip


@pytest.fixture(scope="module")
def page() -> str:
    """A whole run with a regression, every kind of chart, a baseline and a history."""
    history = [past_run(f"2024-12-{day:02d}T00:00:00Z", 0.7) for day in range(1, 20)]
    report = build.report(200)
    return html.render(
        ReportInput(report.record, report.scores, report.baseline, report.texts, history)
    )


@pytest.fixture(scope="module")
def three() -> str:
    """Three pairs with all texts: a is right, b and c are wrong, c by more."""
    now = [
        build.score("a", 1, 0, tags=["rude"]),
        build.score("b", 0, 1, tags=["long"]),
        build.score("c", 0, 2, tags=["rude"]),
    ]
    texts = {
        "h-a": PairTexts("alpha", "x", "y"),
        "h-b": PairTexts("a Needle here", "x", "y"),
        "h-c": PairTexts("gamma", "x", "y"),
    }
    run = build.record(build.suite(build.check(evidence=build.evidence(pairs=["b"]))))
    return html.render(ReportInput(run, now, None, texts, texts_of="all"))


def ids(browser: Browser) -> list[str]:
    return [text.removeprefix("conversation/") for text in browser.texts("#rows .id")]


def shown(browser: Browser, *wanted: str) -> None:
    browser.until(lambda: ids(browser) == list(wanted))


def test_it_asks_for_nothing_but_itself(browser: Browser, page: str) -> None:
    browser.complaints()
    url = browser.open(page)
    # Everything that fetches later is touched, too: the last pair's texts, a search, the theme.
    browser.find("#list").click()
    browser.press(END, "/", "water")
    browser.find("#theme").click()
    browser.until(lambda: "of 200 pairs" in browser.find("#status").text)
    assert browser.requests() == [url]
    assert browser.complaints() == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


def test_its_scripts_add_one_name_to_the_window(browser: Browser, three: str) -> None:
    names = "return Object.getOwnPropertyNames(window)"
    browser.open(three, script=False)
    browser.run(names)  # the driver's own names are there from its first call on
    before = set(browser.run(names))
    browser.open(three)
    assert set(browser.run(names)) - before == {"rmcheck"}


def test_search(browser: Browser, three: str) -> None:
    browser.open(three)
    shown(browser, "c", "b", "a")
    browser.press("/", "needle")
    shown(browser, "b")
    assert browser.find("#status").text == "1 of 3 pairs"
    browser.find("#reset").click()
    shown(browser, "c", "b", "a")
    assert browser.find("#find").get_attribute("value") == ""


def test_filters_and_sorting(browser: Browser, three: str) -> None:
    from selenium.webdriver.support.ui import Select

    browser.open(three)
    Select(browser.find("#of-tag")).select_by_value("rude")
    shown(browser, "c", "a")
    browser.find('[data-state="wrong"]').click()
    shown(browser, "c")
    assert browser.find('[data-state="wrong"]').get_attribute("aria-pressed") == "true"
    # Counts by state are those of what the other filters leave.
    assert browser.texts(".states b") == ["1", "1"]
    browser.find("#reset").click()
    orders = {"low": "cba", "high": "abc", "close": "bac", "id": "abc", "": "cba"}
    for order, wanted in orders.items():
        Select(browser.find("#order")).select_by_value(order)
        shown(browser, *wanted)


def test_links_lead_to_pairs_checks_and_selections(browser: Browser, page: str) -> None:
    browser.open(page, "#pair=coding/pair-00101")
    browser.until(lambda: "coding/pair-00101" in browser.find("#detail").text)
    assert "coding/pair-00101" in browser.find('.row[aria-selected="true"]').text
    browser.open(page, "#check=conversation::win_rate")
    check = browser.find('[id="check=conversation::win_rate"]')
    assert check.get_attribute("open")
    assert 0 <= browser.run("return arguments[0].getBoundingClientRect().top", check) < 200
    browser.open(page, "#pairs&suite=coding&state=newly_wrong")
    assert browser.find("#of-suite").get_attribute("value") == "coding"
    rows = browser.texts("#rows .row")
    assert rows
    assert all("Newly wrong" in row and "coding/" in row for row in rows)
    browser.open(page, "#pairs&q=zzzz")
    assert browser.find("#status").text == "0 of 200 pairs"


def test_a_link_within_the_page_is_followed_twice(browser: Browser, page: str) -> None:
    browser.open(page)
    link = browser.find(".flips tbody td a")
    browser.click(link)
    browser.until(lambda: " of 200 pairs" in browser.find("#status").text)
    browser.find("#reset").click()
    browser.click(link)
    browser.until(lambda: " of 200 pairs" in browser.find("#status").text)


def test_a_click_on_a_point_leads_to_its_pair(browser: Browser, page: str) -> None:
    browser.open(page)
    point = browser.find('#suites .chart [data-go*="/pair-"]')
    target = point.get_attribute("data-go")
    browser.run("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", point)
    browser.until(lambda: target.partition("=")[2] in browser.find("#detail").text)


def test_the_first_screen_of_a_red_run(browser: Browser, page: str) -> None:
    browser.open(page, size=(1280, 800))
    for selector in ("h1", ".card .brief", ".card .gauge .chart", ".first li", ".first li + li"):
        box = browser.find(selector).rect
        assert box["y"] + box["height"] <= 800, selector
    browser.open(page, size=(400, 800))
    box = browser.find(".card .brief > div").rect
    assert box["y"] + box["height"] <= 800


def test_the_keyboard_alone_is_enough(browser: Browser, page: str) -> None:
    browser.open(page)

    def focus() -> str:
        found: str = browser.run(
            "var e = document.activeElement; return e.id || e.className || e.tagName"
        )
        return found

    browser.press(TAB)
    assert focus() == "skip"
    browser.press("/")
    assert focus() == "find"
    for _ in range(40):
        if focus() == "list":
            break
        browser.press(TAB)
    assert focus() == "list"
    chosen = '.row[aria-selected="true"]'
    first = browser.find(f"{chosen} .id").text
    browser.press(DOWN, DOWN)
    third = browser.find(f"{chosen} .id").text
    assert third != first
    active = browser.find("#list").get_attribute("aria-activedescendant")
    assert browser.find(f"#{active} .id").text == third
    browser.press(ENTER)
    assert focus() == "detail"
    assert third in browser.find("#detail").text
    browser.press(ESCAPE)
    assert focus() == "list"
    browser.press(HOME)
    assert browser.find(f"{chosen} .id").text == first
    browser.press(END)
    last = browser.find(chosen)
    assert last.get_attribute("aria-posinset") == last.get_attribute("aria-setsize") == "200"


def test_a_check_opens_from_the_keyboard(browser: Browser, page: str) -> None:
    browser.open(page)
    browser.find('[id="suite=conversation"] > summary').click()
    summary = '[id="check=conversation::win_rate"] > summary'
    browser.run("document.querySelector(arguments[0]).focus()", summary)
    browser.press(ENTER)
    assert browser.find('[id="check=conversation::win_rate"]').get_attribute("open")


def ground(browser: Browser) -> str:
    found: str = browser.run("return getComputedStyle(document.body).backgroundColor")
    return found


def test_light_and_dark_follow_the_system_and_the_button(browser: Browser, page: str) -> None:
    browser.open(page, scheme="light")
    light = ground(browser)
    browser.find("#theme").click()
    dark = ground(browser)
    browser.open(page, scheme="dark")
    assert ground(browser) == dark != light
    browser.find("#theme").click()
    assert ground(browser) == light
    browser.open(page, "#theme=dark", scheme="light")
    assert ground(browser) == dark
    # Paper is light, whatever the reader's screen is.
    browser.devtools(
        "Emulation.setEmulatedMedia",
        media="print",
        features=[{"name": "prefers-color-scheme", "value": "dark"}],
    )
    assert ground(browser) == "rgb(255, 255, 255)"
    browser.devtools("Emulation.setEmulatedMedia", media="")


def test_print_opens_what_is_folded(browser: Browser, page: str) -> None:
    browser.open(page)
    closed = "return document.querySelectorAll('details:not([open])').length"
    assert browser.run(closed) > 0
    pdf = browser.devtools("Page.printToPDF")["data"]
    assert browser.run(closed) == 0
    assert len(pdf) > 50_000


@pytest.mark.parametrize("size", [(1280, 800), (400, 800)], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    browser: Browser, page: str, scheme: str, size: tuple[int, int]
) -> None:
    source = axe_source()
    browser.open(page, size=size, scheme=scheme)
    assert browser.axe(source) == []
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    browser.find('[data-state="newly_wrong"]').click()
    assert browser.axe(source) == []


def test_axe_sees_what_is_wrong(browser: Browser, page: str) -> None:
    """The test above can fail: a page without a language and with grey on grey is found out."""
    source = axe_source()
    browser.open(page.replace('<html lang="en">', "<html>"))
    browser.run("document.querySelector('.who').style.color = '#dddddd'")
    found = "\n".join(browser.axe(source))
    assert "html-has-lang" in found
    assert "color-contrast" in found


def test_with_the_script_off_all_but_the_browser_reads(browser: Browser, page: str) -> None:
    browser.open(page, script=False)
    assert "js" not in (browser.find("html").get_attribute("class") or "")
    assert browser.find("h1").text.startswith("Do not merge")
    assert browser.find(".card .brief").is_displayed()
    assert browser.find("#trend").is_displayed()
    assert browser.find("#worst").is_displayed()
    assert not browser.find("#browser").is_displayed()
    assert not browser.find("#theme").is_displayed()
    charts = browser.driver.find_elements("css selector", "svg.chart")
    assert len(charts) > 8
    # Suites and checks are <details>: they open without any script.
    suite = browser.find('[id="suite=conversation"]')
    browser.click(suite.find_element("css selector", "summary"))
    browser.click(suite.find_element("css selector", ".charts > summary"))
    seen = [chart for chart in charts if chart.is_displayed()]
    assert len(seen) > 2
    assert all(chart.rect["width"] > 100 and chart.rect["height"] > 20 for chart in seen)
    check = browser.find('[id="check=conversation::win_rate"]')
    browser.click(check.find_element("css selector", "summary"))
    assert check.find_element("css selector", ".message").is_displayed()
    # So do links to a pair that stands in the page.
    link = browser.find(".first h3 a")
    target = link.get_attribute("href").partition("#")[2]
    browser.click(link)
    assert browser.find(f'[id="{target}"]').is_displayed()


@pytest.mark.parametrize("width", [320, 400, 768, 1280])
def test_it_never_scrolls_sideways(browser: Browser, page: str, width: int) -> None:
    browser.open(page, size=(width, 800))
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    wide, window = browser.run("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window


@pytest.mark.parametrize("width", [400, 1280])
def test_a_copy_button_covers_no_text(browser: Browser, page: str, width: int) -> None:
    browser.open(page, size=(width, 900))
    text, button = browser.run(
        "var b = document.querySelector('.command'); var p = b.querySelector('p');"
        "p.textContent = 'word '.repeat(80); var r = document.createRange();"
        "r.selectNodeContents(p);"
        "return [Math.max(...[...r.getClientRects()].map(each => each.right)),"
        " b.querySelector('button').getBoundingClientRect().left]"
    )
    assert 0 < text <= button


def test_only_the_rows_in_sight_exist(browser: Browser) -> None:
    now, before, texts = build.many_pairs(3000, words=20)
    run = build.record(build.suite(build.check(), pairs=3000))
    browser.open(html.render(ReportInput(run, now, (run, before), texts)))
    assert 5 < len(browser.texts("#rows .row")) < 60
    assert browser.find("#rows .row").get_attribute("aria-setsize") == "3000"
    browser.run("document.getElementById('list').scrollTop = 1e6")
    shown = "return Array.from(document.querySelectorAll('#rows .row'), r => +r.ariaPosInSet)"
    browser.until(lambda: browser.run(shown)[-1] == 3000)
    places = browser.run(shown)
    assert all(b == a + 1 for a, b in pairwise(places))
    assert 5 < len(places) < 60
