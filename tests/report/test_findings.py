"""Counterexamples in the page, the summary and the terminal; heat maps in the page."""

from dataclasses import replace
from typing import Any

import pytest

from rmcheck.record.run import CounterexampleRecord, PictureRecord, StepRecord
from rmcheck.report import ReportInput, markdown, terminal
from rmcheck.report.page import html
from rmcheck.report.page.finding_view import MOST_FINDINGS, findings, share
from rmcheck.report.page.heat import heat_map

from . import builder as build
from .page import Page


def run(*found: CounterexampleRecord, pictures: tuple[PictureRecord, ...] = ()) -> ReportInput:
    evidence = build.evidence(pictures=list(pictures), counterexamples=list(found))
    check = build.failed("invariance", message="invariance 0.12 > max_flips 0.05")
    return ReportInput(
        build.record(build.suite(check.model_copy(update={"evidence": evidence}))), []
    )


def page(*found: CounterexampleRecord, **kwargs: Any) -> Page:
    return Page(html.render(run(*found, **kwargs)))


def test_both_texts_are_shown_with_the_difference_marked() -> None:
    shown = page(build.counterexample(after="It is\u00a0 about three miles to the station."))
    article = shown.one("article", class_="finding")
    assert "It is about two miles to the station." in article.text
    assert [each.text for each in shown.all("del")] == ["two"]
    assert [each.text for each in shown.all("ins")] == ["U+00A0", "three"]
    assert shown.one("span", class_="sign").attributes["title"] == "no-break space"
    for word in ("doubled_blanks", "conv-0007/chosen", "no win is lost", "How far is it"):
        assert word in article.text


def test_the_scores_stand_beside_what_they_are_compared_with() -> None:
    row = [
        [cell.text for cell in page(build.counterexample(**fields)).all("td")][-4:]
        for fields in ({}, {"after_score": 0.6}, {"after_score": 2.0, "before_score": 0.5})
    ]
    assert row == [
        ["1.23", "−0.410", "−1.64", "0.600 (now below it)"],
        ["1.23", "0.600", "−0.630", "0.600 (now equal to it)"],
        ["0.500", "2.00", "+1.50", "0.600 (now above it)"],
    ]
    alone = page(build.counterexample(against=None))
    assert not any("compared with" in head.text for head in alone.all("th"))


def test_a_command_can_be_copied() -> None:
    shown = page(build.counterexample())
    assert any("rmcheck perturb doubled_blanks" in code.text for code in shown.all("code"))
    buttons = shown.all("button", class_="copy")
    assert len(buttons) == 2  # that of the run and that of the counterexample
    assert all(each.attributes["type"] == "button" for each in buttons)
    assert len(page(build.counterexample(repeat="")).all("button", class_="copy")) == 1


def test_a_change_of_the_prompt_is_marked_and_the_response_folded() -> None:
    same = "It is about two miles to the station."
    prompt = "Please: How far is it to the station?"
    shown = page(build.counterexample(after=same, after_prompt=prompt))
    assert [each.text for each in shown.all("ins")] == ["Please: "]
    heads = [each.text for each in shown.all("h6")]
    assert heads == ["Prompt before", "Prompt after"]
    assert f"Response: {same}" in [each.text for each in shown.all("summary")]


def test_a_long_text_is_folded_around_the_change() -> None:
    begin, end = "begin " * 200, " end" * 200
    shown = page(build.counterexample(before=f"{begin}it{end}", after=f"{begin}is{end}"))
    folds = [each.text for each in shown.all("summary") if "unchanged characters" in each.text]
    assert len(folds) == 4
    whole = [each.text for each in shown.all("div", class_="marked")]
    assert [sum(map(text.count, ("begin", "end"))) for text in whole] == [400, 400]
    assert [each.text for each in (*shown.all("del"), *shown.all("ins"))] == ["it", "is"]


