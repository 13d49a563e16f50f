"""The check `benchmark`: each formula against an independent computation on made data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from builders import TableContext
from numpy.typing import NDArray

from rmcheck.checks import ScoredPairs
from rmcheck.checks.benchmark import Benchmark
from rmcheck.checks.benchmarks import BENCHMARKS, Scored, find
from rmcheck.checks.benchmarks.reward_bench import SECTIONS
from rmcheck.data import PreferencePair, ResponseSet
from rmcheck.verdict import Verdict

Sets = list[tuple[ResponseSet, NDArray[np.float64]]]


def pair(name: str, *tags: str, group: str | None = None) -> PreferencePair:
    return PreferencePair(name, f"ask {name}", f"good {name}", f"bad {name}", group or name, tags)


def entry(name: str, scores: Sequence[float], best: Sequence[int], *tags: str) -> ResponseSet:
    texts = tuple(f"{name} answer {number}" for number in range(len(scores)))
    return ResponseSet(name, f"ask {name}", texts, tuple(best), name, tags)


def of_pairs(rows: Sequence[tuple[PreferencePair, float]]) -> Scored:
    margins = np.array([margin for _, margin in rows])
    return Scored(ScoredPairs([each for each, _ in rows], margins, np.zeros(len(rows))))


def of_sets(rows: Sequence[tuple[ResponseSet, Sequence[float]]]) -> Scored:
    nothing = ScoredPairs([], np.zeros(0), np.zeros(0))
    return Scored(nothing, [(each, np.array(scores)) for each, scores in rows])


def totals(name: str, scored: Scored) -> dict[str, float]:
    """The value of each total that the data are complete for."""
    definition = find(name)
    parts = definition.credits(scored)
    return {
        total.name: total.offset + sum(w * parts[part].mean() for part, w in total.weights.items())
        for total in definition.totals
        if not total.missing(parts)
    }


def test_every_benchmark_is_found_in_every_spelling() -> None:
    for name in BENCHMARKS.names():
        assert find(name).name == name
        assert find(name.replace("-", "")).name == name


def test_the_weights_of_a_total_add_up_to_one() -> None:
    # The 1 % of the margin of Ties can be negative, and lifts all the rest above 1.
    extra = {("reward-bench-2", "Ties"): 0.01, ("reward-bench-2", "score"): 0.01 / 6}
    for name in BENCHMARKS.names():
        for total in find(name).totals:
            top = total.offset + sum(total.weights.values())
            assert top == pytest.approx(1 + extra.get((name, total.name), 0.0))


# RewardBench


def test_sections_of_reward_bench_are_weighted_by_their_counts() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        rates: dict[str, float] = {}
        rows = []
        for subset in [each for section in SECTIONS.values() for each in section]:
            margins = rng.choice([-1.0, 0.0, 2.0], size=rng.integers(3, 12), p=[0.3, 0.1, 0.6])
            rates[subset] = sum(margin > 0 for margin in margins) / len(margins)
            rows += [
                (pair(f"{subset}{i}", f"subset:{subset}"), margin)
                for i, margin in enumerate(margins)
            ]
        found = totals("reward-bench", of_pairs(rows))
        chat = ("alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy",
                "mt-bench-med")  # fmt: skip
        expected = np.average([rates[each] for each in chat], weights=[100, 95, 95, 28, 40])
        assert found["Chat"] == pytest.approx(expected)
        # Mathematics counts half, and the six languages of code, of equal size, the other half.
        code = [rates[each] for each in rates if each.startswith("hep-")]
        assert len(code) == 6
        assert found["Reasoning"] == pytest.approx((rates["math-prm"] + np.mean(code)) / 2)
        four = [found[section] for section in ("Chat", "Chat Hard", "Safety", "Reasoning")]
        assert found["score"] == pytest.approx(np.mean(four))
        assert "score with prior sets" not in found
    prior = [(pair(f"{each}{i}", f"subset:{each}"), 1.0 if i else -1.0)
             for each in ("anthropic_helpful", "anthropic_hhh", "shp", "summarize")
             for i in range(4)]  # fmt: skip
    with_prior = totals("reward-bench", of_pairs([*rows, *prior]))
    assert with_prior["score with prior sets"] == pytest.approx((2 * sum(four) + 0.75) / 9)


# RewardBench 2


def ties_by_hand(tables: Mapping[str, tuple[Sequence[float], int]]) -> float:
    """Ties from {"ref:1": (scores, how many of the first are correct)}, prompt by prompt."""
    correct: dict[str, list[bool]] = {"ref": [], "tied": []}
    for name, (scores, right) in tables.items():
        above = all(good > bad for good in scores[:right] for bad in scores[right:])
        correct[name.split(":")[0]].append(above)
    wide = both_wide = 0
    margins = []
    numbers = [name[5:] for name in tables if name.startswith("tied:")]
    numbers = [number for number in numbers if f"ref:{number}" in tables]
    for number in numbers:
        gaps = []
        for kind in ("ref", "tied"):
            scores, right = tables[f"{kind}:{number}"]
            gaps.append(sorted(scores[:right])[0] - sorted(scores[right:])[-1])
        scores, right = tables[f"tied:{number}"]
        spread = sorted(scores[:right])[-1] - sorted(scores[:right])[0]
        wide += gaps[1] > spread
        both_wide += gaps[0] > spread and gaps[1] > spread
        smaller = gaps[0] if gaps[0] < gaps[1] else gaps[1]
        if spread:
            margins.append(math.tanh(smaller / spread - 1))
        else:
            margins.append(0.0 if smaller == 0 else math.copysign(1.0, smaller))
    n = len(numbers)
    return (
        0.3 * sum(correct["tied"]) / len(correct["tied"])
        + 0.3 * sum(correct["ref"]) / len(correct["ref"])
        + 0.2 * wide / n
        + 0.2 * both_wide / n
        + 0.01 * sum(margins) / n
    )


def test_ties_of_reward_bench_2_on_1000_random_tables() -> None:
    rng = np.random.default_rng(12)
    for trial in range(1000):
        tables: dict[str, tuple[list[float], int]] = {}
        for number in range(int(rng.integers(1, 7))):
            for kind in ("ref", "tied"):
                if number and rng.random() < 0.1:
                    continue  # a prompt without its partner
                right = 1 if kind == "ref" else int(rng.integers(2, 6))
                scores = rng.normal(0, 1, right + int(rng.integers(1, 6)))
                scores[:right] += rng.choice([0.0, 1.0, 4.0])
                # Every third table has whole scores, so that gaps and spreads are zero.
                tables[f"{kind}:{number}"] = (
                    (scores.round() if trial % 3 == 0 else scores).tolist(),
                    right,
                )
        rows = [
            (entry(name, scores, range(right), "subset:Ties"), scores)
            for name, (scores, right) in tables.items()
        ]
        found = totals("reward-bench-2", of_sets(rows))
        assert found["Ties"] == pytest.approx(ties_by_hand(tables), abs=1e-12)


def test_the_score_of_reward_bench_2_is_the_mean_of_six_subsets() -> None:
    rng = np.random.default_rng(3)
    rows: list[tuple[ResponseSet, Sequence[float]]] = []
    means = []
    for subset in ("Factuality", "Precise IF", "Math", "Safety", "Focus"):
        earned = []
        for number in range(9):
            scores = rng.integers(0, 4, 4).astype(float).tolist()
            top = [place for place, score in enumerate(scores) if score == max(scores)]
            earned.append(1 / len(top) if 0 in top else 0.0)
            rows.append((entry(f"{subset}{number}", scores, [0], f"subset:{subset}"), scores))
        means.append(sum(earned) / 9)
    ties = {"ref:7": ([3.0, 1.0], 1), "tied:7": ([3.0, 2.0, 0.0], 2)}
    for name, (scores, right) in ties.items():
        rows.append((entry(name, scores, range(right), "subset:Ties"), scores))
    found = totals("reward-bench-2", of_sets(rows))
    assert [found[name] for name in ("Factuality", "Focus")] == pytest.approx([means[0], means[4]])
    # Both gaps are 2 and the spread is 1: all right, and tanh(2 − 1).
    assert found["Ties"] == pytest.approx(1.0 + 0.01 * math.tanh(1.0))
    assert found["score"] == pytest.approx((sum(means) + found["Ties"]) / 6)


# RM-Bench

STYLES = ("concise", "detailed", "markdown")


def test_levels_of_rm_bench_on_random_tables() -> None:
    rng = np.random.default_rng(9)
    domains = ("chat", "math", "code", "safety-refuse", "safety-response")
    for _ in range(60):
        matrices: dict[str, list[NDArray[np.float64]]] = {}
        rows = []
        for domain in domains:
            for number in range(int(rng.integers(1, 6))):
                good, bad = rng.integers(0, 4, (2, 3)).astype(float)
                matrices.setdefault(domain.split("-")[0], []).append(good[:, None] > bad[None, :])
                for i, j in np.ndindex(3, 3):
                    level = "normal" if i == j else "easy" if i > j else "hard"
                    name = f"{domain}{number}:{i}-{j}"
                    tags = (f"domain:{domain}", f"level:{level}", f"style:{STYLES[i]}-{STYLES[j]}")
                    rows.append((pair(name, *tags, group=f"{domain}{number}"), good[i] - bad[j]))
        found = totals("rm-bench", of_pairs(rows))
        shares = {domain: np.mean(every, axis=0) for domain, every in matrices.items()}
        masks = {
            "hard": np.triu(np.ones((3, 3)), 1) / 3,
            "normal": np.eye(3) / 3,
            "easy": np.tril(np.ones((3, 3)), -1) / 3,
        }
        levels = {
            level: {domain: float((share * mask).sum()) for domain, share in shares.items()}
            for level, mask in masks.items()
        }
        for level, by_domain in levels.items():
            assert found[level] == pytest.approx(np.mean(list(by_domain.values())))
        for domain in shares:
            assert found[domain] == pytest.approx(np.mean([levels[each][domain] for each in masks]))
        assert found["overall"] == pytest.approx(np.mean([found[each] for each in masks]))


# The others


def test_judge_bench_counts_pairs_overall() -> None:
    rows = []
    for category, right, wrong in (("knowledge", 6, 4), ("reasoning", 1, 1), ("math", 3, 1)):
        rows += [(pair(f"{category}{i}", f"category:{category}"), 1.0) for i in range(right)]
        # A tie is wrong.
        rows += [(pair(f"{category}-{i}", f"category:{category}"), 0.0) for i in range(wrong)]
    found = totals("judge-bench", of_pairs(rows))
    assert found == {"knowledge": 0.6, "reasoning": 0.5, "math": 0.75}  # and no overall
    rows += [(pair(f"c{i}", "category:coding"), -1.0) for i in range(4)]
    assert totals("judge-bench", of_pairs(rows))["overall"] == 10 / 20


def test_reward_math_puts_ties_last() -> None:
    rest = [0.0] * 6
    rows = [
        (entry("a", [3.0, 2.0, 1.0, 0.0, *rest], [0]), [3.0, 2.0, 1.0, 0.0, *rest]),
        (entry("b", [2.0, 2.0, 1.0, 0.0, *rest], [0]), [2.0, 2.0, 1.0, 0.0, *rest]),
        (entry("c", [1.0, 2.0, 3.0, 0.0, *rest], [0]), [1.0, 2.0, 3.0, 0.0, *rest]),
        (entry("d", [0.0] * 10, [0]), [0.0] * 10),
    ]
    found = totals("reward-math", of_sets(rows))
    assert found == pytest.approx({"accuracy": 1 / 4, "MRR": (1 + 1 / 2 + 1 / 3 + 1 / 10) / 4})


def test_ppe_by_hand() -> None:
    scores = [3.0, 1.0, 2.0, 1.0]
    # Right are 0 and 1: of (0, 2), (0, 3), (1, 2), (1, 3) the first two are won, the last is a tie.
    found = totals("ppe", of_sets([(entry("a", scores, [0, 1]), scores)]))
    assert found == {"correctness": 0.5, "best of k": 1.0}
    assert totals("ppe", of_pairs([(pair("v"), 1.0), (pair("w"), 0.0)])) == {
        "human preference": 0.5
    }


def test_rmb_is_the_mean_over_goals_and_ways() -> None:
    pairs = [(pair(f"p{i}", "category:Pairwise_set/Helpfulness/Chat"), 1.0) for i in range(3)]
    pairs.append((pair("q", "category:Pairwise_set/Harmlessness/S1", "goal:Pairwise_set"), -1.0))
    sets = [
        (entry("s", [2.0, 1.0, 0.0], [0], "category:BoN_set/Helpfulness/Chat"), [2.0, 1.0, 0.0]),
        (entry("t", [2.0, 2.0, 0.0], [0], "category:BoN_set/Helpfulness/Chat"), [2.0, 2.0, 0.0]),
        (entry("u", [2.0, 1.0, 0.0], [0], "category:BoN_set/Harmlessness/S1"), [2.0, 1.0, 0.0]),
    ]
    scored = Scored(of_pairs(pairs).pairs, of_sets(sets).sets)
    assert totals("rmb", scored)["overall"] == pytest.approx((1.0 + 0.0 + 0.5 + 1.0) / 4)


# The check


def context(rows: Sequence[tuple[PreferencePair, float]], **more: object) -> TableContext:
    margins = [margin for _, margin in rows]
    columns = (margins, [0.0] * len(rows))
    return TableContext([each for each, _ in rows], columns, **more)  # type: ignore[arg-type]


def judged(rows: Sequence[tuple[PreferencePair, float]], check: Benchmark) -> Verdict:
    return check.judge(context(rows, baseline=([1.0] * len(rows), [0.0] * len(rows))))


def categories(*names: str, right: int = 15) -> list[tuple[PreferencePair, float]]:
    return [
        (pair(f"{name}{i}", f"category:{name}"), 1.0 if i < right else -1.0)
        for name in names
        for i in range(20)
    ]


FOUR = ("knowledge", "reasoning", "math", "coding")


def test_a_total_against_its_threshold_and_the_baseline() -> None:
    verdict = judged(categories(*FOUR), Benchmark(benchmark="judgebench", min=0.6))
    assert (verdict.outcome, verdict.weak) == ("pass", False)
    assert verdict.estimate is not None
    assert (verdict.estimate.value, verdict.estimate.n) == (0.75, 80)
    assert verdict.message.startswith("benchmark JudgeBench overall 0.750 [0.645, 0.832] (wilson")
    assert "benchmark:judge-bench|total:overall" in verdict.signature
    # The baseline has all of the 80 right: 20 lost, none gained.
    assert verdict.evidence.notes[0].startswith("overall against main: −25.0 points [−3")
    # [0.645, 0.832]: 9.33 points to either side are 1.96 standard errors; times 1.96 + 0.84.
    assert verdict.evidence.notes[1] == (
        "with these 80 prompts, a total has to be about 13.3 points above or below min to be "
        "decided in 80% of cases"
    )
    totals_table, parts = verdict.evidence.tables
    assert totals_table.rows[0][:2] == ("overall", 0.75)
    assert {row[0]: row[1:3] for row in parts.rows} == {
        "overall": (80, 0.75),
        **dict.fromkeys(FOUR, (20, 0.75)),
    }


def test_a_missing_part_is_named_and_nothing_is_averaged() -> None:
    rows = categories("knowledge", "math")
    verdict = judged(rows, Benchmark(benchmark="judge-bench", min=0.1))
    assert (verdict.outcome, verdict.decision, verdict.estimate) == ("fail", "inconclusive", None)
    assert verdict.message == (
        "benchmark: undecidable: overall needs parts that the data lack: reasoning and coding; "
        "complete here: knowledge and math"
    )
    part = judged(rows, Benchmark(benchmark="judge-bench", total="math", min=0.5))
    assert part.outcome == "pass"


def test_what_a_benchmark_does_not_score_is_counted() -> None:
    rows = [*categories(*FOUR), (pair("other"), 1.0)]
    verdict = judged(rows, Benchmark(benchmark="judge-bench", min=0.1))
    assert verdict.estimate is not None
    assert verdict.estimate.n == 80
    assert "not a part of the benchmark: 1 row" in verdict.evidence.notes


def test_data_that_cannot_decide() -> None:
    few = judged(categories(*FOUR)[:10], Benchmark(benchmark="judge-bench", min=0.1))
    assert few.message.endswith("at least 15 prompts are needed")
    none = judged(
        [(pair(f"x{i}"), 1.0) for i in range(20)], Benchmark(benchmark="rm-bench", min=0.1)
    )
    assert "the data have no items of RM-Bench" in none.message
    tied = [(each, 0.0) for each, _ in categories(*FOUR)]
    verdict = judged(tied, Benchmark(benchmark="judge-bench", min=0.0))
    assert (verdict.outcome, verdict.decision) == ("fail", "inconclusive")
    assert "undecidable: all scores are the same within each item" in verdict.message


def test_mistakes_in_the_keys() -> None:
    from rmcheck.checks import Slice

    with pytest.raises(
        ValueError, match=r"total: rm-bench has no total 'esay', did you mean 'easy'"
    ):
        Benchmark(benchmark="rm-bench", total="esay", min=0.5)
    with pytest.raises(ValueError, match="'where' would change the published total"):
        Benchmark(benchmark="rm-bench", where=Slice(tags=("a",)), min=0.5)
