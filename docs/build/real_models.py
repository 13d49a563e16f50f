"""Put real output into `docs/comparing-real-models.md`.

    python docs/build/real_models.py DATA [--check]

DATA is a folder with `pairs.jsonl` (the mathematics pairs of RewardBench, as in the repository
github.com/kimsh0507/RewardMATH_official) and `pairs_scores/MODEL.jsonl` (what four published
reward models gave them: {"id", "chosen", "rejected"}). With `--check` nothing is written; exit code
1 tells that the page is not what is printed now.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

import verdicts
from refresh import command

PAGE = Path(__file__).resolve().parents[1] / "comparing-real-models.md"
INTERNLM, ARMO = "internlm2-20b-reward", "ArmoRM"
EURUS, OASST = "Eurus-RM-7b", "oasst-rm-2.1-pythia-1.4b"
SUITE = """rmcheck: 1
name: math
description: A correct solution of a problem beats a wrong one.
data: ../pairs.jsonl
checks:
  - check: win_rate
    min: 0.85
  - check: no_regression
    max_drop: 0.02
"""


def outputs(data: Path) -> dict[str, str]:
    """What is printed, by the name that the page calls it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        root = Path(folder)
        (root / "suites").mkdir()
        (root / "suites/math.yaml").write_text(SUITE)
        (root / "pytest.ini").write_text("[pytest]\n")
        shutil.copy(data / "pairs.jsonl", root)
        for path in (data / "pairs_scores").glob("*.jsonl"):
            shutil.copy(path, root)
        found = {
            "regression": _compare(EURUS, INTERNLM),
            "null": _compare(EURUS, OASST),
            "undecidable": _compare(ARMO, INTERNLM),
            "turned": _compare(INTERNLM, ARMO),
        }
        verdicts.run_pytest("suites", "-q", "--rm", f"scores:{INTERNLM}.jsonl")
        verdicts.run_rmcheck("bless", "internlm")
        gate = ["suites", "-v", "--rm-baseline", "internlm", "--rm", f"scores:{ARMO}.jsonl"]
        found["gate"] = verdicts.lines(verdicts.run_pytest(*gate), " math::", " - ")
        found["selftest"] = verdicts.run_rmcheck("selftest", "--against", "internlm")
    return {**found, "suite": SUITE}


def _compare(candidate: str, baseline: str) -> str:
    return verdicts.run_rmcheck("compare", f"scores:{candidate}.jsonl", f"scores:{baseline}.jsonl")


def main() -> int:
    return command(
        "Fill docs/comparing-real-models.md.",
        lambda given: {
            PAGE: verdicts.filled(PAGE.read_text(encoding="utf-8"), outputs(given.data.resolve()))
        },
        lambda parser: parser.add_argument("data", type=Path, metavar="DATA"),
    )


if __name__ == "__main__":
    sys.exit(main())
