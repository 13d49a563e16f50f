"""What rmcheck itself registers keeps the promises that `rmcheck.testing` holds others to."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders import make_pairs, write_jsonl

from rmcheck import checks
from rmcheck.data import pair_dialogues
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from rmcheck.testing import check_kind, check_source

SIDES = {"objectives": ("helpful", "harmless")}
GIVEN = {"objectives": SIDES, "trade_off": SIDES}
"""Values of keys that have no default and are not a number or a text."""


@pytest.mark.parametrize("kind", checks.kinds())
def test_every_registered_kind_keeps_its_promises(kind: str) -> None:
    found = checks.find(kind)
    assert found is not None
    check_kind(found, **GIVEN.get(kind, {}))


@pytest.mark.parametrize("kind", ["win_rate", "no_regression"])
def test_kinds_that_stop_early_keep_them_too(kind: str) -> None:
    found = checks.find(kind)
    assert found is not None
    check_kind(found, early_stop=True)


def test_a_score_file_keeps_its_promises(tmp_path: Path) -> None:
    pairs = make_pairs(5)
    rows = [{"id": p.id, "chosen": row * 0.5, "rejected": -row} for row, p in enumerate(pairs)]
    write_jsonl(tmp_path / "s.jsonl", rows)
    options = SourceOptions(root=tmp_path, cache=tmp_path / "cache")
    check_source(create("scores:s.jsonl", options), pair_dialogues(pairs))


def test_a_function_keeps_its_promises() -> None:
    def length(texts: list[tuple[str, str]]) -> list[int]:
        return [len(response) for _, response in texts]

    check_source(length)
