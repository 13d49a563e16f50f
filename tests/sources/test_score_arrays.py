"""A plain score file is read into arrays; the answers are those of the careful reader."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmcheck.data import Pairs, PreferencePair
from rmcheck.record.table import ScoreTable
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import score_table
from rmcheck.sources.score_arrays import ScoreArrays, plain_arrays, table_arrays
from rmcheck.sources.score_file import ScoreFile


def opened(path: Path, suite: str = "") -> ScoreFile:
    options = SourceOptions(root=path.parent, cache=path.parent / "cache")
    file = ScoreFile(f"scores:{path.name}", path, options)
    return file.within(suite) if suite else file


def pairs(count: int) -> Pairs:
    return Pairs(
        PreferencePair(f"p{row}", f"Why {row}?", f"So {row}.", f"No {row}.", f"g{row // 2}")
        for row in range(count)
    )


def rows(count: int, draw: random.Random, suites: tuple[str, ...], *, stamped: bool) -> list[Any]:
    """Rows of most pairs: some edited since, some renamed, some missing."""
    found = []
    for suite in suites:
        for pair in pairs(count):
            fate = draw.random()
            row: dict[str, Any] = {"id": pair.id, "chosen": draw.gauss(0, 1), "rejected": 1}
            if suite:
                row["suite"] = suite
            if stamped and fate < 0.9:
                row["hash"] = pair.hash
            if stamped and fate < 0.15:
                row["hash"] = "edited"
            if stamped and 0.15 <= fate < 0.3:
                row["id"] = f"old-{pair.id}"
            if fate < (0.95 if stamped else 0.6):
                found.append(row)
    return found


@pytest.mark.parametrize("stamped", [False, True])
@pytest.mark.parametrize("suites", [("",), ("one",), ("one", "two")])
@pytest.mark.parametrize("asked", ["", "one", "three"])
def test_the_same_scores_as_row_by_row(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    suites: tuple[str, ...],
    asked: str,
    stamped: bool,
) -> None:
    path = tmp_path / "s.jsonl"
    data = pairs(60)
    written = rows(60, random.Random(7), suites, stamped=stamped)
    path.write_text("".join(json.dumps(row) + "\n" for row in written), encoding="utf-8")
    fast = opened(path, asked)
    assert isinstance(fast._searched[0], ScoreArrays)
    monkeypatch.setattr(score_table, "plain_arrays", lambda _: None)
    slow = opened(path, asked)
    assert not isinstance(slow._searched[0], ScoreArrays)
    for pair in data:
        for side in pair.dialogues():
            assert fast._find(side) == slow._find(side)
            assert fast.knows(side) == slow.knows(side)
    assert np.array_equal(fast.of_pairs(data), slow.of_pairs(data), equal_nan=True)
    known = ~np.isnan(fast.of_pairs(data)).any(axis=1)
    assert known.tolist() == [all(map(slow.knows, pair.dialogues())) for pair in data]
    assert 0 < known.sum() < 60
    assert fast.ids() == slow.ids()
    assert fast.ids(own=True) == slow.ids(own=True)
    assert fast.kept() == slow.kept()


def test_unchanged_only_where_ids_and_texts_are_just_those(tmp_path: Path) -> None:
    data = pairs(20)
    path = tmp_path / "s.jsonl"

    def kept(some: Pairs, **change: Any) -> Any:
        lines = [
            {
                "suite": "one",
                "id": pair.id,
                "hash": pair.hash,
                "tags": ["t"],
                "chosen": 1,
                "rejected": 0,
            }
            for pair in some
        ]
        lines[0].update(change)
        path.write_text("".join(json.dumps(row) + "\n" for row in lines), encoding="utf-8")
        return opened(path, "one").unchanged(data)

    assert kept(data) == {pair.id: ("t",) for pair in data}
    assert kept(Pairs(data[:-1])) is None
    assert kept(data, hash="edited") is None
    assert kept(data, id="renamed") is None


GOOD = {"id": "a", "chosen": 1.0, "rejected": 0}


@pytest.mark.parametrize(
    "other",
    [
        {**GOOD},  # the id comes again
        {**GOOD, "id": 7},
        {**GOOD, "id": ""},
        {**GOOD, "id": "b", "chosen": "1"},
        {**GOOD, "id": "b", "chosen": float("nan")},
        {**GOOD, "id": "b", "chosen": 10**400},
        {**GOOD, "id": "b", "rejected": True},
        {**GOOD, "id": "b", "hash": 1},
        {**GOOD, "id": "b", "suite": "x"},  # others name none
        {**GOOD, "id": "b", "objective": "helpful"},
        {**GOOD, "id": "b", "tags": "t"},
        {"id": "b", "scores": [1, 2]},
        {"id": "b", "winner": "chosen"},
    ],
)
def test_anything_unusual_is_left_to_the_careful_reader(other: dict[str, Any]) -> None:
    assert plain_arrays([(1, GOOD)]) is not None
    assert plain_arrays([(1, GOOD), (2, other)]) is None


def run_rows(suites: tuple[str, ...], seeds: int, count: int = 7) -> list[dict[str, Any]]:
    """Rows as a run writes them."""
    draw = random.Random(5)
    return [
        {
            "suite": suite,
            "id": f"{suite}-{row}",
            "hash": f"{row:032x}" if row else "",
            "group": f"g{row // 2}",
            "tags": ["a", "b"][: row % 3],
            "chosen": draw.gauss(0, 1),
            "rejected": draw.gauss(0, 1),
        }
        | ({} if seeds == 0 else {"seeds": {str(seed): [0.0, 0.0] for seed in range(seeds)}})
        for suite in suites
        for row in range(count)
    ]


def with_seeds(written: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same; the scores of the first training are those of the row."""
    draw = random.Random(6)
    for row in written:
        for seed in row.get("seeds", {}):
            first = [row["chosen"], row["rejected"]]
            row["seeds"][seed] = first if seed == "0" else [draw.random(), draw.random()]
    return written


