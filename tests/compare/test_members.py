"""What each member adds to an ensemble."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from rmcheck.compare.members import contributions
from rmcheck.engine.settings import Settings
from rmcheck.sources import create
from rmcheck.sources.ensemble import Ensemble
from tests.builders import make_pairs, row, write_jsonl

CODE = "def a(t): return [0.0 for _ in t]\nb = c = a\n"


@pytest.fixture
def ensemble(tmp_path: Path) -> Ensemble:
    (tmp_path / "m.py").write_text(CODE)
    found = create("ensemble:py:m.py:a;py:m.py:b;py:m.py:c", Settings.below(tmp_path).options)
    assert isinstance(found, Ensemble)
    return found


def rewards(n: int) -> np.ndarray:
    """A right in most pairs, B right where A is wrong and wider there, C says nothing."""
    wrong = np.arange(n) % 4 == 0
    a = np.where(wrong, -1.0, 1.0)
    b = np.where(wrong, 3.0, 0.5)
    both = np.zeros((3, 2 * n))
    both[0, 0::2], both[1, 0::2] = a, b
    return both


def test_a_member_that_turns_losses_into_wins_adds(ensemble: Ensemble) -> None:
    pairs = make_pairs(40)
    whole, (a, b, c) = contributions(ensemble, rewards(40), pairs)
    assert whole.value == 1.0
    assert (a.alone.value, b.alone.value, c.alone.value) == (0.75, 1.0, 0.5)
    assert (b.gained, b.lost, b.without.value) == (10, 0, 0.75)
    assert b.p_value == pytest.approx(3 * binomtest(10, 10, alternative="greater").pvalue)
    assert b.adds
    assert (a.gained, a.lost, a.p_value) == (0, 0, 1.0)
    assert not a.adds
    assert not c.adds


def test_a_tie_counts_half_and_a_prompt_once(ensemble: Ensemble) -> None:
    pairs = make_pairs(8, group_size=8)
    both = np.zeros((3, 16))
    both[0, 0::2] = 1.0
    _, (a, _, _) = contributions(ensemble, both, pairs)
    assert (a.gained, a.lost) == (4.0, 0.0)
    assert a.p_value == 1.0  # one prompt: 0.5, times three members
    assert not a.adds


def test_doctor_names_the_members_that_add_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rmcheck.cli import main

    (tmp_path / "m.py").write_text(
        "def good(t): return [float(r.startswith('good')) for _, r in t]\n"
        "def flat(t): return [0.0 for _ in t]\n"
    )
    write_jsonl(tmp_path / "d.jsonl", [row(pair) for pair in make_pairs(30)])
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "ensemble:py:m.py:good;py:m.py:flat", "d.jsonl"]) == 0
    out = capsys.readouterr().out
    assert "win rate of the ensemble on 30 pairs: 1.000" in out
    assert "py:m.py:flat adds nothing that these pairs show" in out
    assert "py:m.py:good" not in out.splitlines()[-1]
