from __future__ import annotations

from pathlib import Path

import pytest
from statsmodels.stats.proportion import proportion_confint

from rmcheck.lint import lint
from rmcheck.lint.thumb import RULES, rows_of, thumb_findings

from .rows import many, pair, pool, write


def wins(folder: Path, prompt: str, chosen: str, rejected: str) -> dict[str, float]:
    rows = rows_of(pool(folder, [pair("a", prompt, chosen, rejected)]))
    return {row.rule.short: row.estimate.value for row in rows if row.tag is None}


def test_each_rule_on_a_pair_that_it_decides(tmp_path: Path) -> None:
    found = wins(tmp_path, "Is tea a drink?", "I think tea 1, 2!\nYes.", "No no no no no no,")
    # 23 characters to 18, 6 words each; marks , ! . to , ; digits 2 to 0; a line break to none;
    # I to N; . to , ; "tea" to nothing; 0 of 6 words again to 5 of 6.
    assert found == {
        "chars": 1.0,
        "words": 0.5,
        "punct": 1.0,
        "digits": 1.0,
        "lines": 1.0,
        "I…": 1.0,
        "…end": 1.0,
        "echo": 1.0,
        "fresh": 1.0,
    }


@pytest.mark.parametrize(
    ("text", "starts"), [("I am", 1.0), ("It is", 0.5), ("I'm", 1.0), ("i", 0.5), (" I", 1.0)]
)
def test_starts_with_i_is_the_word(tmp_path: Path, text: str, starts: float) -> None:
    assert wins(tmp_path, "?", text, "So")["I…"] == starts


def test_an_even_file_has_no_finding_and_its_intervals_are_wilsons(tmp_path: Path) -> None:
    rows = many(40)
    for row in rows[:24]:
        row["chosen"] += " longer"
    for row in rows[24:]:
        row["rejected"] += " longer"
    found = rows_of(pool(tmp_path, rows))
    assert not list(thumb_findings(found))
    estimate = next(row.estimate for row in found if row.rule is RULES[0])
    assert (estimate.value, estimate.n) == (0.6, 40)
    low, high = proportion_confint(24, 40, method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx((low, high))


def test_length_that_tells_is_warned_of_for_the_file_and_the_tag_once_each(tmp_path: Path) -> None:
    rows = many(100, tags=["even"])
    for index, row in enumerate(rows):
        row["rejected" if index % 2 else "chosen"] += " longer"
    for row in rows[:60]:
        row["tags"] = ["short"]
        row["rejected"] += " much much longer"
    found = list(thumb_findings(rows_of(pool(tmp_path, rows))))
    # The file: chosen is longer in 20 of the 40 others. "short": never. "even": 20 of 40.
    assert [finding.kind.code for finding in found if "shorter" in finding.message] == [
        "length-confounded",
        "length-confounded",
    ]
    assert (
        "“the shorter (characters)” picks the chosen side in 80.0% of the 100" in found[0].message
    )
    assert "100.0% of the 60 pairs tagged 'short'" in found[-1].message


def test_words_are_told_of_where_characters_are_even(tmp_path: Path) -> None:
    rows = many(60)
    for row in rows:
        row["chosen"] = row["chosen"][:-2] + " x"
    found = [f for f in thumb_findings(rows_of(pool(tmp_path, rows))) if "longer" in f.message]
    assert [finding.kind.code for finding in found] == ["length-confounded"]
    assert "“the longer (words)”" in found[0].message


def test_a_small_tilt_is_no_warning_however_sure(tmp_path: Path) -> None:
    rows = many(4000)
    for index, row in enumerate(rows):
        row["chosen" if index % 100 < 54 else "rejected"] += " longer"
    found = rows_of(pool(tmp_path, rows))
    assert next(row.estimate.low for row in found if row.rule is RULES[0]) > 0.5
    assert not list(thumb_findings(found))


def test_each_file_and_all_of_them_have_rows(tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", many(20))
    two = write(tmp_path / "two.jsonl", [row | {"id": f"x{row['id']}"} for row in many(30)])
    rules = lint([one, two], root=tmp_path).rules
    sizes = {row.place.path: row.estimate.n for row in rules}
    assert sizes == {"": 50, "one.jsonl": 20, "two.jsonl": 30}
    assert len(rules) == 3 * len(RULES)
