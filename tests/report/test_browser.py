"""The page in a real browser: nothing that data say is run, and the pair browser works.

Chromium loads the file, runs its script, and prints the DOM that came of it. What needs a hand on
the page (moving from pair to pair, searching) is done by a probe that the test adds to a copy
whose policy, which would rightly refuse it, is taken off: so the texts are shown to be inert
without the policy, too.
"""

import html as html_module
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Protocol

import pytest

from rmcheck.report import PairTexts, ReportInput, html

from . import builder as build
from . import hostile
from .page import Page

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for found in map(shutil.which, NAMES) if found), None)


class Load(Protocol):
    """Loads a page in Chromium and gives the DOM that results, as text."""

    def __call__(
        self, text: str, fragment: str = "", probe: str | None = None, window: str = "1280,900"
    ) -> str: ...


@pytest.fixture
def dom(tmp_path: Path) -> Load:
    """A function that loads a page in Chromium and gives the DOM that results, as text."""
    if CHROMIUM is None:
        pytest.skip("no chromium on PATH")

    def load(
        text: str, fragment: str = "", probe: str | None = None, window: str = "1280,900"
    ) -> str:
        if probe is not None:
            text = re.sub(r"<meta http-equiv=[^>]*>", "", text, count=1)
            text = text.replace("</body>", f"<script>{probe}</script></body>")
        path = tmp_path / "index.html"
        path.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [
                CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-dev-shm-usage",
                f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={window}",
                "--virtual-time-budget=10000", "--dump-dom", f"file://{path}{fragment}",
            ],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return load


def told(dom_text: str) -> Any:
    """What a probe wrote into the page."""
    found = re.search(r'data-told="([^"]*)"', dom_text)
    assert found, "the probe did not finish"
    return json.loads(html_module.unescape(found.group(1)))


PROBE = """
function wait() { return new Promise(function (done) { setTimeout(done, 30); }); }
(async function () {
  var root = document.documentElement;
  for (var i = 0; i < 100 && !root.classList.contains("live"); i++) await wait();
  await wait();
  var told = await (async function () { %s })();
  document.documentElement.setAttribute("data-told", JSON.stringify(told));
})();
"""


def test_hostile_texts_stay_texts_under_the_policy(dom: Load) -> None:
    text = dom(html.render(hostile.report(), texts_of="all"))
    assert "data-pwned" not in text.split(">", 2)[1]
    page = Page(text)
    assert "live" in page.one("html").attributes["class"]
    assert not page.all("img")
    assert not page.all("iframe")
    assert page.all("div", class_="row")


def test_hostile_texts_stay_texts_without_the_policy(dom: Load) -> None:
    probe = (
        PROBE
        % """
      var seen = [], list = document.getElementById("list"), last = "";
      list.focus();
      for (var i = 0; i < 40; i++) {
        var detail = document.getElementById("detail");
        var texts = Array.from(detail.querySelectorAll(".text p"), (p) => p.textContent);
        if (!texts.length) { await wait(); i--; continue; }
        seen.push(texts);
        list.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
        await wait();
      }
      return { seen: seen, pwned: document.documentElement.dataset.pwned || "",
               foreign: document.querySelectorAll("img,iframe,object,embed,base").length };
    """
    )
    answer = told(dom(html.render(hostile.report(), texts_of="all"), probe=probe))
    assert answer["pwned"] == ""
    assert answer["foreign"] == 0
    shown = {tuple(texts) for texts in answer["seen"]}
    assert all(prompt == chosen == rejected for prompt, chosen, rejected in shown)
    for string in hostile.STRINGS:
        if string.isprintable():
            assert (string,) * 3 in shown


def test_a_link_to_a_pair_shows_it_and_a_link_to_a_check_opens_it(dom: Load) -> None:
    text = html.render(build.report(200))
    page = Page(dom(text, "#pair=coding/pair-00101"))
    assert "coding/pair-00101" in page.one("article", id="detail").text
    selected = [
        row for row in page.all("div", class_="row") if row.attributes["aria-selected"] == "true"
    ]
    assert "coding/pair-00101" in selected[0].text
    page = Page(dom(text, "#check=conversation::win_rate"))
    assert "open" in page.one("details", id="check=conversation::win_rate").attributes


def test_only_the_rows_in_sight_exist(dom: Load) -> None:
    now, before, texts = build.many_pairs(3000, words=20)
    run = build.record(build.suite(build.check(), pairs=3000))
    page = Page(dom(html.render(ReportInput(run, now, (run, before), texts))))
    assert 5 < len(page.all("div", class_="row")) < 60
    assert page.all("div", class_="row")[0].attributes["aria-setsize"] == "3000"


def test_search_filters_and_states(dom: Load) -> None:
    now = [build.score("a", 1, 0, tags=["rude"]), build.score("b", 0, 1, tags=["long"]),
           build.score("c", 0, 2, tags=["rude"])]  # fmt: skip
    texts = {
        "h-a": PairTexts("alpha", "x", "y"),
        "h-b": PairTexts("a Needle here", "x", "y"),
        "h-c": PairTexts("gamma", "x", "y"),
    }
    run = build.record(build.suite(build.check(evidence=build.evidence(pairs=["b"]))))
    text = html.render(ReportInput(run, now, None, texts), texts_of="all")
    probe = (
        PROBE
        % """
      function ids() {
        return Array.from(document.querySelectorAll("#rows .id"), (x) => x.textContent);
      }
      var told = { all: ids() }, find = document.getElementById("find");
      find.value = "needle"; find.dispatchEvent(new Event("input"));
      await new Promise(function (done) { setTimeout(done, 400); });
      told.search = ids();
      document.getElementById("reset").click(); await wait();
      told.reset = ids();
      var tag = document.getElementById("of-tag");
      tag.value = "rude"; tag.dispatchEvent(new Event("change")); await wait();
      told.tag = ids();
      document.querySelector('[data-state="wrong"]').click(); await wait();
      told.state = ids();
      told.status = document.getElementById("status").textContent;
      location.hash = "#pairs&of=conversation%3A%3Awin_rate"; await wait(); await wait();
      told.of = ids();
      document.getElementById("list").focus();
      document.getElementById("list").dispatchEvent(new KeyboardEvent("keydown", { key: "Enter" }));
      told.focus = document.activeElement.id;
      var before = getComputedStyle(document.body).backgroundColor;
      document.getElementById("theme").click();
      told.theme = before !== getComputedStyle(document.body).backgroundColor;
      return told;
    """
    )
    answer = told(dom(text, probe=probe))
    name = "conversation/{}".format
    assert answer["all"] == [name("c"), name("b"), name("a")]
    assert answer["search"] == [name("b")]
    assert answer["reset"] == answer["all"]
    assert answer["tag"] == [name("c"), name("a")]
    assert answer["state"] == [name("c")]
    assert answer["status"] == "1 of 3 pairs"
    assert answer["of"] == [name("b")]
    assert answer["focus"] == "detail"
    assert answer["theme"] is True


def test_a_phone_never_scrolls_sideways(dom: Load) -> None:
    probe = (
        PROBE
        % """
      document.querySelectorAll("details").forEach(function (each) { each.open = true; });
      return [document.documentElement.scrollWidth, window.innerWidth];
    """
    )
    for report in (build.report(200), hostile.report()):
        wide, window = told(dom(html.render(report), probe=probe, window="500,900"))
        assert wide <= window
