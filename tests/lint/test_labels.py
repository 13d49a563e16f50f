"""Doubtful labels: by hand, against a count by brute force, on the command line and as a page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from report.page import Page

from rmcheck.cli import main
from rmcheck.data import PreferencePair
from rmcheck.errors import SourceError
from rmcheck.lint.labels import Auditors, LabelAudit, Margins, at_least, audit_labels
from rmcheck.report.page.labels import render

from .rows import many, pair, pool, write

NAN = float("nan")


def audit(folder: Path, margins: list[list[float]], *, most: bool = False) -> LabelAudit:
    """The audit of as many pairs as there are columns, by a source for each row."""

    def given(pairs: Sequence[PreferencePair]) -> Margins:
        assert len(pairs) == len(margins[0])
        return np.array(margins)

    names = tuple("abcdefg"[: len(margins)])
    return audit_labels(pool(folder, many(len(margins[0]))), Auditors(names, given, most))


def ids(found: LabelAudit) -> list[str]:
    return [doubt.item.id for doubt in found.doubts]


def test_a_table_by_hand(tmp_path: Path) -> None:
    # Root mean squares: √((9 + 1 + 4 + 2)/4) = 2 and √((36 + 4 + 16 + 8)/4) = 4.
    rows = [[-3.0, -1.0, 2.0, 2**0.5], [-2.0, -6.0, -4.0, 8**0.5]]
    found = audit(tmp_path, rows)
    assert [one.spread for one in found.auditors] == pytest.approx([2.0, 4.0])
    assert [(one.wrong, one.pairs) for one in found.auditors] == [(2, 4), (3, 4)]
    # The medians of two: (−1.5 − 0.5)/2 and (−0.5 − 1.5)/2, a tie, in the order of the file.
    assert ids(found) == ["p0000", "p0001"]
    assert [doubt.median for doubt in found.doubts] == pytest.approx([-1.0, -1.0])
    assert found.doubts[0].units == pytest.approx((-1.5, -0.5))
    assert (found.judged, found.unscored) == (4, 0)
    # Independent sources would agree on 4 · 2/4 · 3/4 labels.
    assert found.expected == pytest.approx(1.5)


def test_ties_contradict_nothing_and_missing_scores_judge_nothing(tmp_path: Path) -> None:
    rows = [[-1.0, 0.0, -1.0, NAN], [-1.0, -1.0, NAN, NAN], [-1.0, -1.0, -1.0, -1.0]]
    found = audit(tmp_path, rows)
    assert ids(found) == ["p0000"]
    assert (found.judged, found.unscored) == (2, 2)
    most = audit(tmp_path, rows, most=True)
    assert sorted(ids(most)) == ["p0000", "p0001", "p0002"]
    assert (most.judged, most.unscored) == (3, 1)
    assert {doubt.item.id: doubt.units[1] for doubt in most.doubts}["p0002"] is None


def test_worst_first(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(0.0, 1, (3, 60)) * [[1.0], [100.0], [0.01]]
    found = audit(tmp_path, rows.tolist())
    units = rows / np.sqrt((rows**2).mean(axis=1, keepdims=True))
    wrong = [place for place in range(60) if (rows[:, place] < 0).all()]
    expected = sorted(wrong, key=lambda place: np.median(units[:, place]))
    assert len(wrong) > 2
    assert ids(found) == [f"p{place:04d}" for place in expected]


def test_a_source_without_any_score_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a has no score for any of the 2 pairs"):
        audit(tmp_path, [[NAN, NAN], [-1.0, 1.0]])
    flat = audit(tmp_path, [[0.0, 0.0], [-1.0, 1.0]])
    assert flat.doubts == ()


def test_the_chance_of_agreement_against_all_outcomes() -> None:
    rates = [0.1, 0.35, 0.6, 0.05]
    for needed in range(6):
        expected = sum(
            np.prod([rate if hit else 1 - rate for rate, hit in zip(rates, hits, strict=True)])
            for hits in product((0, 1), repeat=4)
            if sum(hits) >= needed
        )
        assert at_least(rates, needed) == pytest.approx(expected)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """30 pairs, of which the labels of two are exchanged, and three sources that know better."""
    monkeypatch.chdir(tmp_path)
    rows = many(29)
    rows.append(pair("<img src=x>", "</script><b>ask", "first", "second", tags=["<i>"]))
    write(tmp_path / "data.jsonl", rows)
    for number, name in enumerate(("a", "b", "c"), start=1):
        wrong = {"p0007", "<img src=x>", f"p001{number}"}
        scores = [
            {"id": row["id"], "chosen": -number if row["id"] in wrong else number, "rejected": 0}
            for row in rows
        ]
        write(tmp_path / f"{name}.jsonl", scores)
    return tmp_path


def test_the_command_lists_them(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = ["--scores", "a.jsonl", "b.jsonl", "scores:c.jsonl"]
    assert main(["lint", "data.jsonl", *sources, "--html", "out/labels.html"]) == 0
    out = capsys.readouterr().out
    assert "data.jsonl:8: all 3 sources contradict the label of 2 pairs of this file" in out
    # 30 · (3/30)³
    assert "labels: all 3 sources contradict 2 of 30 pairs (0.0 expected if" in out
    assert "  [3] c: contradicts 3 of 30; spread 3\n" in out
    assert "  data.jsonl:8: p0007  −1.00 −1.00 −1.00\n" in out
    page = Page((folder / "out/labels.html").read_text("utf-8"))
    assert not page.open
    assert page.one("h1").text == "2 labels to look at"
    assert [each.text for each in page.all("h3")] == ["1. p0007", "2. <img src=x>"]
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert main(["lint", "data.jsonl", "--format", "json", *sources]) == 0
    labels = json.loads(capsys.readouterr().out)["labels"]
    assert [each["line"] for each in labels["candidates"]] == [8, 30]
    assert labels["candidates"][0]["units"] == {"a": -1.0, "b": -1.0, "c": -1.0}
    assert labels["expected_if_independent"] == pytest.approx(0.03)
    assert main(["lint", "data.jsonl", "--strict", *sources]) == 1


def test_mistakes_of_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del folder
    for arguments, said in (
        (["--scores", "a.jsonl"], "--scores a.jsonl: expected two or more sources, got one"),
        (["--scores", "a.jsonl", "a.jsonl"], "scores:a.jsonl is given more than once"),
        (["--most"], "--most needs --scores with two or more sources"),
        (["--html", "x.html"], "--html needs --scores with two or more sources"),
    ):
        assert main(["lint", "data.jsonl", *arguments]) == 4
        assert said in capsys.readouterr().err


def test_a_page_without_any(tmp_path: Path) -> None:
    page = Page(render(audit(tmp_path, [[1.0, 1.0], [1.0, -1.0]])))
    assert page.one("h1").text == "No label to look at"
    assert "0 pairs of 2 whose label all of 2 sources contradict" in page.all("p")[0].text
