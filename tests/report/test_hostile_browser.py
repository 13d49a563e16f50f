"""The forty strings in a real browser: in prompts, responses, tags, names and paths, none runs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from rmcheck.report.page import html

from . import hostile
from .browser import Browser

pytestmark = pytest.mark.slow

DOWN = "\ue015"


@pytest.fixture(scope="module")
def page() -> str:
    return html.render(replace(hostile.report(), texts_of="all"))


def pwned(browser: Browser) -> object:
    return browser.run("return document.documentElement.dataset.pwned || ''")


def foreign(browser: Browser) -> object:
    return browser.run(
        "return document.querySelectorAll('img,iframe,object,embed,base,link,audio,video').length"
    )


def read_all(browser: Browser) -> set[tuple[str, ...]]:
    """Walk through all pairs as a reader does; gives the three texts of each."""
    browser.find("#list").click()
    browser.press("\ue011")
    seen = set()
    for _ in hostile.STRINGS:
        seen.add(
            tuple(
                browser.until(lambda: browser.texts("#detail .text p")),
            )
        )
        browser.press(DOWN)
    return seen


def use(browser: Browser) -> None:
    """Touch whatever shows a name: hover, filters, every folded check, a search, each link."""
    browser.run(
        """
        document.querySelectorAll("details").forEach(d => { d.open = true; });
        document.querySelectorAll("main *").forEach(function (e) {
          e.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
          if (e.focus) e.focus();
        });
        ["of-suite", "of-tag"].forEach(function (id) {
          Array.from(document.getElementById(id).options).forEach(function (option) {
            document.getElementById(id).value = option.value;
            document.getElementById(id).dispatchEvent(new Event("change"));
          });
        });
        document.querySelectorAll("a").forEach(a => a.click());
        document.querySelectorAll("[data-go]").forEach(function (g) {
          g.dispatchEvent(new MouseEvent("click", { bubbles: true }));
        });
        document.getElementById("reset").click();
        """
    )


@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no-policy"])
def test_none_of_them_runs(browser: Browser, page: str, policy: bool) -> None:
    # Without the policy nothing but the page's own care keeps them from running.
    text = page if policy else re.sub(r"<meta http-equiv=[^>]*>", "", page, count=1)
    assert ("Content-Security-Policy" in text) == policy
    url = browser.open(text)
    shown = read_all(browser)
    use(browser)
    assert pwned(browser) == ""
    assert foreign(browser) == 0
    assert browser.run("return document.scripts.length") == len(re.findall("<script", page))
    assert browser.requests() == [url]
    assert all(prompt == chosen == rejected for prompt, chosen, rejected in shown)
    for string in hostile.STRINGS:
        if string.isprintable():
            assert (string,) * 3 in shown


@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_keeps_its_shape(browser: Browser, page: str, width: int) -> None:
    browser.open(page, size=(width, 800))
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    wide, window = browser.run("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window


def test_a_script_that_slips_through_is_stopped_by_the_policy(browser: Browser, page: str) -> None:
    """The policy is there for the day on which an escape is forgotten."""
    slipped = page.replace("</main>", f"<script>{hostile.PWN}</script></main>")
    browser.open(slipped)
    assert pwned(browser) == ""
    browser.open(re.sub(r"<meta http-equiv=[^>]*>", "", slipped, count=1))
    assert str(pwned(browser)) == "1"
