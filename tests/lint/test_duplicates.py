from __future__ import annotations

from pathlib import Path

from rmcheck.lint.duplicates import duplicate_findings

from .rows import many, pair, pool


def codes(folder: Path, rows: list[dict]) -> dict[str, list[str]]:
    """The lines that each kind of finding is about."""
    found: dict[str, list[str]] = {}
    for finding in duplicate_findings(pool(folder, rows)):
        lines = [place.line for place in (finding.place, *finding.related)]
        found.setdefault(finding.kind.code, []).append(" ".join(map(str, sorted(lines))))
    return found


def test_clean_rows_have_no_findings(tmp_path: Path) -> None:
    assert codes(tmp_path, many(30)) == {}


def test_the_same_id_and_the_same_pair(tmp_path: Path) -> None:
    rows = many(4)
    rows[2]["id"] = rows[0]["id"]
    rows.append(rows[1] | {"id": "again"})
    rows.append(rows[0] | {"id": rows[0]["id"]})
    assert codes(tmp_path, rows) == {
        "duplicate-id": ["1 3", "1 6"],
        "duplicate-pair": ["1 6", "2 5"],
    }


def test_identical_and_empty_sides(tmp_path: Path) -> None:
    rows = [
        pair("a", "one apple pie", "Fine.", " Fine.\n"),
        pair("b", "two old shoes", "", "x"),
        pair("c", "three wet dogs", "x y", "  "),
        {"id": "s", "prompt": "q", "responses": ["u", "v", "u"], "best": [0]},
        {"id": "t", "prompt": "r", "responses": ["u", "v", "v", ""], "best": [0]},
    ]
    assert codes(tmp_path, rows) == {
        "identical-sides": ["1", "4"],
        "empty-side": ["2", "3", "5"],
    }


def test_a_text_on_both_sides_of_one_prompt_is_a_ranking_of_two_a_doubt(tmp_path: Path) -> None:
    rows = [
        pair("a", "one apple pie", "good", "middling"),
        pair("b", "one apple pie", "middling", "bad"),
        pair("c", "two old shoes", "bad", "worse"),
    ]
    assert codes(tmp_path, rows) == {"ranked-text": ["1 2"], "both-sides": ["2 3"]}


def test_ratings_against_the_label(tmp_path: Path) -> None:
    rows = [
        pair("a", "one apple pie", "x", "y", ratings={"chosen": 2, "rejected": 4}),
        pair("b", "two old shoes", "z", "w", ratings={"chosen": 3, "rejected": 3}),
    ]
    assert codes(tmp_path, rows) == {"rating-order": ["1"]}


def test_groups_that_do_not_go_with_prompts(tmp_path: Path) -> None:
    rows = [
        pair("a", "one apple pie", "a1", "a2", group="g"),
        pair("b", "one apple pie", "b1", "b2", group="h"),
        pair("c", "two old shoes", "c1", "c2", group="h"),
    ]
    assert codes(tmp_path, rows) == {"split-group": ["1 2"], "mixed-group": ["2 3"]}


def test_near_prompts_count_only_across_groups(tmp_path: Path) -> None:
    long = "how do i keep my old grey cat warm in the winter"
    rows = [
        pair("a", f"{long} months", "a1", "a2", group="g"),
        pair("b", f"{long}, please?", "b1", "b2", group="g"),
        pair("c", "who was the first woman to win the prize", "c1", "c2"),
        pair("d", "Who was the first woman to win this prize?", "d1", "d2"),
        pair("e", "why is the sky blue above the sea", "e1", "e2"),
    ]
    # c: who-was-the … win-the-prize are 7 triples, d has the first 5 of them and 2 others: 5/9.
    # a and b, of one group, are a paraphrase that the file owns up to.
    assert codes(tmp_path, rows) == {"mixed-group": ["1 2"], "near-duplicate-prompt": ["3 4"]}


def test_a_response_under_several_prompts(tmp_path: Path) -> None:
    text = "I am sorry, but I cannot help with that."
    rows = [
        pair("a", "one apple pie", "a1", text),
        pair("b", "two old shoes", "b1", text),
        pair("c", "three wet dogs", "c1", "I am sorry but I cannot help with that now"),
        pair("d", "four fat hens", "Yes, it is.", "d2"),
        pair("e", "five dry wells", "Yes, it is.", "e2"),  # short: may repeat itself
        pair("f", "six red kites", "a long answer with so many words", "f2"),
        pair("g", "six red kites", "a long answer with so many words", "g2"),  # one prompt
    ]
    # Seven of the eight triples of the longer one are the shorter one's: 7/8 ≥ 0.8.
    assert codes(tmp_path, rows) == {"repeated-response": ["1 2 3"]}
