"""The spec of a reward source: where its kind ends, and what a bare name is."""

from __future__ import annotations

import pytest

from rmcheck.record.run import SourceRecord
from rmcheck.spec import Spec


@pytest.mark.parametrize(
    ("text", "kind", "rest"),
    [
        ("recipe:tiny", "recipe", "tiny"),
        ("scores:a:b.jsonl", "scores", "a:b.jsonl"),
        ("recipe:", "recipe", ""),
        ("main", "", "main"),
        ("", "", ""),
    ],
)
def test_a_spec_is_split_at_its_first_colon(text: str, kind: str, rest: str) -> None:
    assert Spec.parse(text) == Spec(kind, rest)


def test_it_is_shown_as_it_was_written() -> None:
    assert [str(Spec.parse(text)) for text in ("hf:a:b", "a/b")] == ["hf:a:b", "a/b"]


def test_the_record_of_a_bare_folder_is_that_of_a_checkpoint() -> None:
    assert [SourceRecord(spec=spec).kind for spec in ("a/b", "hf:a/b", "recipe:tiny")] == [
        "hf", "hf", "recipe",
    ]  # fmt: skip
