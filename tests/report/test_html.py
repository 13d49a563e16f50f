"""The page: order, links, what reads without JavaScript, and that nothing comes from outside."""

import base64
import gzip
import hashlib
import re
from itertools import pairwise

import pytest

from rmcheck.report import PairTexts, ReportInput, TextsOf
from rmcheck.report.page import html
from rmcheck.report.page.view import view
from rmcheck.report.sentence import sentence

from . import builder as build
from .page import Page


@pytest.fixture(scope="module")
def report() -> ReportInput:
    return build.report(160)


@pytest.fixture(scope="module")
def text(report: ReportInput) -> str:
    return html.render(report)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_it_is_well_formed(page: Page) -> None:
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_the_first_heading_is_the_sentence(page: Page, report: ReportInput) -> None:
    assert " ".join(page.one("h1").text.split()) == str(sentence(report.record))


def test_order_of_the_page(text: str) -> None:
    places = [
        text.index(part)
        for part in (
            "</h1>",
            ">Regressions</h2>",
            ">Inconclusive</h2>",
            ">Advisory checks that failed</h2>",
            ">All checks</h2>",
            ">The run</h2>",
            ">Suites</h2>",
            ">Where it is weak</h2>",
            ">Training</h2>",
            ">Pairs</h2>",
        )
    ]
    assert places == sorted(places)


def test_the_view_groups_gravest_first(report: ReportInput) -> None:
    made = view(report, "failing")
    assert [concern.group for concern in made.concerns] == ["regression", "weak", "advisory"]
    assert [tally.group for tally in made.tallies] == ["regression", "weak", "advisory", "passed"]
    assert made.glance.names == ("win_rate", "score_gap", "no_regression", "label_noise")
    assert made.pairs.worst[0].pair.state == "newly_wrong"
    assert len(made.pairs.worst) == 20


def test_headings_do_not_skip_a_level(page: Page) -> None:
    levels = [int(each.tag[1]) for each in page.elements if re.fullmatch("h[1-6]", each.tag)]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))


def test_every_link_has_its_target(page: Page) -> None:
    ids = set(page.ids)
    for link in [*page.all("a"), *page.all("use")]:
        target = link.attributes["href"]
        assert target.startswith("#")
        # Selections and pairs past the worst are followed by the script.
        if not target.startswith(("#pairs&", "#pair=")):
            assert target[1:] in ids


def test_links_to_checks_and_pairs_are_as_promised(page: Page) -> None:
    assert "check=conversation::no_regression" in page.ids
    worst = view(build.report(160), "failing").pairs.worst[0].pair
    assert f"pair={worst.suite}/{worst.id}" in page.ids


def test_nothing_comes_from_outside(text: str, page: Page) -> None:
    assert not page.all("link")
    assert not page.all("img")
    for element in page.elements:
        assert "src" not in element.attributes
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org)", text)
    reaching_out = "fetch( XMLHttpRequest localStorage sessionStorage indexedDB Worker( import("
    writing_markup = "innerHTML outerHTML insertAdjacentHTML document.write eval( Function("
    for word in [*reaching_out.split(), *writing_markup.split()]:
        assert word not in text


def test_the_policy_lets_only_the_script_of_the_page_run(text: str, page: Page) -> None:
    policy = page.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    for part in (script, style):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "style" not in {key for element in page.elements for key in element.attributes}


def test_without_javascript_everything_but_the_browser_reads(text: str, page: Page) -> None:
    still = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    for word in ("win rate fell 4.1 points", "Null controls", "Win rate by tag", "Loss", "Holm"):
        assert word in still
    assert len(page.all("svg", class_="chart")) > 10
    worst = page.all("article", class_="pair")
    assert len(worst) == 20
    assert all("Prompt" in each.text for each in worst)
    assert "hidden" in page.one("div", id="browser").attributes


def test_every_chart_has_a_title_and_a_description(page: Page) -> None:
    charts = page.all("svg", class_="chart")
    assert all(chart.attributes["role"] == "img" for chart in charts)
    assert len([each for each in page.elements if each.tag == "desc"]) == len(charts)


