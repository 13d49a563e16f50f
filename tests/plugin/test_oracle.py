"""The oracle of the broken projects, against scipy and against the gate on both sides."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from scipy import stats

from . import oracle
from .forked import Call, Server
from .worse import BAD, PAIRS, PROMPTS, RIGHT_BEFORE, RIGHT_NOW


@pytest.mark.parametrize(("lost", "won"), [(0, 0), (1, 0), (5, 0), (7, 0), (9, 2), (3, 8), (20, 0)])
def test_with_a_pair_a_prompt_it_is_mcnemars_exact_test(lost: int, won: int) -> None:
    net = [-2] * lost + [2] * won + [0] * 5
    expected = stats.binomtest(won, lost + won, 0.5, "less").pvalue if lost + won else 1.0
    assert float(oracle.sign_flips(net)) == pytest.approx(expected, rel=1e-12)


def test_with_several_pairs_a_prompt_it_is_the_permutation_test() -> None:
    net = [-4, -2, -2, 1, -4, 2, -3, 0, -1, 4]
    found = stats.permutation_test(
        (net,), sum, permutation_type="samples", n_resamples=2**11, alternative="less"
    )
    assert float(oracle.sign_flips(net)) == pytest.approx(found.pvalue, rel=1e-12)


def test_of_the_untouched_project_it_counts_every_pair(sound: Path) -> None:
    found = oracle.seen(sound, sound)
    assert found is not None
    assert (found.compared, found.lost, found.won) == (PAIRS, RIGHT_BEFORE - RIGHT_NOW, 0)
    assert (found.left_out, len(found.net), found.comparisons) == (0, PROMPTS, 2)
    assert not found.may_pass


def run(server: Server, root: Path) -> int | None:
    return server.run(Call(arguments=["suites"], folder=str(root))).code


@pytest.mark.ci
@pytest.mark.parametrize("lost", [0, 1, 2, 4, 5, 6, 7, 8, 9, 20])
def test_the_gate_is_green_exactly_where_the_oracle_says(
    server: Server, sound: Path, tmp_path: Path, lost: int
) -> None:
    root = shutil.copytree(sound, tmp_path / "p")
    rows = oracle.rows(root / BAD)
    good = {row["id"]: row for row in oracle.rows(root / "scores/good.jsonl")}
    worse = [row["id"] for row in rows if row != good[row["id"]]]
    kept = set(worse[:lost])
    text = "".join(json.dumps(row if row["id"] in kept else good[row["id"]]) + "\n" for row in rows)
    (root / BAD).write_text(text, encoding="utf-8")
    found = oracle.seen(sound, root)
    assert found is not None
    assert found.lost == lost
    assert (run(server, root) == 0) is found.may_pass


@pytest.mark.ci
@pytest.mark.parametrize("gone", [2, 3])
def test_more_pairs_left_out_than_allowed_are_red_for_both(
    server: Server, sound: Path, tmp_path: Path, gone: int
) -> None:
    root = shutil.copytree(sound, tmp_path / "p")
    shutil.copy(root / "scores/good.jsonl", root / BAD)
    data = root / "data/chat.jsonl"
    data.write_text("".join(data.read_text("utf-8").splitlines(keepends=True)[gone:]), "utf-8")
    found = oracle.seen(sound, root)
    assert found is not None
    assert (found.left_out, found.may_pass) == (gone, gone == 2)
    assert (run(server, root) == 0) is found.may_pass
