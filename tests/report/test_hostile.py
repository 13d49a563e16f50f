"""Prompts, responses, tags, names and paths that try to be markup, in the page as a file."""

import re
from dataclasses import replace

import pytest

from rmcheck.report import PairTexts, ReportInput, markdown, terminal
from rmcheck.report.page import html

from . import builder as build
from .hostile import STRINGS, report
from .page import Page
from .test_pairs import unpack


@pytest.fixture(scope="module")
def text() -> str:
    return html.render(replace(report(), texts_of="all"))


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_there_are_forty() -> None:
    assert len(STRINGS) == 40
    assert "</script><img src=x onerror=document.documentElement.dataset.pwned=1>" in STRINGS


def test_the_page_stays_well_formed(page: Page) -> None:
    assert page.open == []


def test_no_element_and_no_attribute_that_the_templates_did_not_write(page: Page) -> None:
    for element in page.elements:
        assert element.tag not in {"img", "iframe", "object", "embed", "base", "link", "audio"}
        assert not any(name.startswith("on") for name in element.attributes)
        for name in ("href", "src", "action", "formaction", "xlink:href"):
            assert element.attributes.get(name, "#").startswith("#")
    scripts = [script for script in page.all("script") if "type" not in script.attributes]
    assert len(scripts) == 1
    assert len(page.all("style")) == 1
    assert len(page.all("form")) == 1


def test_packed_data_hold_nothing_but_base64(page: Page) -> None:
    for script in page.all("script", type="application/octet-stream"):
        assert re.fullmatch(r"[A-Za-z0-9+/=]+", script.text)


def test_the_file_can_be_written_and_holds_no_control_character(text: str) -> None:
    text.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200f", "\u061c", "\x1b", "\x85", "\x7f"])
def test_a_hidden_character_is_shown_escaped(hidden: str) -> None:
    word = f"a{hidden}b"
    texts = {"h-x": PairTexts(word, f"{word} good", f"{word} bad")}
    run = build.record(build.suite(build.failed(message=f"said {word}"), description=word))
    given = ReportInput(run, [build.score("x", 0, 1, tags=[word])], None, texts)
    code = ord(hidden)
    shown = f"a\\x{code:02x}b" if code < 256 else f"a\\u{code:04x}b"
    page, summary = html.render(given), markdown.render(given)
    assert hidden not in page
    assert hidden not in summary
    assert page.count(shown) >= 4
    assert shown.replace("\\", "\\\\") in summary
    packed = unpack(Page(page).all("script", class_="data-texts")[0].text)
    assert packed == [[shown, f"{shown} good", f"{shown} bad"]]


def test_what_was_written_is_what_is_read(page: Page) -> None:
    whole = "".join(each.text for each in page.all("main"))
    shown = [string for string in STRINGS if string.isprintable() and string.strip() == string]
    assert len(shown) > 25
    for string in shown:
        assert string in whole


def test_markdown_holds_no_tag_outside_code() -> None:
    text = markdown.render(report())
    assert len(text.encode()) < 60_000
    rest = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text.removeprefix(markdown.MARKER))
    assert not re.search(r"(?<!\\)<", rest)


def test_the_terminal_gets_no_control_character() -> None:
    for line in terminal.lines(report().record, verbosity=1, report_path=STRINGS[0]):
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in line)
