"""From a spec to a source: the kinds there are, and what is said of a misspelt one."""

from __future__ import annotations

from pathlib import Path

import pytest

import rmcheck
from rmcheck.errors import UsageError
from rmcheck.reward_source import RewardSource, SourceOptions
from rmcheck.sources import create, kinds
from rmcheck.sources.function import FunctionSource


@pytest.fixture
def options(tmp_path: Path) -> SourceOptions:
    (tmp_path / "s.jsonl").write_text('{"id": "a", "chosen": 1, "rejected": 0}\n')
    return SourceOptions(root=tmp_path, cache=tmp_path / "cache")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("recpe:tiny", "unknown kind 'recpe', did you mean 'recipe'?"),
        ("tiny", r"neither KIND:NAME nor a folder below .*; did you mean 'recipe:tiny'\?"),
        ("recipe", r"did you mean 'recipe:tiny'\? \(kinds: "),
        ("org/model", r"did you mean 'hf:org/model'\?"),
        ("recipe:", "neither KIND:NAME"),
        ("", "KIND:NAME"),
        ("scores:gone.jsonl", "there is no file"),
        ("scores:s.txt", "there is no file"),
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
    assert all(line and "\n" not in line for line in kinds().values())


def test_kinds_of_other_packages(monkeypatch: pytest.MonkeyPatch, options: SourceOptions) -> None:
    class Point:
        name, value = "theirs", "package.module:create"

        def load(self) -> object:
            return lambda rest, _: FunctionSource(lambda t: [1.0] * len(t), spec=f"theirs:{rest}")

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [Point()])
    assert kinds()["theirs"] == "from package.module:create"
    assert create("theirs:x", options).spec == "theirs:x"
