from __future__ import annotations

from pathlib import Path

from rmcheck.lint import lint

from .rows import many, pair, write


def leaks(mine: Path, *others: Path) -> list[tuple[str, str, list[str]]]:
    report = lint([mine], root=mine.parent, against=others)
    return [
        (finding.kind.code, str(finding.place), [str(place) for place in finding.related])
        for finding in report.findings
        if finding.kind.code in ("leaked-prompt", "leaked-response", "similar-prompt")
    ]


def test_prompts_and_responses_of_other_files(tmp_path: Path) -> None:
    mine = write(
        tmp_path / "mine.jsonl",
        [
            pair("a", "Why is the sky blue?", "a1", "a2"),
            pair("b", "How do I keep my old grey cat warm in winter?", "b1", "b2"),
            pair("c", "Write a haiku about a bridge", "c1", "This answer was seen before, it was."),
            pair("d", "Name a river that flows north", "d1", "Yes, it is."),
        ],
    )
    other = write(
        tmp_path / "other.jsonl",
        [
            pair("x", "Why is the sky blue?", "x1", "x2"),
            pair("y", "how do I keep my old grey cat warm in the winter", "y1", "y2"),
            {
                "id": "z",
                "prompt": "Write a haiku about a ladder",
                "responses": ["This answer was seen before, it was.", "Yes, it is."],
                "best": [0],
            },
        ],
    )
    # b: nine triples here, ten there, eight in common: 8/11, above 0.7. c: four each, three in
    # common: 3/5, so only similar. d's response is too short to count.
    assert leaks(mine, other) == [
        ("leaked-prompt", "mine.jsonl:1", ["other.jsonl:1"]),
        ("leaked-prompt", "mine.jsonl:2", ["other.jsonl:2"]),
        ("leaked-response", "mine.jsonl:3", ["other.jsonl:3"]),
        ("similar-prompt", "mine.jsonl:3", ["other.jsonl:3"]),
    ]


def test_a_file_is_not_a_leak_of_itself(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine.jsonl", many(5))
    assert leaks(mine, mine) == []


def test_training_files_are_searched_too(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine.jsonl", many(20))
    train = write(tmp_path / "train.jsonl", [row | {"id": f"t{row['id']}"} for row in many(3)])
    report = lint([mine], root=tmp_path, train=[train])
    assert len([f for f in report.findings if f.kind.code == "leaked-prompt"]) == 3
    assert len([f for f in report.findings if f.kind.code == "leaked-response"]) == 6


def test_a_file_that_is_its_own_training_data_has_leaked(tmp_path: Path) -> None:
    mine = write(
        tmp_path / "mine.jsonl", [pair("a", "Why?", "a1", "a2"), pair("b", "Who?", "c", "d")]
    )
    report = lint([mine], root=tmp_path, train=[mine])
    (found,) = [one for one in report.findings if one.kind.code == "leaked-prompt"]
    assert str(found.place) == "mine.jsonl"
    assert "is also training data (--train)" in found.message
    assert found.kind.level == "error"
