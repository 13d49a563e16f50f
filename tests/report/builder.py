"""Synthetic records for the report's tests: small functions with defaults for what is not said."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Literal

from rmcheck.record.run import (
    BaselineRecord,
    CheckRecord,
    CounterexampleRecord,
    CurvePoint,
    DataRecord,
    EnvironmentRecord,
    EstimateRecord,
    EvidenceRecord,
    PictureRecord,
    RunRecord,
    ScoringRecord,
    SourceRecord,
    SuiteRecord,
    TableRecord,
    TrainingRecord,
)
from rmcheck.record.scores import PairScore
from rmcheck.report import PairTexts, ReportInput

_TEXT = """
the of to and a in is it you that he was for on are with as his they be at one have this from or
had by hot but some what there we can out other were all your when up use word how said an each she
which do their time if will way about many then them would write like so these her long make thing
see him two has look more day could go come did my sound no most number who over know water than
call first people may down side been now find any new work part take get place made live where
after back little only round man year came show every good me give our
"""
WORDS = _TEXT.split()


def estimate(
    value: float = 0.78, low: float = 0.71, high: float = 0.84, n: int = 150
) -> EstimateRecord:
    return EstimateRecord(
        value=value, low=low, high=high, level=0.95, method="wilson", n=n, n_groups=n
    )


def check(name: str = "win_rate", suite: str = "conversation", **fields: Any) -> CheckRecord:
    given: dict[str, Any] = {
        "id": f"{suite}::{name}",
        "kind": name,
        "gate": "required",
        "outcome": "pass",
        "decision": "pass",
        "estimate": estimate(),
        "criterion": {"min": 0.7},
        "message": f"{name} 0.780 [0.708, 0.839] (wilson 95%, n=150) ≥ min 0.70",
        "signature": f"{name}|src:lora@9f3c|data:{suite}@a1b2|n:150|ties:half|ci:wilson|v:0.1.0",
    }
    return CheckRecord(**{**given, **fields})


def regressed(suite: str = "conversation", **fields: Any) -> CheckRecord:
    given: dict[str, Any] = {
        "outcome": "fail",
        "decision": "fail",
        "state": "regressed",
        "estimate": estimate(-0.041, -0.06, -0.022),
        "criterion": {"max_drop": 0.02},
        "p_value": 0.0004,
        "adjusted_p": 0.0028,
        "detectable": 0.035,
        "message": "win rate fell 4.1 points against main [−6.0, −2.2], p=0.0004 (Holm, 7 "
        "comparisons); 23 pairs newly wrong, most tagged 'refusal'",
    }
    return check("no_regression", suite, **{**given, **fields})


def failed(name: str = "win_rate", suite: str = "conversation", **fields: Any) -> CheckRecord:
    message = f"{name} 0.580 [0.501, 0.656] (wilson 95%, n=150) < min 0.70"
    given = {"outcome": "fail", "decision": "fail", "message": message}
    return check(name, suite, **{**given, **fields})


def weak(name: str = "win_rate", suite: str = "conversation", **fields: Any) -> CheckRecord:
    return check(name, suite, **{"decision": "inconclusive", "weak": True, **fields})


def skipped(name: str = "no_regression", suite: str = "conversation") -> CheckRecord:
    return check(
        name, suite, outcome="skipped", decision=None, estimate=None, message="there is no baseline"
    )


def errored(name: str = "win_rate", suite: str = "conversation", **fields: Any) -> CheckRecord:
    given = {"outcome": "error", "decision": None, "estimate": None, "message": "score is NaN"}
    return check(name, suite, **{**given, **fields})


def suite(
    *checks: CheckRecord, name: str = "conversation", pairs: int = 150, **fields: Any
) -> SuiteRecord:
    given: dict[str, Any] = {
        "name": name,
        "path": f"suites/{name}.yaml",
        "description": "Helpful, honest answers to everyday questions.",
        "data": DataRecord(hash="a1b2c3d4", pairs=pairs, groups=pairs),
        "checks": list(checks),
    }
    return SuiteRecord(**{**given, **fields})


def record(*suites: SuiteRecord, **fields: Any) -> RunRecord:
    outcomes = {
        check.outcome for suite in suites for check in suite.checks if check.gate == "required"
    }
    outcome: Literal["pass", "fail", "error"] = "pass"
    if "error" in outcomes:
        outcome = "error"
    if "fail" in outcomes:
        outcome = "fail"
    given: dict[str, Any] = {
        "rmcheck": "0.1.0",
        "started": "2025-01-02T03:04:05Z",
        "duration_s": 1.8,
        "seed": 0,
        "command": "pytest suites/ --rm recipe:tiny --rm-baseline main",
        "source": SourceRecord(spec="recipe:tiny", fingerprint="9f3c5a77"),
        "baseline": BaselineRecord(name="main", fingerprint="1b2c3d4e"),
        "environment": EnvironmentRecord(python="3.11.9", device="cpu"),
        "outcome": outcome,
        "suites": list(suites),
        "scoring": ScoringRecord(needed=300, cached=280, computed=20),
    }
    return RunRecord(**{**given, **fields})


def training(steps: int = 40, recipe: str = "tiny") -> TrainingRecord:
    points = [
        CurvePoint(
            step=step,
            loss=0.7 - 0.3 * step / steps,
            train_win_rate=0.5 + 0.35 * step / steps,
            held_out_win_rate=0.5 + 0.25 * step / steps if step % 2 == 0 else None,
        )
        for step in range(1, steps + 1)
    ]
    return TrainingRecord(
        recipe=recipe, fingerprint="9f3c5a77", pairs=1200, truncated=3, steps=steps, seconds=41.0,
        curve=points,
    )  # fmt: skip


def score(
    identifier: str = "conv-0001",
    chosen: float = 1.0,
    rejected: float = 0.0,
    *,
    suite: str = "conversation",
    tags: Sequence[str] = ("rude",),
    content: str | None = None,
) -> PairScore:
    return PairScore(
        suite=suite,
        id=identifier,
        hash=content or f"h-{identifier}",
        group=identifier,
        tags=list(tags),
        chosen=chosen,
        rejected=rejected,
    )


def prose(random_source: random.Random, words: int, vocabulary: Sequence[str] = WORDS) -> str:
    return " ".join(random_source.choices(vocabulary, k=words))


def vocabulary(random_source: random.Random, size: int = 20_000) -> list[str]:
    """Made-up words, each as often as Zipf's law has it: they compress no better than prose."""
    words = [
        "".join(random_source.choices("etaoinshrdlucmfwypvbgk", k=random_source.randint(2, 10)))
        for _ in range(size)
    ]
    return random_source.choices(words, weights=[1 / (rank + 3) for rank in range(size)], k=200_000)


