"""`best_of_n` and `ties` on sets whose scores are written down."""

from __future__ import annotations

import pytest
from builders import TableContext, make_pairs, write_jsonl
from statsmodels.stats.proportion import proportion_confint

from rmcheck.checks import Check
from rmcheck.checks.best_of_n import BestOfN
from rmcheck.checks.ties import Ties
from rmcheck.data import ResponseSet
from rmcheck.data.preferences import PreferenceData
from rmcheck.errors import ProblemsFound
from rmcheck.suite import load_suite
from rmcheck.verdict import Verdict

Scored = tuple[tuple[int, ...], list[float]]


def sets(rows: list[Scored], group_size: int = 1) -> list[tuple[ResponseSet, list[float]]]:
    """Response sets from (indices of the best, scores)."""
    return [
        (
            ResponseSet(
                id=f"s{i:02d}",
                prompt=f"question {i // group_size}",
                responses=tuple(f"answer {i}.{k}" for k in range(len(scores))),
                best=best,
                group=f"g{i // group_size}",
            ),
            scores,
        )
        for i, (best, scores) in enumerate(rows)
    ]


def judge(check: Check, rows: list[Scored], group_size: int = 1) -> Verdict:
    return check.judge(TableContext(make_pairs(1), ([1.0], [0.0]), sets=sets(rows, group_size)))


RIGHT: Scored = ((0,), [3.0, 2.0, 1.0, 0.0])
WRONG: Scored = ((0,), [1.0, 3.0, 2.0, 0.0])


def test_top_one_with_wilson_of_statsmodels() -> None:
    verdict = judge(BestOfN(min=0.5), [RIGHT] * 33 + [WRONG] * 7)
    assert verdict.estimate is not None
    low, high = proportion_confint(33, 40, method="wilson")
    assert (verdict.estimate.value, verdict.estimate.low, verdict.estimate.high) == pytest.approx(
        (33 / 40, low, high)
    )
    assert (verdict.decision, verdict.outcome) == ("pass", "pass")
    assert verdict.message == (
        f"best_of_n top-1 (chance 0.25) 0.825 [{low:.3f}, {high:.3f}] (wilson 95%, n=40) ≥ min 0.50"
    )
    assert verdict.evidence.notes == (
        "a worse response has the top score in 7 sets: s33, s34, s35, s36, s37, s38, s39",
    )


def test_a_model_at_chance_fails() -> None:
    verdict = judge(BestOfN(min=0.5), [RIGHT] * 10 + [WRONG] * 30)
    assert (verdict.decision, verdict.outcome) == ("fail", "fail")
    assert verdict.message.endswith("< min 0.50")


def test_responses_tied_at_the_top_share_the_credit() -> None:
    # One of two at the top is good: half. One of three: a third. Both of two: one.
    half: Scored = ((0,), [2.0, 2.0, 1.0])
    third: Scored = ((1,), [2.0, 2.0, 2.0])
    whole: Scored = ((0, 1), [2.0, 2.0, 1.0])
    verdict = judge(BestOfN(min=0.1), [half] * 10 + [third] * 10 + [whole] * 10)
    assert verdict.estimate is not None
    assert verdict.estimate.value == pytest.approx((10 / 2 + 10 / 3 + 10) / 30)
    # Chance is the share of good responses: 1/3, 1/3 and 2/3.
    assert "(chance 0.44)" in verdict.message


def test_sets_without_a_worse_response_tell_nothing() -> None:
    trivial: Scored = ((0, 1), [2.0, 1.0])
    verdict = judge(BestOfN(min=0.5), [RIGHT] * 15 + [WRONG] * 15 + [trivial] * 60)
    assert verdict.estimate is not None
    assert (verdict.estimate.n, verdict.estimate.value) == (30, 0.5)
    alone = judge(BestOfN(min=0.0, on_inconclusive="pass"), [trivial] * 60)
    assert alone.outcome == "fail"


def test_sets_of_one_prompt_are_no_more_than_one_prompt() -> None:
    plain = judge(BestOfN(min=0.5), [RIGHT] * 60 + [WRONG] * 30).estimate
    shared = judge(BestOfN(min=0.5), [RIGHT] * 60 + [WRONG] * 30, group_size=3).estimate
    assert plain is not None
    assert shared is not None
    assert shared.n_groups == 30
    assert shared.high - shared.low > 1.5 * (plain.high - plain.low)


