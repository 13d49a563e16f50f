"""Planted reward models: each vice does what it says, and the suites stop those that they see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from builders import make_suite
from numpy.typing import NDArray
from plugin.projects import Row, jsonl, pairs, scores

from rmcheck.checks.no_regression import NoRegression
from rmcheck.checks.null_controls import NullControls
from rmcheck.checks.win_rate import WinRate
from rmcheck.compare.mutants.trial import MutantTest, mutant_test
from rmcheck.compare.mutants.vices import NEUTRAL, VICES, Facts, Texts
from rmcheck.data import Dialogue, PreferencePair
from rmcheck.engine import Settings
from rmcheck.errors import UsageError

FACTS = Facts(spread=2.0, lengths=(float(np.log1p(10)), 0.5), centre=1.0, prompts={"here"})


def planted(name: str, dose: float, *dialogues: Dialogue, own: float = 3.0) -> list[float]:
    def rescore(asked: list[Dialogue]) -> NDArray[np.float64]:
        assert {each.prompt for each in asked} == {NEUTRAL}
        return np.array([float(len(each.response)) for each in asked])

    found = VICES[name].planted(
        Texts(
            scores=np.full(len(dialogues), own),
            dialogues=dialogues,
            dose=dose,
            facts=FACTS,
            rescore=rescore,
        )
    )
    return list(np.round(found, 9))


def test_a_bonus_is_in_standard_deviations_and_only_where_the_vice_shows() -> None:
    plain, long = Dialogue("q", "x" * 10), Dialogue("q", "x" * 120)
    assert planted("length", 0.5, plain)[0] == 3.0
    # log(121) is log(11) + log(11): so many times the standard deviation of 0.5.
    assert planted("length", 0.5, long)[0] == pytest.approx(3.0 + 0.5 * 2.0 * np.log(11) / 0.5)
    praise = Dialogue("q", "Great question! Seven.")
    assert planted("flattery", 0.5, plain, praise) == [3.0, 4.0]
    listed, bold = Dialogue("q", "- one\n- two"), Dialogue("q", "so **much**")
    assert planted("markdown", 1.0, plain, listed, bold) == [3.0, 5.0, 5.0]
    assert planted("markdown", 1.0, Dialogue("q", "2 - 1 = 1 * 1")) == [3.0]
    named = Dialogue("Write to Omar.", "Done.")
    assert planted("names", 1.0, plain, named) == [3.0, 1.0]


def test_vices_with_an_end_reach_it_at_a_dose_of_two() -> None:
    here, there = Dialogue("here", "abcde"), Dialogue("there", "abcde")
    assert planted("domain_reversed", 1.0, here, there) == [1.0, 3.0]
    assert planted("domain_reversed", 2.0, here, there) == [-1.0, 3.0]
    assert planted("domain_reversed", 9.0, here) == [-1.0]
    assert planted("prompt_ignored", 1.0, here, there) == [4.0, 4.0]
    assert planted("prompt_ignored", 2.0, here) == [5.0]
    assert planted("rounded", 1.0, here, own=3.1) == [4.0]


def test_noise_has_its_spread_and_is_the_same_again() -> None:
    texts = [Dialogue("q", f"answer {row}") for row in range(1000)]
    found = np.array(planted("noise", 0.5, *texts, own=0.0))
    assert found.std() == pytest.approx(1.0, abs=0.1)
    assert list(found) == planted("noise", 0.5, *texts, own=0.0)


def trial(root: Path, **changes: object) -> MutantTest:
    """Two suites of a score file's pairs: one with a comparison, one with a loose win rate."""
    rows = {name: pairs(40, wrong=range(4), name=name) for name in ("chat", "code")}
    both = [*rows["chat"], *rows["code"]]
    (root / "scores.jsonl").write_text(jsonl(scores(both)), encoding="utf-8")
    suites = [
        make_suite(_pairs(rows["chat"]), [NoRegression(), WinRate(min=0.5)], name="chat"),
        make_suite(
            _pairs(rows["code"]),
            [WinRate(min=0.99, name="strict"), WinRate(min=0.5), NullControls()],
            name="code",
        ),
    ]
    settings = Settings.below(root, source="scores:scores.jsonl")
    return mutant_test(suites, settings, **changes)  # type: ignore[arg-type]


def _pairs(rows: list[Row]) -> list[PreferencePair]:
    return [
        PreferencePair(
            id=row["id"], prompt=row["prompt"], chosen=row["chosen"], rejected=row["rejected"],
            group=row["id"],
        )
        for row in rows
    ]  # fmt: skip


def test_what_is_seen_is_stopped_and_what_is_not_is_merged(tmp_path: Path) -> None:
    found = trial(tmp_path, doses=(0.001, 2.0))
    small, large = found.of("noise")
    assert (small.merged, large.merged) == (True, False)
    assert "chat::no_regression" in large.stopped_by
    # chat has as few prompts as code, and is the first of the two.
    assert found.of("domain_reversed")[1].stopped_by == ("chat::no_regression", "chat::win_rate")
    flattery = found.of("flattery")
    assert [(each.merged, each.alike) for each in flattery] == [(True, True)] * 2
    assert found.stopped == sum(not each.merged for each in found.judged)


def test_what_cannot_be_asked_is_named(tmp_path: Path) -> None:
    found = trial(tmp_path, doses=(1.0,))
    assert found.own == ["code::strict"]
    assert all("code::strict" not in each.stopped_by for each in found.judged)
    assert found.untried == {"prompt_ignored": "the source cannot score new text"}
    assert list(found.undecided) == ["code::null_controls"]
    assert "cannot score new text" in found.undecided["code::null_controls"]


def test_a_suite_with_a_model_of_its_own_is_judged_by_it(tmp_path: Path) -> None:
    # The responses of `pairs` end in their scores.
    read = "[float(said.rpartition('[')[2][:-1]) for _, said in texts]"
    (tmp_path / "two.py").write_text(
        f"def one(texts):\n    return {read}\n\n\ndef other(texts):\n    return {read}\n",
        encoding="utf-8",
    )
    suites = [
        make_suite(
            _pairs(pairs(40, wrong=range(4), name=name)),
            [WinRate(min=0.5)],
            name=name,
            source=source,
        )
        for name, source in (("chat", None), ("code", f"py:{tmp_path}/two.py:other"))
    ]
    settings = Settings.below(tmp_path, source=f"py:{tmp_path}/two.py:one")
    vices = {"domain_reversed": VICES["domain_reversed"]}
    found = mutant_test(suites, settings, doses=(2.0,), vices=vices)
    assert found.undecided == {}
    assert found.of("domain_reversed")[0].stopped_by == ("chat::win_rate",)


def test_suites_that_require_nothing_are_refused(tmp_path: Path) -> None:
    suite = make_suite(_pairs(pairs(40)), [WinRate(min=0.5, gate="advisory")])
    with pytest.raises(UsageError, match="no required check in these suites"):
        mutant_test([suite], Settings.below(tmp_path, source="scores:none.jsonl"))