def in_both_ways(written: list[dict[str, Any]]) -> tuple[Any, Any]:
    table = ScoreTable.parsed("".join(json.dumps(row) + "\n" for row in written))
    assert table is not None
    return table_arrays(table), plain_arrays(enumerate(written, start=1))


@pytest.mark.parametrize("seeds", [0, 1, 3])
@pytest.mark.parametrize("suites", [("",), ("one",), ("one", "two")])
def test_the_rows_of_a_run_are_the_same_by_columns(suites: tuple[str, ...], seeds: int) -> None:
    fast, careful = in_both_ways(with_seeds(run_rows(suites, seeds)))
    assert fast is not None
    assert list(fast) == list(careful) == list(suites)
    for suite in suites:
        assert fast[suite] == careful[suite]
        assert list(fast[suite].seeds) == list(careful[suite].seeds)
        assert len(fast[suite].seeds) == seeds


ODD: dict[str, Any] = {
    "an id twice": lambda rows: rows[3].update(id=rows[2]["id"]),
    "no id": lambda rows: rows[3].update(id=""),
    "an objective": lambda rows: rows[3].update(objective="safety"),
    "no suite in one row": lambda rows: rows[3].update(suite=""),
    "a suite again": lambda rows: rows.append({**rows[0], "id": "new"}),
    "other seeds": lambda rows: rows[3]["seeds"].pop("2"),
    "other names of seeds": lambda rows: rows[3]["seeds"].update({"9": rows[3]["seeds"].pop("2")}),
    "no seeds": lambda rows: rows[3].pop("seeds"),
    "a difference too large": lambda rows: rows[3].update(
        chosen=1e308, rejected=-1e308, seeds={**rows[3]["seeds"], "0": [1e308, -1e308]}
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_needs_care_is_not_read_by_columns(odd: str) -> None:
    written = with_seeds(run_rows(("one", "two"), 3))
    ODD[odd](written)
    assert in_both_ways(written)[0] is None


def test_a_runs_file_gives_the_same_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scores.jsonl"
    text = "".join(json.dumps(row) + "\n" for row in with_seeds(run_rows(("one", "two"), 3)))
    path.write_text(text, encoding="utf-8")
    read = score_table.read_scores(path, path.name, {})
    monkeypatch.setattr(score_table, "_of_a_run", lambda _: None)
    assert score_table.read_scores(path, path.name, {}) == read
    monkeypatch.undo()
    path.write_text(f"\n{text}", encoding="utf-8")  # its lines have other numbers
    (side,) = score_table.read_scores(path, path.name, {}).values()
    assert list(side.arrays["one"].lines) == list(range(2, 9))
