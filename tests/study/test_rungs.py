"""Rungs: where they are, and who goes on, against a table made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rmcheck.study.journal import Journal
from rmcheck.study.pruning import saved
from rmcheck.study.rungs import RungTable, rung_steps, shares
from rmcheck.training.sweep_file import Prune

# Values in the order of arrival at one rung, reduction 3. Of n arrivals floor(n / 3) are kept:
# n 1, 2: all go on. n 3: 1 may be as good, 0.55 is third. n 4: the best. n 5: 0.58 is third of 1.
# n 6: 0.65 is second of 2. n 7: 0.62 is third of 2. n 8: 0.71 is the best. n 9: of three,
# 0.66 is third (after 0.71 and 0.70).
BY_HAND = [
    (0.50, True),
    (0.60, True),
    (0.55, False),
    (0.70, True),
    (0.58, False),
    (0.65, True),
    (0.62, False),
    (0.71, True),
    (0.66, True),
]


def test_the_best_third_of_those_that_arrived_goes_on() -> None:
    table = RungTable(3)
    for value, goes_on in BY_HAND:
        assert table.goes_on(0, value) is goes_on, value
        assert table.goes_on(1, value) is True  # nobody has arrived there
        table.note({0: value})


def test_equal_values_are_not_behind_each_other() -> None:
    table = RungTable(2)
    for _ in range(6):
        assert table.goes_on(0, 0.5)
        table.note({0: 0.5})
    assert not table.goes_on(0, 0.4)


def test_where_the_rungs_are() -> None:
    assert shares(Prune(kind="asha", reduction=2, first=0.25)) == (0.25, 0.5)
    assert shares(Prune(kind="asha")) == (0.1, 0.3, 0.9)
    # 0.1, 0.3 and 0.9 of 40 steps; of two steps only the first is not the last.
    assert rung_steps((0.1, 0.3, 0.9), 40) == {4: [0], 12: [1], 36: [2]}
    assert rung_steps((0.1, 0.3, 0.9), 2) == {1: [0, 1]}
    assert rung_steps((0.1, 0.3), 1) == {}


def test_what_was_saved() -> None:
    # Of 2 + 2 + 4 epochs 2 + 0.2 + 1.2 were made.
    assert saved([2, 2, 4], [1, 0.1, 0.3]) == pytest.approx(1 - 3.4 / 8)


def test_a_journal_that_was_changed_counts_as_empty(tmp_path: Path) -> None:
    journal = Journal.of(tmp_path, "f" * 32, "key")
    assert not journal.exists
    journal.write({0: 0.1, 1: 2 / 3})
    again = Journal.of(tmp_path, "f" * 32, "key")
    assert (again.exists, again.values) == (True, {0: 0.1, 1: 2 / 3})
    assert not Journal.of(tmp_path, "f" * 32, "other").exists
    text = journal.path.read_text()
    journal.path.write_text(text.replace("0.1", "0.2"))
    assert not Journal.of(tmp_path, "f" * 32, "key").exists
    for broken in ("", "[]", "{}", json.dumps({"values": {"a": 1}, "seal": ""})):
        journal.path.write_text(broken)
        assert not Journal.of(tmp_path, "f" * 32, "key").exists
