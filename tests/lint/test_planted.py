"""A file with one of every defect: each is found where it was planted, and nothing else is."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from lint.rows import many, pair, write
from rmcheck.data import preferences
from rmcheck.lint import LintReport, lint
from rmcheck.lint.finding import KINDS

SHIPPED = Path(__file__).resolve().parents[2] / "fixtures" / "preferences"
CLEAN = 60
LONG = "the old ferry crosses the wide river twice on every market day in spring"
NEARLY = "the old ferry crosses the wide river twice on every market day in winter"

PLANTED: tuple[tuple[str, dict[str, object]], ...] = (
    # (what the linter should say of it, the row); "" is said of no row: it is some other row's twin
    ("malformed-row", {"id": "bad", "prompt": "no sides"}),
    (
        "placeholder",
        pair("stub", "REPLACE THIS: what a user asks", "REPLACE THIS: better", "REPLACE THIS: so"),
    ),
    ("", pair("twin", "alpha", "good alpha words here now", "poor alpha words here then")),
    ("duplicate-id", pair("twin", "bravo", "good bravo words here now", "poor bravo words so")),
    ("identical-sides", pair("same", "charlie", "no difference", "no difference")),
    ("", pair("says", "delta", "delta upper answer text", "delta lower answer text")),
    ("contradiction", pair("gain", "delta", "delta lower answer text", "delta upper answer text")),
    ("", pair("c1", "echo", "echo first reply", "echo second reply")),
    ("", pair("c2", "echo", "echo second reply", "echo third reply")),
    ("preference-cycle", pair("c3", "echo", "echo third reply", "echo first reply")),
    ("leaked-prompt", pair("l1", "was seen in training", "fine foxtrot text", "weak foxtrot text")),
    ("leaked-response", pair("l2", "golf", LONG, "weak golf text for this one")),
    ("", pair("d1", "hotel", "fine hotel text", "weak hotel text")),
    ("duplicate-pair", pair("d2", "hotel", "fine hotel text", "weak hotel text")),
    ("empty-side", pair("e1", "india", "fine india text", "")),
    ("", pair("b1", "juliet", "a text on both sides of two prompts", "weak juliet text")),
    ("both-sides", pair("b2", "kilo", "fine kilo text", "a text on both sides of two prompts")),
    ("", pair("g1", "lima", "fine lima text", "weak lima text", group="one")),
    ("split-group", pair("g2", "lima", "good lima words", "poor lima words", group="two")),
    ("", pair("m1", "mike", "fine mike text", "weak mike text", group="mixed")),
    ("mixed-group", pair("m2", "november", "fine november text", "weak november", group="mixed")),
    ("", pair("n1", f"why is it that {LONG}", "fine oscar text", "weak oscar text")),
    ("near-duplicate-prompt", pair("n2", f"why is it that {NEARLY}", "fine papa", "weak papa")),
    (
        "rating-order",
        pair("r1", "quebec", "fine quebec", "weak quebec", ratings={"chosen": 1, "rejected": 4}),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> LintReport:
    """The linter on the planted file, beside the file that a model was trained on."""
    folder = tmp_path_factory.mktemp("planted")
    rows = [*many(CLEAN), *(row for _, row in PLANTED)]
    train = [
        pair("t1", "was seen in training", "training yes", "training no"),
        pair("t2", "unlike any other", LONG, "something else altogether"),
    ]
    return lint(
        [write(folder / "planted.jsonl", rows)],
        root=folder,
        against=[write(folder / "train.jsonl", train)],
    )


def _said_of(report: LintReport, line: int) -> set[str]:
    return {
        finding.kind.code
        for finding in report.findings
        for place in (finding.place, *finding.related)
        if place.path == "planted.jsonl" and place.line == line
    }


@pytest.mark.parametrize(
    ("code", "line"),
    [(code, CLEAN + 1 + i) for i, (code, _) in enumerate(PLANTED) if code],
    ids=[code for code, _ in PLANTED if code],
)
def test_a_planted_defect_is_found_at_its_line(report: LintReport, code: str, line: int) -> None:
    assert code in _said_of(report, line)


def test_every_defect_of_rows_is_planted(report: LintReport) -> None:
    of_files = {
        "suite-mistake", "length-confounded", "rule-of-thumb", "word-shortcut", "small-tag",
        "small-slice", "small-data", "guess-passes", "expected-inside-band", "above-agreement",
        "blind-comparison", "threshold-band", "doubtful-label",
    }  # fmt: skip
    # these two stand at the lines of other defects, whose rows share a prompt or a response
    shared = {"ranked-text", "repeated-response", "similar-prompt"}
    assert {kind.code for kind in KINDS} - of_files - shared == {c for c, _ in PLANTED if c}


def test_nothing_is_said_of_the_clean_rows(report: LintReport) -> None:
    assert not set(itertools.chain.from_iterable(_said_of(report, n + 1) for n in range(CLEAN)))


def test_length_words_and_rules_are_found_in_a_file_that_they_win(tmp_path: Path) -> None:
    rows = [
        pair(f"w{i}", f"ask{i}", f"yes{i} indeed, certainly, of course {i}", f"no{i}")
        for i in range(200)
    ]
    train = [
        pair(f"t{i}", f"other{i}", f"so{i} indeed certainly of course", f"nay{i} never")
        for i in range(200)
    ]
    found = lint(
        [write(tmp_path / "long.jsonl", rows)],
        root=tmp_path,
        train=[write(tmp_path / "train.jsonl", train)],
    )
    codes = {finding.kind.code for finding in found.findings}
    assert {"length-confounded", "rule-of-thumb", "word-shortcut"} <= codes
    balanced = lint([write(tmp_path / "clean.jsonl", many(200))], root=tmp_path)
    assert not balanced.findings


def test_nothing_is_wrong_with_the_shipped_data() -> None:
    files = sorted(SHIPPED.glob("*.jsonl"))
    assert len(preferences.load(files).pairs) > 1000
    found = lint(files, root=SHIPPED, against=sorted((SHIPPED / "train").glob("*.jsonl")))
    assert [f for f in found.findings if f.kind.level == "error"] == []
    of_rows = {code for code, _ in PLANTED if code} - {"mixed-group"}
    assert [f for f in found.findings if f.kind.code in of_rows] == []