def test_the_steps_of_a_search_are_a_list() -> None:
    steps = [
        StepRecord(label="first find", text="- It  is about two miles to the station!", score=3.25),
        StepRecord(label="smallest", text="It  is about two miles to the station.", score=3.0),
    ]
    shown = page(build.counterexample(steps=steps))
    items = [each.text for each in shown.all("li") if "score" in each.text]
    assert items == [
        "first find, score 3.25: {+- +}It (and more)",
        "smallest, score 3.00: It {+·+}is about two miles to t…",
    ]


def test_no_more_than_ten_of_a_check_and_a_hundred_of_the_page() -> None:
    many = [build.counterexample(key=f"k{at}") for at in range(13)]
    shown = page(*many)
    assert len(shown.all("article", class_="finding")) == MOST_FINDINGS == 10
    assert any("3 more texts in results.json" in each.text for each in shown.all("p"))
    assert [share(checks) for checks in (0, 1, 10, 20, 500)] == [10, 10, 10, 5, 1]


def test_the_page_stays_small_whatever_the_texts_are() -> None:
    empty = len(html.render(run()))
    word = "two \u200b"
    huge = build.counterexample(
        prompt="p" * 10**5,
        before=word * 10_000,
        after=word * 5_000 + "new " * 30_000,
        repeat="r" * 10**5,
        title="t" * 10**5,
        promise="p" * 10**5,
        steps=[StepRecord(label="l" * 10**5, text="s" * 10**5, score=0.0)] * 30,
    )
    assert len(html.render(run(huge))) - empty < 150_000
    # Ten thousand places are not ten thousand marks.
    blanks = build.counterexample(before="a " * 2000, after="a  " * 2000)
    assert len(html.render(run(blanks))) - empty < 40_000


def test_a_report_without_texts_shows_none() -> None:
    secret = build.counterexample(
        before="secret one", after="secret two", prompt="secret three",
        steps=[StepRecord(label="smallest", text="secret four", score=1.0)],
    )  # fmt: skip
    without = replace(run(secret), texts_of="none")
    for text in (html.render(without), markdown.render(without)):
        assert "secret" not in text
        assert "rmcheck perturb doubled" in text
        assert "1.23" in text
    assert "secret" in markdown.render(run(secret))


def test_the_summary_and_the_terminal_show_the_worst() -> None:
    given = run(build.counterexample(), build.counterexample(title="another"))
    told = "score 1.23 → −0.410, compared with 0.600"
    summary = markdown.render(given)
    assert f"  - doubled\\_blanks of conv-0007/chosen: {told}: `It is {{+·+}}about" in summary
    assert "`rmcheck perturb doubled_blanks --data pairs.jsonl" in summary
    assert "another" not in summary
    lines = terminal.lines(given.record, verbosity=0, report_path=None)
    assert lines[2].startswith(
        f"    doubled_blanks of conv-0007/chosen: {told}: It is {{+·+}}about"
    )
    assert lines[3].startswith("    rmcheck perturb doubled_blanks --data")
    assert not any("perturb" in line for line in terminal.lines(
        given.record, verbosity=-1, report_path=None))  # fmt: skip


def test_a_title_that_names_the_text_is_enough() -> None:
    given = run(build.counterexample(title="doubled_blanks: conv-0007/chosen"))
    assert "doubled\\_blanks: conv-0007/chosen: score" in markdown.render(given)
    (title,) = Page(html.render(given)).all("h5")
    assert title.text == "doubled_blanks: conv-0007/chosen"


def test_the_terminal_keeps_its_ten_lines() -> None:
    evidence = build.evidence(counterexamples=[build.counterexample()])
    checks = [build.failed(f"check_{at}", evidence=evidence) for at in range(5)]
    lines = terminal.lines(build.record(build.suite(*checks)), verbosity=0, report_path=None)
    assert len(lines) == 10
    assert sum("FAILED" in line for line in lines) == 5


