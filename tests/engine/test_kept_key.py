"""The key of a kept conclusion: each field of the data is in it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.data.dialogue import Variant
from rmcheck.data.label import Label
from rmcheck.data.preferences import PreferenceData
from rmcheck.engine.kept import _of_suite
from rmcheck.suite import Suite
from rmcheck.suite.loading import load_suite

PAIR = PreferencePair("a", "Why?", "Because.", "No.", "g")
SET = ResponseSet("s", "Why?", ("Because.", "No."), (0,), "g")

OTHER: dict[str, Any] = {
    "id": "b",
    "prompt": "How?",
    "chosen": "Thus.",
    "rejected": "Never.",
    "group": "h",
    "tags": ("t",),
    "confidence": 0.8,
    "ratings": (4.0, 1.0),
    "variants": (Variant("loud", "preserves", chosen="BECAUSE."),),
    "responses": ("Because.", "Never."),
    "best": (1,),
}


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    row = '{"id": "a", "prompt": "Why?", "chosen": "Because.", "rejected": "No."}\n'
    (tmp_path / "a.jsonl").write_text(row)
    path = tmp_path / "a.yaml"
    path.write_text(
        "rmcheck: 1\nname: a\ndata: a.jsonl\nchecks:\n  - {check: win_rate, min: 0.5}\n"
    )
    return load_suite(path, tmp_path)


def key(suite: Suite, *, pair: PreferencePair = PAIR, given: ResponseSet = SET) -> str:
    data = PreferenceData(pairs=(pair,), sets=(given,))
    return _of_suite(replace(suite, data=data))


@pytest.mark.parametrize("name", [each.name for each in fields(PreferencePair)])
def test_each_field_of_a_pair_is_part_of_the_key(suite: Suite, name: str) -> None:
    other = (Label("safety", "chosen"),) if name == "objectives" else OTHER[name]
    assert key(suite, pair=replace(PAIR, **{name: other})) != key(suite)


@pytest.mark.parametrize("name", [each.name for each in fields(ResponseSet)])
def test_each_field_of_a_set_is_part_of_the_key(suite: Suite, name: str) -> None:
    other = (4.0, 1.0) if name == "ratings" else OTHER[name]
    assert key(suite, given=replace(SET, **{name: other})) != key(suite)


def test_equal_data_have_one_key(suite: Suite) -> None:
    assert key(suite, pair=replace(PAIR), given=replace(SET)) == key(suite)