def many_pairs(
    count: int,
    *,
    seed: int = 0,
    suites: Sequence[str] = ("conversation",),
    words: int = 50,
    vocabulary: Sequence[str] = WORDS,
) -> tuple[list[PairScore], list[PairScore], dict[str, PairTexts]]:
    """Scores of a candidate and of a baseline, and texts, for `count` pairs over `suites`."""
    draw = random.Random(seed)
    now, before, texts = [], [], {}
    for index in range(count):
        identifier = f"pair-{index:05d}"
        where = suites[index % len(suites)]
        tags = [draw.choice(("rude", "off_topic", "truncated", "refusal"))]
        base = draw.gauss(1.0, 1.2)
        margin = base + draw.gauss(-0.1, 0.5)
        level = draw.gauss(0, 1)
        now.append(score(identifier, level + margin, level, suite=where, tags=tags))
        before.append(score(identifier, level + base, level, suite=where, tags=tags))
        texts[f"h-{identifier}"] = PairTexts(
            prose(draw, words // 3, vocabulary),
            prose(draw, words, vocabulary),
            prose(draw, words, vocabulary),
        )
    return now, before, texts


def picture(kind: str, data: dict[str, Any], title: str = "A picture") -> PictureRecord:
    return PictureRecord(kind=kind, title=title, data=data)


PICTURES = [
    picture(
        "forest",
        {
            "rows": [
                {"label": "all pairs", "value": 0.78, "low": 0.71, "high": 0.84},
                {"label": "refusal", "value": 0.52, "low": 0.31, "high": 0.72},
            ],
            "threshold": 0.7,
            "reference": 0.81,
            "x_label": "win rate",
        },
    ),
    picture(
        "histogram",
        {
            "edges": [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0],
            "counts": [3, 12, 40, 31, 4],
            "x_label": "margin",
            "marks": [{"x": 0.62, "label": "mean 0.62"}, {"x": 0.58, "label": "median 0.58"}],
            "wrong_below_zero": True,
        },
    ),
    picture(
        "curve",
        {
            "series": [
                {
                    "label": "this model",
                    "points": [
                        {"x": 0.0, "y": 0.78, "low": 0.72, "high": 0.83},
                        {"x": 0.2, "y": 0.71, "low": 0.64, "high": 0.77},
                        {"x": 0.4, "y": 0.58, "low": 0.5, "high": 0.66},
                    ],
                }
            ],
            "x_label": "share of flipped labels",
            "y_label": "win rate",
            "threshold": 0.7,
        },
    ),
    picture(
        "scatter",
        {
            "points": [
                [0.5, 0.7, "kept_right", "a"],
                [0.4, -0.2, "newly_wrong", "b"],
                [-0.3, 0.2, "newly_right", "c"],
                [-0.6, -0.4, "kept_wrong", "d"],
            ],
            "x_label": "baseline",
            "y_label": "candidate",
            "diagonal": True,
        },
    ),
]


def counterexample(**fields: Any) -> CounterexampleRecord:
    """A win that doubled blanks lose."""
    given: dict[str, Any] = {
        "title": "doubled_blanks",
        "key": "conv-0007/chosen",
        "promise": "Doubled blanks leave a text as good as it was: no win is lost.",
        "prompt": "How far is it to the station?",
        "before": "It is about two miles to the station.",
        "after": "It is  about two miles to the station.",
        "before_score": 1.23,
        "after_score": -0.41,
        "against": 0.6,
        "repeat": "rmcheck perturb doubled_blanks --data pairs.jsonl --id conv-0007 --rm hf:m",
    }
    return CounterexampleRecord(**{**given, **fields})


def heat_map(rows: int = 3, columns: int = 2, **fields: Any) -> PictureRecord:
    """Shares that grow from cell to cell; the last one is missing."""
    values: list[list[float | None]]
    values = [[(r * columns + c) / (rows * columns) for c in range(columns)] for r in range(rows)]
    values[-1][-1:] = [None]
    data: dict[str, Any] = {
        "rows": [f"transformation_{row}" for row in range(rows)],
        "columns": [f"domain_{column}" for column in range(columns)],
        "values": values,
        "label": "share of wins lost",
        "worst": 0.5,
    }
    return picture("heat_map", {**data, **fields}, "Wins lost by transformation and domain")


def evidence(**fields: Any) -> EvidenceRecord:
    given: dict[str, Any] = {
        "pictures": PICTURES,
        "tables": [TableRecord(title="Tests", columns=["test", "p"], rows=[["sign flip", 0.0004]])],
        "pairs": ["pair-00001", "pair-00002"],
        "notes": ["Ties count half."],
    }
    return EvidenceRecord(**{**given, **fields})


def report(count: int = 60, **fields: Any) -> ReportInput:
    """A whole run: two suites, one regression, one weak check, pictures, training, a baseline."""
    suites = ("conversation", "coding")
    now, before, texts = many_pairs(count, suites=suites, words=20)
    slices = {"rude": estimate(0.81), "refusal": estimate(0.52, 0.4, 0.64)}
    controls = {"pick_longer": estimate(0.52, 0.44, 0.6), "constant": estimate(0.5, 0.5, 0.5)}
    run = record(
        suite(
            check(
                evidence=evidence(
                    pictures=[*PICTURES, heat_map(14, 9)], counterexamples=[counterexample()]
                )
            ),
            weak("score_gap"),
            regressed(evidence=evidence(pictures=[])),
            slices=slices,
            controls=controls,
        ),
        suite(
            check("win_rate", "coding"),
            check("label_noise", "coding", gate="advisory", outcome="fail", decision="fail"),
            name="coding",
            slices=slices,
            controls=controls,
        ),
        training=[training()],
        **fields,
    )
    return ReportInput(run, now, (record(*run.suites), before), texts)