def test_a_heat_map_is_a_table() -> None:
    shown = page(pictures=(build.heat_map(),))
    table = shown.one("table", class_="heat")
    assert table.inside[-1] == "div"
    heads = [each.text for each in shown.all("th", scope="col")]
    assert heads[-3:] == ["", "domain_0", "domain_1"]
    cells = [each for each in shown.all("td") if "table" in each.inside]
    found = [(each.text, each.attributes.get("class")) for each in cells][-6:]
    # Of 0, 1/6 … 4/6 with 0.5 the worst: 8 - 8·(v/0.5) rounded, not below 0.
    assert found == [
        ("0%", "h8"), ("17%", "h5"), ("33%", "h3"), ("50%", "h0"), ("67%", "h0"), ("·none", "none")
    ]  # fmt: skip
    assert cells[-5].attributes["title"] == "transformation_0, domain_1: 0.167"
    assert any(
        "share of wins lost; green to red: 0% to 50%" in each.text for each in shown.all("p")
    )


def test_a_long_heat_map_is_folded() -> None:
    shown = page(pictures=(build.heat_map(45, 10),))
    assert "45 rows, 10 columns" in [each.text for each in shown.all("summary")]
    assert shown.one("table", class_="dense").inside[-2:] == ("details", "div")
    assert not heat_map(build.heat_map(12, 3)).long


@pytest.mark.parametrize(
    ("fields", "cells"),
    [
        ({"values": [[0.001], [-0.001]]}, [("<1%", 8), ("−<1%", 8)]),
        ({"values": [[0.9], [0.25]], "worst": 0.0}, [("90%", 7), ("25%", 2)]),
        ({"values": [[1.234], [-0.5]], "share": False, "worst": 2.0}, [("1.2", 3), ("−0.5", 8)]),
    ],
)
def test_the_cells_of_a_heat_map(fields: dict[str, Any], cells: list[tuple[str, int]]) -> None:
    found = heat_map(build.heat_map(2, 1, **fields)).rows
    assert [(cell.text, cell.step) for _, row in found for cell in row if cell] == cells


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"values": [[0.1]]}, "No chart: 'values': expected 2 lists of 1 numbers."),
        ({"values": [[0.1], ["x"]]}, "No chart: a cell: expected a finite number, got 'x'."),
        ({"values": None}, "No chart: 'values': expected a list."),
        ({"worst": float("nan")}, "No chart: worst: expected a finite number, got nan."),
    ],
)
def test_a_heat_map_that_cannot_be_drawn_says_why(fields: dict[str, Any], said: str) -> None:
    picture = build.heat_map(2, 1, **fields)
    assert heat_map(picture).remark == said
    shown = page(pictures=(picture,))
    assert said in [each.text for each in shown.all("p")]
    assert not shown.all("table", class_="heat")


def test_a_heat_map_of_nothing() -> None:
    assert heat_map(build.heat_map(1, 0)).remark == "No chart: no rows or no columns to draw."
    empty = heat_map(build.heat_map(2, 1, values=[[None], [None]]))
    assert (empty.rows, empty.remark) == ((), "No chart: no cell has a number.")


def test_a_heat_map_leaves_out_rows_without_any_number() -> None:
    found = heat_map(build.heat_map(3, 2, values=[[None, None], [None, 0.1], [0.2, None]]))
    assert [name for name, _ in found.rows] == ["transformation_1", "transformation_2"]
    assert found.remark == "1 row without any number left out."


def test_a_heat_map_has_bounds() -> None:
    found = heat_map(build.heat_map(130, 41))
    assert (len(found.rows), len(found.columns), len(found.rows[0][1])) == (120, 40, 40)
    assert found.remark == "10 rows and 1 column not drawn."


def test_findings_of_nothing() -> None:
    assert findings((), 10, texts=True).shown == ()
    assert not page().all("section", class_="findings")
