"""Rows of `scores.jsonl` as columns: the same text, the same rows, nothing taken for granted."""

from __future__ import annotations

import json
import math
import random
import struct

import pytest

from rmcheck.record.scores import PairScore
from rmcheck.record.table import ScoreTable, one_each

ODD = [
    "",
    "a",
    'quo"te',
    "back\\slash",
    "tab\tline\n",
    "\x00\x1f\x7f",
    "é日本🎉",
    "\u2028\u2029",
    "</s>",
]
NUMBERS = [
    0.0,
    -0.0,
    1.0,
    -2.5,
    1e-4,
    9.999e-5,
    1e-7,
    5e-324,
    1e15,
    1e16,
    1.5e300,
    -1e22,
    0.1 + 0.2,
]


def some(count: int, seed: int = 0) -> list[PairScore]:
    """Rows with odd texts, and floats of random bits."""
    draw = random.Random(seed)
    rows = []
    while len(rows) < count:
        chosen, rejected = struct.unpack("<2d", draw.randbytes(16))
        if not (math.isfinite(chosen) and math.isfinite(rejected)):
            continue
        if len(rows) < len(NUMBERS):
            chosen = NUMBERS[len(rows)]
        name = f"{draw.choice(ODD)}{len(rows)}"
        tags = draw.sample(ODD, draw.randint(0, 3))
        rows.append(
            PairScore(
                suite=draw.choice(("a", "b")),
                id=name,
                hash=f"h{len(rows)}",
                group=draw.choice(ODD),
                tags=tags,
                chosen=chosen,
                rejected=rejected,
                objective=draw.choice(("", "", "helpful")),
                seeds=draw.choice(({}, {"7": (chosen, rejected), "8": (0.1 + 0.2, -1e-7)})),
            )
        )
    return rows


def test_lines_are_those_of_pydantic_and_are_read_back() -> None:
    rows = some(2_000)
    table = ScoreTable.of(rows)
    lines = list(table.lines())
    assert lines == [row.model_dump_json() + "\n" for row in rows]
    assert list(table) == rows
    again = ScoreTable.parsed("".join(lines))
    assert again == table
    assert again == rows
    assert table[3:7] == rows[3:7]
    assert table.of_suites(["b"]) == [row for row in rows if row.suite == "b"]
    joined = ScoreTable.joined([table, table[:2]])
    assert joined == [*rows, *rows[:2]]


ROW = {
    "suite": "s",
    "id": "p",
    "hash": "h",
    "group": "g",
    "tags": [],
    "chosen": 1.5,
    "rejected": 0.5,
}


@pytest.mark.parametrize(
    "change",
    [
        {"id": 3},
        {"tags": None},
        {"tags": [1]},
        {"chosen": "1.5"},
        {"chosen": True},
        {"chosen": 1},
        {"rejected": math.inf},
        {"more": 1},
        {"objective": None},
        {"seeds": {}},
        {"seeds": {"0": [1.5, 0.25]}},
        {"seeds": {"one": [1.5, 0.5]}},
        {"seeds": {"0": [1.5, 0.5], "1": [1, 0.5]}},
        {"seeds": {"0": [1.5, 0.5], "1": [1.5]}},
        {"seeds": [[1.5, 0.5]]},
        {"suite": None},
    ],
)
def test_what_pydantic_may_refuse_or_convert_is_left_to_it(change: dict[str, object]) -> None:
    assert ScoreTable.parsed(json.dumps(ROW) + "\n") is not None
    assert ScoreTable.parsed(json.dumps(ROW) + "\n" + json.dumps({**ROW, **change})) is None


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ({"0": [1.5, 0.25], "1": [1.0, 0.5]}, "scores of seed 0, the first one, are not those"),
        ({"one": [1.5, 0.5]}, "expected whole numbers as keys, got 'one'"),
    ],
)
def test_scores_by_seed_that_contradict_the_row_are_refused(
    seeds: dict[str, list[float]], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        PairScore.model_validate_json(json.dumps({**ROW, "seeds": seeds}))


def test_a_row_of_one_training_is_written_as_ever() -> None:
    line = next(iter(ScoreTable.of([PairScore.model_validate(ROW)]).lines()))
    assert "seeds" not in json.loads(line)


@pytest.mark.parametrize("line", ["{", "[]", "1", " ", '{"suite": "s"}', "[" * 100_000])
def test_a_line_that_is_no_row_is_left_to_pydantic(line: str) -> None:
    assert ScoreTable.parsed(json.dumps(ROW) + "\n" + line + "\n") is None


def test_a_score_that_is_not_finite_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'p' of s: scores must be finite"):
        ScoreTable.alike("s", [("p", "h", "g", ())], [math.nan], [0.0])


def test_one_row_for_each_pair_and_that_without_an_objective_first() -> None:
    def row(name: str, objective: str, chosen: float) -> PairScore:
        return PairScore(**{**ROW, "id": name, "objective": objective, "chosen": chosen})

    rows = [row("a", "x", 1.0), row("b", "y", 2.0), row("a", "", 3.0), row("b", "z", 4.0)]
    assert list(one_each(rows)) == [rows[2], rows[1]]
    alone = ScoreTable.of(rows[:2])
    assert one_each(alone) is alone
