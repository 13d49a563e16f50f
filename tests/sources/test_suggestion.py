"""What `--rm` without a kind is told: the spec, or the command, that was meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rmcheck.errors import UsageError
from rmcheck.reward_source import SourceOptions
from rmcheck.scoring.files import nearest_path
from rmcheck.sources import create

ROW = '{"id": "a", "prompt": "Why?", "chosen": "So.", "rejected": "No."}\n'
TRANSCRIPTS = json.dumps(
    {side: f"\n\nHuman: Why?\n\nAssistant: {side}" for side in ("chosen", "rejected")}
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in ("checkpoints/latest", "suites", "recipes", "data"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "suites/chat.yaml").write_text("rmcheck: 1\nname: chat\ndata: a\nchecks: []\n")
    (tmp_path / "recipes/mine.yaml").write_text("recipe: 1\nbase: b\ndata: d\n")
    (tmp_path / "data/chat.jsonl").write_text(ROW)
    (tmp_path / "data/hh.jsonl").write_text(TRANSCRIPTS)
    (tmp_path / "data/long.jsonl").write_text('{"prompt": "p", "response": "r", "score": 1}\n')
    (tmp_path / "scores.jsonl").write_text('{"id": "a", "chosen": 1, "rejected": 0}\n')
    return tmp_path


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("checkpoints/latst", "did you mean 'hf:checkpoints/latest'?"),
        ("chekpoints/latst", "did you mean 'hf:checkpoints/latest'?"),
        ("org/model", "did you mean 'hf:org/model'?"),
        ("suites/chat.yaml", "suites/chat.yaml is a suite; run it with `pytest suites/chat.yaml`"),
        ("recipes/mine.yaml", "did you mean 'recipe:recipes/mine.yaml'?"),
        ("recipes/mien.yaml", "did you mean 'recipe:recipes/mine.yaml'?"),
        ("data/chat.jsonl", "data/chat.jsonl is preference data; name it in a suite"),
        ("data/hh.jsonl", "data/hh.jsonl is preference data; name it in a suite"),
        ("data/long.jsonl", "did you mean 'scores:data/long.jsonl'?"),
        ("scores.jsonl", "did you mean 'scores:scores.jsonl'?"),
        ("scoers.jsonl", "did you mean 'scores:scores.jsonl'?"),
    ],
)
def test_what_was_meant(project: Path, spec: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        create(spec, SourceOptions(root=project, cache=project / ".rmcheck"))
    assert said in str(caught.value)


@pytest.mark.parametrize("spec", ["hf:./checkpoints/latst", "hf:./chekpoints/latest"])
def test_a_misspelt_checkpoint_is_told_the_folder_that_exists(project: Path, spec: str) -> None:
    with pytest.raises(UsageError) as caught:
        create(spec, SourceOptions(root=project, cache=project / ".rmcheck"))
    assert f"did you mean '{project / 'checkpoints/latest'}'?" in str(caught.value)


def test_a_misspelt_score_file_is_told_the_file_that_exists(project: Path) -> None:
    with pytest.raises(UsageError, match=r"file not found: .*; did you mean '.*/scores\.jsonl'"):
        create("scores:scoers.jsonl", SourceOptions(root=project, cache=project / ".rmcheck"))


def test_a_path_that_resembles_nothing_has_no_nearest(tmp_path: Path) -> None:
    (tmp_path / "abc").mkdir()
    assert nearest_path(tmp_path / "xyz" / "abc") is None
    assert nearest_path(tmp_path / "abc") == tmp_path / "abc"
    (tmp_path / "mine.jsonl").write_text("")
    assert nearest_path(tmp_path / "abcd.jsonl", files=True) is None