def test_ties_by_hand() -> None:
    # gap = lowest best - highest worse, spread = range of the best.
    close: Scored = ((0, 1), [5.0, 4.5, 1.0])  # gap 3.5 > spread 0.5: clear
    wide: Scored = ((0, 1), [9.0, 4.0, 2.0])  # gap 2 < spread 5: above, not clear
    mixed: Scored = ((0, 1), [5.0, 1.0, 3.0])  # gap -2: not even above
    edge: Scored = ((0, 1), [4.0, 2.0, 0.0])  # gap 2 = spread 2: not clear
    one: Scored = ((0,), [5.0, 1.0])  # a single best response has no spread: left out
    verdict = judge(
        Ties(min=0.5), [close] * 20 + [wide] * 5 + [mixed] * 5 + [edge] * 10 + [one] * 9
    )
    assert verdict.estimate is not None
    assert (verdict.estimate.n, verdict.estimate.value) == (40, 0.5)
    low, high = proportion_confint(20, 40, method="wilson")
    assert (verdict.estimate.low, verdict.estimate.high) == pytest.approx((low, high))
    assert verdict.evidence.tables[0].rows == ((pytest.approx(35 / 40), 0.5),)
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("inconclusive", "pass", True)
    assert verdict.message.startswith("ties clearly separated 0.500 [")


def test_a_positive_map_of_the_scores_changes_nothing() -> None:
    rows = [((0, 1), [5.0, 4.5, 1.0 + i % 5]) for i in range(30)]
    mapped = [(best, [0.25 * score + 8 for score in scores]) for best, scores in rows]
    for check in (BestOfN(min=0.5), Ties(min=0.5)):
        assert judge(check, rows).estimate == judge(check, mapped).estimate


ALL_TIED: Scored = ((0, 1), [1.0, 1.0, 1.0])


@pytest.mark.parametrize("check", [BestOfN(min=0.0, on_inconclusive="pass"),
                                   Ties(min=0.0, on_inconclusive="pass")])  # fmt: skip
@pytest.mark.parametrize(
    ("rows", "group_size", "reason"),
    [
        ([], 1, "0 {many} of 0 different prompts; at least 15 prompts are needed"),
        ([((0, 1), [3.0, 2.0, 1.0])] * 14, 1, "14 {many} of 14 different prompts"),
        ([((0, 1), [3.0, 2.0, 1.0])] * 40, 40, "40 {many} of 1 different prompt;"),
        ([ALL_TIED] * 40, 1, "all scores are the same within each of the 40 sets"),
    ],
)
def test_what_cannot_be_decided_never_passes(
    check: Check, rows: list[Scored], group_size: int, reason: str
) -> None:
    verdict = judge(check, rows, group_size)
    assert (verdict.decision, verdict.outcome, verdict.weak) == ("inconclusive", "fail", True)
    many = "response sets" if check.kind == "best_of_n" else "sets with several best responses"
    assert verdict.message.startswith(f"{check.kind}: undecidable: ")
    assert reason.format(many=many) in verdict.message


def test_only_the_sets_that_count_are_scored() -> None:
    found = sets([((0,), [1.0, 0.0]), ((0, 1), [2.0, 1.0, 0.0]), ((0, 1), [1.0, 0.0])])
    data = PreferenceData((), tuple(each for each, _ in found))
    (best,) = BestOfN(min=0.5).needs(data)
    (ties,) = Ties(min=0.5).needs(data)
    assert [d.key for d in best.dialogues] == ["s00/0", "s00/1", "s01/0", "s01/1", "s01/2"]
    assert [d.key for d in ties.dialogues] == ["s01/0", "s01/1", "s01/2"]


def test_where_is_refused_at_its_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    row = {"id": "s", "prompt": "p", "responses": ["a", "b"], "best": [0]}
    write_jsonl(tmp_path / "a.jsonl", [row])
    path = tmp_path / "a.yaml"
    path.write_text(
        "rmcheck: 1\nname: a\ndata: a.jsonl\nchecks:\n"
        "  - check: best_of_n\n    min: 0.5\n    where: {tags: [x]}\n"
    )
    with pytest.raises(ProblemsFound, match=r"a\.yaml:5:\d+: .*'where' selects pairs"):
        load_suite(path)