def test_every_table_has_headers_with_a_scope(page: Page) -> None:
    assert page.all("table")
    for header in page.all("th"):
        assert header.attributes.get("scope") in {"col", "row"}


def test_a_state_is_never_told_by_colour_alone(page: Page) -> None:
    for summary in page.all("summary"):
        if "details" in summary.inside and "check" in str(summary.attributes):
            assert summary.text.strip()
    for cell in page.all("td"):
        if cell.attributes.get("class", "").startswith("g-"):
            assert cell.text.strip()


def test_same_input_same_bytes() -> None:
    assert html.render(build.report()) == html.render(build.report())


def test_an_incomplete_run_wears_a_banner(page: Page) -> None:
    assert not page.all("p", class_="banner")
    text = html.render(build.report(incomplete=True))
    assert "Incomplete run: the run stopped" in Page(text).one("p", class_="banner").text


def test_without_a_baseline_it_says_how_to_bless() -> None:
    run = build.record(build.suite(build.check()), baseline=None)
    page = Page(html.render(ReportInput(run, [build.score()])))
    assert "rmcheck bless main keeps this run as the baseline;" in page.one("p", class_="hint").text
    red = build.record(build.suite(build.failed()), baseline=None)
    assert (
        "rmcheck bless main --red keeps this run as the baseline, although 1 required check failed;"
        in Page(html.render(ReportInput(red, [build.score()]))).one("p", class_="hint").text
    )


@pytest.mark.parametrize("texts_of", ["failing", "all", "none"])
def test_texts_only_of_whom_was_asked(texts_of: TextsOf) -> None:
    now = [build.score("good", 1, 0), build.score("bad", 0, 1)]
    texts = {
        f"h-{name}": PairTexts(f"prompt of {name}", f"chosen of {name}", "r")
        for name in ("good", "bad")
    }
    run = build.record(build.suite(build.check()))
    text = html.render(ReportInput(run, now, None, texts, texts_of=texts_of))
    packed = Page(text).all("script", class_="data-texts")
    inside = "".join(gzip.decompress(base64.b64decode(each.text)).decode() for each in packed)
    assert ("prompt of bad" in text) == ("prompt of bad" in inside) == (texts_of != "none")
    assert ("prompt of good" in inside) == (texts_of == "all")
    assert "prompt of good" not in text


def test_a_run_without_checks_pairs_or_anything() -> None:
    page = Page(html.render(ReportInput(build.record(), [])))
    assert "the run has no checks" in page.one("h1").text
    assert not page.all("div", id="browser")


def test_a_picture_that_cannot_be_drawn_leaves_a_remark() -> None:
    bad = build.evidence(pictures=[build.picture("pie", {}), build.picture("forest", {})])
    run = build.record(build.suite(build.check(evidence=bad)))
    text = html.render(ReportInput(run, []))
    assert "unknown kind &#39;pie&#39;" in text
    assert "&#39;rows&#39;: expected a list of objects" in text


def test_the_slices_of_the_baseline_stand_beside_the_candidates(report: ReportInput) -> None:
    suite = view(report, "none").suites[0]
    assert suite.slices is not None
    assert 'class="diamond"' in str(suite.slices.svg)
    assert suite.controls is not None
    assert "this model" in str(suite.controls.svg)
    assert suite.margins is not None


def test_a_scatter_of_the_check_itself_is_not_drawn_twice() -> None:
    now, before, texts = build.many_pairs(40)
    run = build.record(build.suite(build.regressed(evidence=build.evidence())))
    made = view(ReportInput(run, now, (run, before), texts), "none")
    assert made.suites[0].margins is None


def test_a_page_of_very_many_pairs_says_what_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = build.report(60)
    assert "leaves out" not in html.render(run)
    monkeypatch.setattr("rmcheck.report.page.pairs.MOST_ROWS", 40)
    text = html.render(run)
    said = re.search(r"The list has the first (\d+) pairs in this order", text)
    assert said is not None
    listed = int(said[1])
    assert 40 <= listed < 60
    assert f"It leaves out {60 - listed}, which are in scores.jsonl." in text
    assert f'data-left-out="{60 - listed}"' in text
    assert "60 pairs: " in text  # counts are of all
