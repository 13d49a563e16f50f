"""Put the real output of every verdict into `docs/verdicts.md`.

    python docs/build/verdicts.py [--check]

The page's text is written by hand. A block that follows a line `<!-- output: NAME -->` is what
pytest, `rmcheck compare` or `rmcheck bless` print on the data made here. With `--check` nothing is
written; exit code 1 tells that the page is not what they print now.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from refresh import command

import rmcheck.cli

PAGE = Path(__file__).resolve().parents[1] / "verdicts.md"
BLOCK = re.compile(r"(<!-- output: (\S+) -->\n```[a-z]*\n).*?(?<=\n)(```\n)", re.DOTALL)

Row = Mapping[str, object]


@dataclass(frozen=True)
class Example:
    """A suite of one check; pairs that both models get right, only one of them, or neither.

    `prompts` is the number of different prompts (one a pair by default); `tied` gives all pairs of
    the candidate one score.
    """

    name: str
    check: str
    both: int
    lost: int = 0
    gained: int = 0
    neither: int = 0
    prompts: int = 0
    tied: bool = False

    @property
    def n(self) -> int:
        return self.both + self.lost + self.gained + self.neither

    def pairs(self) -> list[Row]:
        """Its data file; every pair has its id in its texts."""
        prompts = self.prompts or self.n
        return [
            {
                "id": f"{self.name}-{i:03d}",
                "prompt": f"{self.name}: question {i % prompts}?",
                "chosen": f"A helpful answer. ({self.name} {i})",
                "rejected": f"A careless answer. ({self.name} {i})",
                "tags": [("short", "long", "follow-up")[i % 3]],
            }
            for i in range(self.n)
        ]

    def scores(self, candidate: bool) -> list[Row]:
        """Its rows of a score file: margins of 1 and -1, halved for the candidate."""
        wins = [True] * self.both + [not candidate] * self.lost
        wins += [candidate] * self.gained + [False] * self.neither
        half = 0.5 if candidate and self.check.startswith("check: no_regression") else 1.0
        if self.name == "identical":
            half = 1.0
        margins = [0.0 if self.tied and candidate else half * (2 * won - 1) for won in wins]
        return [
            {"id": pair["id"], "chosen": margin, "rejected": 0.0}
            for pair, margin in zip(self.pairs(), margins, strict=True)
        ]


COMPARE = "check: no_regression, max_drop: 0.02"
WIN_RATE = "check: win_rate, min: 0.70"
EXAMPLES = (
    Example("identical", COMPARE, both=150, neither=50),
    Example("improved", COMPARE, both=120, lost=6, gained=30, neither=44),
    Example("non_inferior", COMPARE, both=450, lost=3, gained=5, neither=142),
    Example("regressed", COMPARE, both=120, lost=30, gained=6, neither=44),
    Example("inconclusive", COMPARE, both=100, lost=10, gained=5, neither=35),
    Example("constant", COMPARE, both=30, neither=30, tied=True),
    Example("passes", WIN_RATE, both=170, neither=30),
    Example("fails", WIN_RATE, both=110, neither=90),
    Example("weak", WIN_RATE, both=74, neither=26),
    Example("strict", WIN_RATE + ", on_inconclusive: fail", both=74, neither=26),
    Example("tied", WIN_RATE, both=60, tied=True),
    Example("few_prompts", WIN_RATE, both=40, prompts=8),
)


def outputs() -> dict[str, str]:
    """What is printed, by the name that the page calls it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        root = Path(folder)
        for example in EXAMPLES:
            _write(root, example)
        for name, candidate in (("before", False), ("now", True)):
            rows = [row for example in EXAMPLES for row in example.scores(candidate)]
            (root / f"{name}.jsonl").write_text(_jsonl(rows), encoding="utf-8")
        (root / "pytest.ini").write_text("[pytest]\n")
        run_pytest("suites", "-q", "--rm", "scores:before.jsonl")
        found = {"red": run_rmcheck("bless"), "bless": run_rmcheck("bless", "--red")}
        found["list"] = run_rmcheck("bless", "--list")
        gate = run_pytest("suites", "-v", "--rm", "scores:now.jsonl")
        found["compare"] = lines(run_rmcheck("compare", "reports/latest", "main"), " regressed: ")
        found["selftest"] = run_rmcheck("selftest", "--runs", "200")
    for example in EXAMPLES:
        found[example.name] = lines(gate, f" {example.name}::", " - ")
    found["list"] = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2026-01-31 12:00", found["list"])
    return found


def _write(root: Path, example: Example) -> None:
    suites = root / "suites"
    suites.mkdir(exist_ok=True)
    (suites / f"{example.name}.jsonl").write_text(_jsonl(example.pairs()), encoding="utf-8")
    (suites / f"{example.name}.yaml").write_text(
        f"rmcheck: 1\nname: {example.name}\ndata: {example.name}.jsonl\n"
        f"checks:\n  - {{{example.check}}}\n"
    )


def _jsonl(rows: Sequence[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def run_pytest(*arguments: str) -> str:
    """What pytest prints in a process of its own, as in a wide terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "COLUMNS": "400", "PYTHONUTF8": "1", "PYTEST_ADDOPTS": ""},
        check=False,
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def run_rmcheck(*arguments: str) -> str:
    """What a command prints on standard output, or, where that is nothing, why it refuses."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        rmcheck.cli.main(arguments)
    return out.getvalue() or error.getvalue()


def lines(text: str, *words: str) -> str:
    """The lines that hold all of the words."""
    kept = (line for line in text.splitlines() if all(word in line for word in words))
    return "".join(f"{line.strip()}\n" for line in kept)


def filled(page: str, found: Mapping[str, str]) -> str:
    """The page with every output block filled."""
    return BLOCK.sub(lambda block: f"{block[1]}{found[block[2]]}{block[3]}", page)


def main() -> int:
    return command(
        "Fill docs/verdicts.md with real output.",
        lambda _: {PAGE: filled(PAGE.read_text(encoding="utf-8"), outputs())},
    )


if __name__ == "__main__":
    sys.exit(main())
