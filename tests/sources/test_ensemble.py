"""`ensemble:A;B;C`: what the members' rewards become, and how members are asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rmcheck.data import pair_dialogues
from rmcheck.engine.book import ScoreBook
from rmcheck.engine.settings import Settings
from rmcheck.errors import SourceError, UsageError
from rmcheck.reward_source import Composed, Partial, Source
from rmcheck.sources import create
from rmcheck.sources.ensemble import Combination
from tests.builders import make_pairs

PAIRS = make_pairs(6)
DIALOGUES = pair_dialogues(PAIRS)

CODE = """
CALLS = []
def length(texts):
    CALLS.append(("length", len(texts)))
    return [float(len(r)) for _, r in texts]
def letters(texts):
    CALLS.append(("letters", len(texts)))
    return [float(r.count("o")) for _, r in texts]
def zero(texts):
    return [0.0 for _ in texts]
def fails(texts):
    raise ValueError("no")
"""
MEMBERS = "py:members.py:length;py:members.py:letters;py:members.py:zero"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "members.py").write_text(CODE)
    return tmp_path


def source(folder: Path, rest: str) -> Source:
    return create(f"ensemble:{rest}", Settings.below(folder).options)


def columns() -> np.ndarray:
    return np.array(
        [[len(d.response) for d in DIALOGUES], [d.response.count("o") for d in DIALOGUES],
         [0.0] * len(DIALOGUES)]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", lambda x: x.mean(axis=0)),
        (",combine=mean", lambda x: x.mean(axis=0)),
        (",combine=median", lambda x: np.median(x, axis=0)),
        (",combine=min", lambda x: x.min(axis=0)),
        (",combine=mean-1std", lambda x: x.mean(axis=0) - x.std(axis=0)),
        (",combine=mean-0.5std", lambda x: x.mean(axis=0) - 0.5 * x.std(axis=0)),
        (",weights=2:1:1", lambda x: (2 * x[0] + x[1] + x[2]) / 4),
        (",combine=mean-std,weights=1:1:1", lambda x: x.mean(axis=0) - x.std(axis=0)),
    ],
)
def test_the_rewards_of_the_members_are_combined(
    project: Path, options: str, expected: object
) -> None:
    found = source(project, MEMBERS + options).score(DIALOGUES)
    assert found == pytest.approx(expected(columns()), abs=1e-12)  # type: ignore[operator]


def test_a_weighted_spread_counts_a_doubled_member_twice() -> None:
    rewards = np.array([[1.0, 4.0], [3.0, -2.0]])
    twice = Combination("mean-1std", (1 / 3, 1 / 3, 1 / 3))(np.vstack([rewards, rewards[1:]]))
    assert Combination("mean-1std", (1 / 3, 2 / 3))(rewards) == pytest.approx(twice)


def test_members_are_cached_apart(project: Path) -> None:
    book = ScoreBook(project / ".rmcheck")
    first = source(project, "py:members.py:length;py:members.py:letters")
    both = book.scores(first, DIALOGUES)
    assert both == pytest.approx(columns()[:2].mean(axis=0))
    assert book.counts().computed == 2 * len(DIALOGUES)
    other = ScoreBook(project / ".rmcheck")
    again = source(project, "py:members.py:length;py:members.py:zero,combine=min")
    assert other.scores(again, DIALOGUES).tolist() == [0.0] * len(DIALOGUES)
    assert (other.counts().cached, other.counts().computed) == (12, 12)


def test_a_member_that_fails_is_the_error_of_the_ensemble(project: Path) -> None:
    book = ScoreBook(project / ".rmcheck")
    found = source(project, "py:members.py:length;py:members.py:fails")
    failed = book.fetch_all([(found, DIALOGUES)])
    assert "raised ValueError: no" in str(failed[id(found)])
    with pytest.raises(SourceError, match="raised ValueError"):
        book.scores(found, DIALOGUES)


def test_the_fingerprint_is_that_of_members_and_combination(project: Path) -> None:
    prints = {
        source(project, rest).fingerprint
        for rest in (
            MEMBERS, MEMBERS + ",combine=min", MEMBERS + ",weights=1:2:3",
            MEMBERS.replace("zero", "fails"),
        )
    }  # fmt: skip
    assert len(prints) == 4
    assert source(project, MEMBERS).fingerprint == source(project, MEMBERS).fingerprint
    assert (
        source(project, MEMBERS + ",weights=2:2:2").fingerprint
        == source(project, MEMBERS).fingerprint
    )


def test_a_score_file_among_the_members_limits_what_is_known(project: Path) -> None:
    rows = [{"id": p.id, "chosen": 1.0, "rejected": 0.0} for p in PAIRS[:4]]
    (project / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = source(project, "scores:s.jsonl;py:members.py:letters")
    assert isinstance(found, Partial)
    assert isinstance(found, Composed)
    assert not found.scores_new_text
    assert found.ids() == {pair.id for pair in PAIRS[:4]}
    assert found.knows(DIALOGUES[0])
    assert not found.knows(DIALOGUES[-1])
    book = ScoreBook(project / ".rmcheck")
    seen = book.view(found, "chat")
    assert book.scores(seen, DIALOGUES[:2]).tolist() == [1.5, 0.0]


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("py:members.py:length", "expected two or more sources"),
        ("py:members.py:length;", "expected two or more sources"),
        ("py:members.py:length;py:members.py:length", "is given twice"),
        ("py:members.py:length;scores:none.jsonl", "file not found"),
        (f"{MEMBERS},combine=maen", "combine: got 'maen'; did you mean 'mean'"),
        (f"{MEMBERS},weights=1:2", "weights: expected 3 positive numbers"),
        (f"{MEMBERS},weights=1:0:1", "weights: expected 3 positive numbers"),
        (f"{MEMBERS},weights=1:x:1", "weights: expected 3 positive numbers"),
        (f"{MEMBERS},combine=min,weights=1:1:1", "no meaning with combine=min"),
        ("ensemble:a;py:members.py:length", "an ensemble of ensembles"),
    ],
)
def test_a_wrong_spec_is_refused_at_once(project: Path, rest: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        source(project, rest)


def test_members_without_objectives_have_none(project: Path) -> None:
    found = source(project, MEMBERS)
    with pytest.raises(SourceError, match="has no objective 'helpful'"):
        found.with_objective("helpful")  # type: ignore[attr-defined]
