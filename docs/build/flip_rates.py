"""Measure what changed texts do to models, and write it into `docs/behaviour.md`.

    python docs/build/flip_rates.py --rm tiny=recipe:tiny [--rm NAME=SPEC …] [--pairs 405]

Scores every shipped pair (or `--pairs` of them, evenly spaced) and its changed copies by each
model. Texts that the cache knows are not scored again.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from refresh import ROOT, command

from rmcheck.checks import Check
from rmcheck.checks.directional import Directional
from rmcheck.checks.exploit import Exploit
from rmcheck.checks.invariance import Invariance
from rmcheck.checks.win_rate import WinRate
from rmcheck.data.preferences import PreferenceData, load
from rmcheck.engine import Engine, Settings
from rmcheck.progress import TextProgress
from rmcheck.report.table import table
from rmcheck.suite import Suite
from rmcheck.verdict import Estimate, Verdict

PAGE = ROOT / "docs" / "behaviour.md"
BLOCK = re.compile(r"(<!-- flip rates -->\n).*?(<!-- end of flip rates -->)", re.DOTALL)
CHECKS: Mapping[str, Check] = {
    "win rate": WinRate(min=0.0),
    "lost wins (invariance)": Invariance(max_flips=1.0),
    "scores that fall (directional)": Directional(min=0.0),
    "temptations that win (exploit)": Exploit(max_wins=1.0),
}


@dataclass(frozen=True)
class Measured:
    """A model: its verdicts by what they measure, and the wins lost by each change."""

    name: str
    verdicts: Mapping[str, Verdict]

    @property
    def lost(self) -> Mapping[str, float | None]:
        """The share of wins lost by change; None where too few prompts have it."""
        rows = self.verdicts["lost wins (invariance)"].evidence.tables[0].rows
        return {row[0]: row[2] for row in rows}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure."""
    parser.add_argument("--rm", action="append", required=True, metavar="NAME=SPEC")
    parser.add_argument("--pairs", type=int, help="so many of the shipped pairs (default: all)")
    parser.add_argument("--cache", type=Path, default=ROOT / ".rmcheck")


def shipped_pairs(most: int | None) -> PreferenceData:
    """The shipped pairs, or so many of them, evenly spaced."""
    data = load(sorted((ROOT / "fixtures/preferences").glob("*.jsonl")), root=ROOT)
    count = min(most or len(data.pairs), len(data.pairs))
    return PreferenceData(
        tuple(data.pairs[row * len(data.pairs) // count] for row in range(count)), (), data.paths
    )


def measure(name: str, spec: str, data: PreferenceData, cache: Path) -> Measured:
    """Score and judge."""
    shown = TextProgress(lambda text: print(text, end="", file=sys.stderr, flush=True), live=False)
    settings = Settings.below(ROOT, source=spec, baseline="none", cache=cache, progress=shown)
    suite = Suite(
        name="behaviour", path=PAGE, shown="behaviour", description="", source=None, tags=(),
        gate="advisory", checks=tuple(CHECKS.values()), lines=(1,) * len(CHECKS), data=data,
    )  # fmt: skip
    engine = Engine(settings)
    binding = engine.bind(suite, engine.candidate(), None)
    engine.prepare(binding, suite.bound)
    verdicts = {}
    for what, bound in zip(CHECKS, suite.bound, strict=True):
        engine.require(binding, bound)
        verdicts[what] = engine.judge(bound, binding)[0]
    return Measured(name, verdicts)


def page(models: Sequence[Measured], pairs: int) -> str:
    """Both tables."""
    heads = ["", *(model.name for model in models)]
    whole = [
        [what, *(interval(model.verdicts[what].estimate) for model in models)] for what in CHECKS
    ]
    changes = list(models[0].lost)
    changes.sort(key=lambda change: -(models[0].lost[change] or -1.0))
    rows = [
        [f"`{change}`", *(share(model.lost.get(change)) for model in models)]
        for change in changes
        if any(model.lost.get(change) is not None for model in models)
    ]
    return "\n".join(
        [
            f"{pairs} of the shipped pairs, strength 0.5, seed 0; intervals at 95 %.",
            "",
            table(heads, whole),
            "",
            "Share of wins lost, by change:",
            "",
            table(["change", *heads[1:]], rows),
            "",
        ]
    )


def interval(found: Estimate | None) -> str:
    """A share with its interval."""
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]" if found else "–"


def share(value: float | None) -> str:
    """A share; a dash where too few prompts have the change."""
    return "–" if value is None else f"{value:.3f}"


def made(given: argparse.Namespace) -> dict[Path, str]:
    """The page with the tables of this run."""
    data = shipped_pairs(given.pairs)
    models = [
        measure(name, spec, data, given.cache.resolve())
        for name, _, spec in (each.partition("=") for each in given.rm)
    ]
    text = PAGE.read_text(encoding="utf-8")
    tables = page(models, len(data.pairs))
    return {PAGE: BLOCK.sub(lambda found: f"{found[1]}{tables}{found[2]}", text)}


if __name__ == "__main__":
    sys.exit(command(__doc__.partition("\n")[0], made, arguments))
