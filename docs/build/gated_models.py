"""Good and bad reward models on the shipped data, and the gate's run on each.

`tiny_model.py` beside this file makes a page of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from rmcheck.data import PreferencePair, preferences
from rmcheck.lint.lexical import fit_words
from rmcheck.record.run import CheckRecord, RunRecord

ROOT = Path(__file__).resolve().parents[2]
PREFERENCES = ROOT / "fixtures" / "preferences"
TRAINING = PREFERENCES / "train"
DOMAINS = tuple(sorted(path.stem for path in TRAINING.glob("*.jsonl")))
SEEDS = range(10)
TUNED = range(5)
"""Seeds that the thresholds in suites/ were set from; the others are held against them."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """The tiny recipe with some keys changed, or (without `changes`) the length of a response."""

    name: str
    changes: dict[str, object] | None = None
    inverted: str | None = None
    label_noise: bool = False
    """Whether the check `label_noise`, which trains two more models, is run as well."""

    def spec(self, folder: Path) -> str:
        """What `--rm` gets; writes the files that it names into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.changes is None:
            return f"scores:{lengths(folder / 'lengths.jsonl')}"
        recipe = yaml.safe_load((ROOT / "fixtures" / "recipes" / "tiny.yaml").read_text("utf-8"))
        recipe["base"] = str(ROOT / "fixtures" / "models" / "tiny-gpt2")
        recipe["data"] = [str(self._data(domain, folder)) for domain in DOMAINS]
        path = folder / "recipe.yaml"
        path.write_text(yaml.safe_dump(recipe | self.changes), "utf-8")
        return f"recipe:{path}"

    def _data(self, domain: str, folder: Path) -> Path:
        shipped = TRAINING / f"{domain}.jsonl"
        if domain != self.inverted:
            return shipped
        inverted = folder / shipped.name
        with inverted.open("w", encoding="utf-8") as lines:
            for row in _rows(shipped):
                row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
                row.pop("ratings", None)
                lines.write(json.dumps(row, ensure_ascii=False) + "\n")
        return inverted


def models() -> list[Model]:
    """Good ones first, then those that the gate must stop."""
    barely = {"learning_rate": 1e-12, "batch_size": 16, "epochs": 0.001}
    return [
        *(
            Model(name=f"seed {seed}", changes={"seed": seed}, label_noise=seed not in TUNED)
            for seed in SEEDS
        ),
        Model(name="head never trained", changes={"training": barely}),
        Model(name="labels shuffled", changes={"label_noise": {"rate": 0.5, "seed": 0}}),
        Model(name="40 % of labels flipped", changes={"label_noise": {"rate": 0.4, "seed": 0}}),
        Model(name="counts characters"),
        *(Model(name=f"{domain} inverted", changes={}, inverted=domain) for domain in DOMAINS),
    ]


def gated(model: Model, work: Path) -> RunRecord:
    """The record of `pytest suites/` on `model`; from `work` when it was made before."""
    began = time.monotonic()
    folder = work / model.name
    report = folder / "report"
    if not (report / "results.json").is_file():
        command = [sys.executable, "-m", "pytest", "suites/", "-q", "-p", "no:cacheprovider"]
        command += ["--rm", model.spec(folder), "--rm-baseline", "main"]
        command += ["--rm-report", str(report), "--rm-cache", str(work / "cache")]
        # One training each, against the first of the baseline's: the page is about models.
        command += ["--rm-seeds", "1"]
        if not model.label_noise:
            command += ["-k", "not label_noise"]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ, text=True, capture_output=True, check=False
        )
        if done.returncode not in (0, 1):
            raise SystemExit(f"{model.name}: pytest ended with {done.returncode}\n{done.stdout}")
    print(f"{model.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return RunRecord.model_validate_json((report / "results.json").read_text("utf-8"))


def lengths(path: Path) -> Path:
    """A score file with the number of characters of every response, pairs and sets."""
    with path.open("w", encoding="utf-8") as lines:
        for file in (*PREFERENCES.glob("*.jsonl"), *(PREFERENCES / "sets").glob("*.jsonl")):
            for row in _rows(file):
                responses = row.get("responses")
                scored: dict[str, object] = (
                    {"scores": [len(text) for text in responses]}
                    if isinstance(responses, list)
                    else {side: len(str(row[side])) for side in ("chosen", "rejected")}
                )
                lines.write(json.dumps({"id": row["id"], **scored}) + "\n")
    return path


def bag_of_words(path: Path) -> Path:
    """A score file of the bag of words that the linter fits, on the evaluation pairs."""
    words = fit_words(_pairs(TRAINING))
    pairs = _pairs(PREFERENCES)
    with path.open("w", encoding="utf-8") as lines:
        for pair, margin in zip(pairs, words.margins(pairs), strict=True):
            row = {"id": pair.id, "chosen": float(margin), "rejected": 0.0}
            lines.write(json.dumps(row) + "\n")
    return path


def _pairs(folder: Path) -> Sequence[PreferencePair]:
    return preferences.load(sorted(folder.glob("*.jsonl"))).pairs


def _rows(path: Path) -> Iterator[dict[str, object]]:
    for line in path.read_text("utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def checks(record: RunRecord, keep: Callable[[CheckRecord], bool]) -> list[CheckRecord]:
    """The checks of a run that `keep` accepts, in order."""
    return [check for suite in record.suites for check in suite.checks if keep(check)]


def failed(record: RunRecord) -> list[str]:
    """Ids of the required checks that failed."""
    return [c.id for c in checks(record, lambda c: c.outcome == "fail" and c.gate == "required")]


def values(record: RunRecord, kind: str) -> dict[str, float]:
    """The estimate of each suite's check of a kind."""
    found: Iterable[CheckRecord] = checks(record, lambda c: c.id.endswith(f"::{kind}"))
    return {c.id.split("::")[0]: c.estimate.value for c in found if c.estimate is not None}
