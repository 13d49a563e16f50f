"""Several models from their scored pairs: which pairs count, tables, CSV and page."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from builders import make_pairs, pair_scores
from report.page import Page

from rmcheck.compare.comparison import Side
from rmcheck.compare.ranking import ALL, as_csv, explained, labels, lines, rank
from rmcheck.data import PreferencePair
from rmcheck.errors import UsageError
from rmcheck.report.page.ranking import render

PAIRS = make_pairs(40)


def side(
    name: str, lost: int, *suites: str, pairs: list[PreferencePair] = PAIRS, prefix: str = ""
) -> Side:
    """A model that gets the first `lost` pairs of each suite wrong."""
    columns = [-1.0] * lost + [1.0] * (len(pairs) - lost), [0.0] * len(pairs)
    rows = [row for suite in suites or ("chat",) for row in pair_scores(pairs, columns, suite)]
    return Side(prefix + name, rows)


def test_one_suite_has_one_table() -> None:
    (table,) = rank([side("bad", 24), side("good", 2), side("fair", 4)])
    assert (table.title, table.notes) == ("chat", ())
    assert [(row.model, row.letters) for row in table.ranking.rows] == [
        ("good", "a"),
        ("fair", "a"),
        ("bad", "b"),
    ]
    said = list(lines(table))
    assert said[0] == "chat: 40 pairs of 40 different prompts"
    assert said[2].split() == ["1–2", "good", "0.950", "[0.835,", "0.986]", "a"]
    assert "not told apart: good and fair (+5.0 points [" in said[-1]


def test_a_pair_counts_where_every_model_has_scored_the_same_texts() -> None:
    edited = [replace(pair, chosen="other") for pair in PAIRS[:3]]
    (table,) = rank(
        [side("a", 0), side("b", 0, pairs=PAIRS[5:]), side("c", 0, pairs=[*edited, *PAIRS[3:]])]
    )
    assert table.ranking.n == 35
    # 40 pairs, and 3 edited ones; b lacks 8 of the 43, a the three edited ones, c their originals.
    assert table.notes == (
        "8 pairs are left out, as not every model has scored them: a has no score of 3, "
        "b has no score of 8 and c has no score of 3",
    )


def test_over_all_suites_a_pair_counts_once() -> None:
    more = make_pairs(30, prefix="q")
    both = [
        Side(name, [*side(name, lost, "chat", "all").rows, *side(name, 1, "math", pairs=more).rows])
        for name, lost in (("a", 1), ("b", 2), ("c", 30))
    ]
    both[0] = Side("a", [*both[0].rows, *side("a", 0, "mine").rows])
    tables = rank(both)
    assert [table.title for table in tables] == [ALL, "chat", "all", "math"]
    assert [table.ranking.n for table in tables] == [70, 40, 40, 30]
    assert tables[0].notes == ("not ranked, as not every model has it: mine",)


def test_models_without_a_common_pair() -> None:
    with pytest.raises(UsageError, match="a, b and c have scored no pair in common"):
        rank([side("a", 1), side("b", 1), side("c", 1, "other")])


def test_labels() -> None:
    assert labels(["scores:x/oasst-rm-2.1.jsonl", "scores:y/b.csv", "hf:org/model"]) == [
        "oasst-rm-2.1",
        "b",
        "hf:org/model",
    ]
    # Two files of one name keep their folders.
    assert labels(["x/a.jsonl", "y/a.jsonl"]) == ["x/a.jsonl", "y/a.jsonl"]
    with pytest.raises(UsageError, match="main is given more than once"):
        labels(["main", "x", "main"])


def test_csv_has_a_row_for_each_model_and_table() -> None:
    tables = rank([side("a,b", 2, "x", "y"), side("c", 4, "x", "y"), side("d", 30, "x", "y")])
    rows = list(csv.DictReader(io.StringIO(as_csv(tables))))
    assert [(row["table"], row["model"]) for row in rows] == [
        (title, model) for title in (ALL, "x", "y") for model in ("a,b", "c", "d")
    ]
    assert rows[0]["letters"] == "a"
    assert float(rows[0]["win_rate"]) == 0.95


def test_the_page_escapes_names_and_is_the_same_twice() -> None:
    names = ["<script>alert(1)</script>", "b", "c"]
    sides = [side(name, lost) for name, lost in zip(names, (1, 2, 30), strict=True)]
    text = render(rank(sides), explained(0.05, 3))
    assert text == render(rank(sides), explained(0.05, 3))
    page = Page(text)
    assert not page.open
    assert len(page.all("script")) == 1
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert len(page.ids) == len(set(page.ids))
    head = page.one("h1").text
    assert head == "<script>alert(1)</script> and b are ahead; these are not told apart"
    assert [each.text for each in page.all("th", scope="row")] == names
    assert len(page.all("svg", role="img")) == 1


def test_the_headline_says_what_the_tests_say() -> None:
    def head(*lost: int, pairs: list[PreferencePair] = PAIRS) -> str:
        sides = [side(f"m{place}", each, pairs=pairs) for place, each in enumerate(lost)]
        return Page(render(rank(sides), "")).one("h1").text

    assert head(0, 20, 35) == "m0 is better than all others"
    assert head(1, 2, 3) == "None of the 3 models is better beyond doubt"
    assert head(0, 5, 9, pairs=PAIRS[:10]) == "Too little data to tell the models apart"
