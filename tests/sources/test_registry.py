"""From a spec to a source: the kinds there are, and what is said of a misspelt one."""

from __future__ import annotations

from pathlib import Path

import pytest

import rmcheck
from rmcheck.errors import UsageError
from rmcheck.registry import summary
from rmcheck.reward_source import RewardSource, SourceOptions
from rmcheck.sources import KINDS, create, kinds


@pytest.fixture
def options(tmp_path: Path) -> SourceOptions:
    (tmp_path / "s.jsonl").write_text('{"id": "a", "chosen": 1, "rejected": 0}\n')
    return SourceOptions(root=tmp_path, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("recpe:tiny", "unknown kind 'recpe', did you mean 'recipe'?"),
        ("tiny", r"expected KIND:NAME or a folder below .*; did you mean 'recipe:tiny'\?"),
        ("recipe", r"did you mean 'recipe:tiny'\? \(kinds: "),
        ("org/model", r"did you mean 'hf:org/model'\?"),
        ("recipe:", "expected a name or a path after 'recipe:'"),
        ("", "KIND:NAME"),
        ("scores:gone.jsonl", "file not found"),
        ("scores:s.txt", "file not found"),
        ("recipe:tinny", "tiny"),
    ],
)
def test_a_wrong_spec_is_a_usage_error_with_a_remedy(
    options: SourceOptions, spec: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        create(spec, options)


def test_a_spec_gives_a_source_that_is_called_so(options: SourceOptions) -> None:
    source = create("scores:s.jsonl", options)
    assert isinstance(source, RewardSource)
    assert source.spec == "scores:s.jsonl"
    assert not source.scores_new_text
    assert rmcheck.source("scores:s.jsonl", options.root).fingerprint == source.fingerprint


def test_every_kind_has_a_line() -> None:
    assert {"recipe", "hf", "scores"} <= set(kinds())
    found, broken = KINDS.sound()
    assert list(found) == kinds()
    assert all(summary(kind) for kind in found.values())
    assert not broken
