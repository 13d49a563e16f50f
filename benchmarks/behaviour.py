"""A suite of behaviour checks: 200 pairs and their changed copies, scored once, then cached.

The first 45 transformations, then all of them, as `invariance`, `directional` and `exploit`
ask for them, on the shipped tiny model. Its adapter comes from the cache of this checkout; what is
not there is trained first, which takes minutes.

    python benchmarks/behaviour.py [--cache FOLDER]
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from gate_overhead import ROOT, from_cache
from results import options, publish, pytest_says, table, within
from workload import SMALL, tokenizer

from rmcheck.perturb import TRANSFORMATIONS

PAIRS, SOME = 200, 45
KINDS = {"preserves": "invariance", "degrades": "directional", "tempts": "exploit"}
LOOSE = {"invariance": "max_flips: 1.0", "directional": "min: 0.0", "exploit": "max_wins: 1.0"}
GOAL = 60.0


def chosen(most: int | None) -> list[str]:
    """So many transformations, in equal parts of each promise's as they are registered."""
    names = list(TRANSFORMATIONS.sound()[0])
    count = min(most or len(names), len(names))
    return [names[row * len(names) // count] for row in range(count)]


def suite(names: list[str]) -> str:
    """A suite whose checks ask for these transformations."""
    known = TRANSFORMATIONS.sound()[0]
    lines = ["rmcheck: 1", "name: behaviour", "data: pairs.jsonl", "gate: advisory", "checks:"]
    for promise, kind in KINDS.items():
        mine = [name for name in names if known[name].promise == promise]
        if mine:
            lines += [
                f"  - check: {kind}",
                f"    transformations: [{', '.join(mine)}]",
                f"    {LOOSE[kind]}",
            ]
    return "\n".join(lines) + "\n"


def project(folder: Path, cache: Path, pairs: int, names: list[str]) -> None:
    """The suite with its pairs, evenly spaced over the shipped ones, and the adapter alone."""
    rows = [
        line
        for path in sorted((ROOT / "fixtures/preferences").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    (folder / "suites").mkdir(parents=True)
    some = [rows[place * len(rows) // pairs] for place in range(pairs)]
    (folder / "suites/pairs.jsonl").write_text("\n".join(some) + "\n", encoding="utf-8")
    (folder / "suites/behaviour.yaml").write_text(suite(names), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    if (cache / "adapters").is_dir():
        shutil.copytree(cache / "adapters", folder / ".rmcheck/adapters")


def small_model(folder: Path) -> None:
    """A model that needs no training, for `--quick`."""
    known = tokenizer(None)
    SMALL.model(fused=False, pad=known.pad_token_id).save_pretrained(folder / "model")
    known.save_pretrained(folder / "model")


def timed(folder: Path, *more: str) -> float:
    """Seconds of a gate, start included."""
    started = time.perf_counter()
    pytest_says(folder, "suites", *more, red=True)
    return time.perf_counter() - started


def texts(folder: Path) -> int:
    """How many texts the last run scored or found."""
    record = json.loads((folder / "reports/latest/results.json").read_text(encoding="utf-8"))
    return int(record["scoring"]["needed"])


def main() -> None:
    how = options(__doc__, 1, from_cache)
    rows = []
    for most in (SOME, None):
        names = chosen(4 if how.quick else most)
        pairs = 20 if how.quick else PAIRS
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "project"
            project(folder, how.given.cache.resolve(), pairs, names)
            more = ["--rm", "hf:model"] if how.quick else []
            if how.quick:
                small_model(folder)
            elif not (folder / ".rmcheck").is_dir():
                sys.exit(f"{how.given.cache}: no adapter; run `make gate` first")
            first = timed(folder, *more)
            count = texts(folder)
            again = timed(folder, *more)
        rows.append(
            (
                pairs,
                len(names),
                count,
                within(first, GOAL, "s") if most == SOME else f"{first:.1f} s",
                f"{again:.1f} s",
            )
        )
    head = ("pairs", "transformations", "texts", "first run", "again, from the cache")
    publish(
        "Behaviour of the tiny model",
        "A gate with `invariance`, `directional` and `exploit` on evenly spaced shipped pairs; "
        "seconds of the whole process by the clock, the adapter trained before.\n\n"
        f"{table(head, rows)}",
        how,
    )


if __name__ == "__main__":
    main()
