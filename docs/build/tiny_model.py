"""Put what the gate says of good and bad models into `docs/tiny-model.md`.

    OMP_NUM_THREADS=1 python docs/build/tiny_model.py [--work DIR]

Trains the tiny recipe with ten seeds and ten spoilt ones and gates each, an hour on one core. What
was trained and gated is kept in DIR, so a second call goes on where the first was stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import re
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import gated_models
import verdicts
import yaml
from gated_models import DOMAINS, ROOT, SEEDS, TUNED
from scipy import stats

from rmcheck.record.run import RunRecord
from rmcheck.report.table import table

PAGE = ROOT / "docs" / "tiny-model.md"
POOLED = "all_domains"
SUITES = (POOLED, *DOMAINS)
ROOM = 0.975
_BLOCK = re.compile(r"(<!-- made: (\S+) -->\n).*?(?=<!-- end -->)", re.DOTALL)

Records = Mapping[str, RunRecord]


def room(values: Sequence[float]) -> float:
    """The value that one more model of the same recipe stays above with probability `ROOM`.

    The lower prediction limit of a normal sample of these n values for one value more: mean less
    t(n - 1) standard deviations times sqrt(1 + 1/n).
    """
    n = len(values)
    spread = statistics.stdev(values) * math.sqrt(1 + 1 / n)
    return statistics.mean(values) - float(stats.t.ppf(ROOM, n - 1)) * spread


def seeds(records: Records) -> str:
    """Win rates by seed."""
    return table(
        ["seed", *SUITES],
        (
            [seed, *(f"{rates[suite]:.3f}" for suite in SUITES)]
            for seed in SEEDS
            for rates in [gated_models.values(records[f"seed {seed}"], "win_rate")]
        ),
        figures=len(SUITES),
    )


def thresholds(records: Records) -> str:
    """What the suites demand beside what a new seed may be expected to reach."""
    rows = []
    for kind in ("win_rate", "score_gap"):
        found = [gated_models.values(records[f"seed {seed}"], kind) for seed in TUNED]
        for suite in SUITES:
            if suite not in found[0]:
                continue
            values = [estimates[suite] for estimates in found]
            check, gate = _demand(suite, kind)
            rows.append(
                [
                    f"`{suite}::{kind}`",
                    gate,
                    f"{statistics.mean(values):.3f}",
                    f"{statistics.stdev(values):.3f}",
                    f"{room(values):.3f}",
                    f"{check:.2f}",
                ]
            )
    head = ["check", "gate", "mean of seeds 0–4", "their spread (sd)", "97.5 % limit", "demanded"]
    return table(head, rows, figures=4)


def _demand(suite: str, kind: str) -> tuple[float, str]:
    written = yaml.safe_load((ROOT / "suites" / f"{suite}.yaml").read_text("utf-8"))
    check = next(check for check in written["checks"] if check["check"] == kind)
    gate = check.get("gate", written.get("gate", "required"))
    return check["min" if kind == "win_rate" else "min_effect"], gate


def held(records: Records) -> str:
    """What failed for the seeds that the thresholds were not set from."""
    return table(
        ["seed", "run", "required checks that failed"],
        (
            [seed, record.outcome, _names(gated_models.failed(record))]
            for seed in SEEDS
            if seed not in TUNED
            for record in [records[f"seed {seed}"]]
        ),
    )


def bad(records: Records) -> str:
    """What failed for the models that the gate must stop."""
    return table(
        ["model", "win rate", "run", "required checks that failed"],
        (
            [
                model.name,
                f"{gated_models.values(record, 'win_rate')[POOLED]:.3f}",
                record.outcome,
                _names(gated_models.failed(record)),
            ]
            for model in gated_models.models()
            if not model.name.startswith("seed") and model.inverted is None
            for record in [records[model.name]]
        ),
    )


def inverted(records: Records) -> str:
    """Where the win rate fell most, and what failed, when one domain's labels were inverted."""
    rows = []
    for domain in DOMAINS:
        record = records[f"{domain} inverted"]
        drops = gated_models.values(record, "no_regression")
        drops.pop(POOLED, None)
        worst = min(drops, key=lambda suite: drops[suite])
        red = f"{domain}::no_regression" in gated_models.failed(record)
        rows.append(
            [domain, f"{drops[domain]:+.3f}", worst, "fails" if red else "passes", record.outcome]
        )
    head = ["labels inverted in", "its win rate", "largest drop in", "its `no_regression`", "run"]
    return table(head, rows)


def words(work: Path) -> str:
    """The gate's own comparison of the tiny model with a bag of words."""
    scores = gated_models.bag_of_words(work / "words.jsonl")
    with contextlib.chdir(work):
        said = verdicts.run_rmcheck(
            "compare",
            str(Path("seed 0", "report")),
            f"scores:{scores.name}",
            "--suites",
            str(ROOT / "suites"),
        )
    said = re.sub(r"(?m)^ {7}.*\n", "", said)  # how alike they judge, which is not the point here
    short = re.sub(r"; [\d,]+ pairs? newly wrong[^\n]*", "", said)
    return f"```text\n{short}```"


def _names(checks: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in checks) or "none"


def main() -> int:
    parser = argparse.ArgumentParser(description="Fill docs/tiny-model.md.")
    parser.add_argument("--work", type=Path, default=ROOT / ".rmcheck" / "tiny-model")
    work = parser.parse_args().work.resolve()
    records = {model.name: gated_models.gated(model, work) for model in gated_models.models()}
    made = {
        "seeds": seeds(records),
        "thresholds": thresholds(records),
        "held": held(records),
        "bad": bad(records),
        "inverted": inverted(records),
        "words": words(work),
    }
    page = PAGE.read_text(encoding="utf-8")
    filled = _BLOCK.sub(lambda block: f"{block[1]}{made[block[2]]}\n", page)
    PAGE.write_text(filled, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
