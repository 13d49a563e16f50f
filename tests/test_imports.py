"""What is imported, and when: rmcheck is loaded by every pytest run of its environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from builders import write_suite

HEAVY = (
    "torch", "transformers", "peft", "trl", "datasets", "ray", "pandas", "scipy", "hypothesis",
    "fastapi", "uvicorn", "pycurl",
)  # fmt: skip

EVERY_KIND = """\
  - {check: win_rate, min: 0.5, where: {shorter: chosen}}
  - {check: score_gap}
  - {check: label_noise}
  - {check: scale_invariance}
  - {check: no_regression}
"""


def imported_by(code: str, folder: Path) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after `code`."""
    tell = f"import sys; print(*[n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import rmcheck",
        "import rmcheck.plugin",
        pytest.param(
            "import rmcheck; rmcheck.Dialogue, rmcheck.PreferencePair, rmcheck.RewardSource",
            marks=pytest.mark.ci,
        ),
        "import rmcheck.suite, rmcheck.engine, rmcheck.record.baseline, rmcheck.record.run",
    ],
)
def test_importing_loads_nothing_heavy(tmp_path: Path, code: str) -> None:
    assert imported_by(code, tmp_path) == set()


def test_the_plugin_alone_loads_no_more_than_it_asks_of_every_file(tmp_path: Path) -> None:
    code = (
        "import rmcheck.plugin, sys\n"
        "ours = {n for n in sys.modules if n.startswith('rmcheck')}\n"
        "light = 'asked controller heap hooks interrupt keys pytest_compat scope silence'\n"
        "names = {f'rmcheck.plugin.{name}' for name in (*light.split(), 'unforked')}\n"
        "names |= {'rmcheck.documents', 'rmcheck.documents.finding'}\n"
        "assert ours == {'rmcheck', 'rmcheck.plugin', *names}, ours\n"
        "assert not {'numpy', 'pydantic', 'yaml'} & set(sys.modules)"
    )
    assert imported_by(code, tmp_path) == set()


def test_the_record_of_a_run_needs_neither_checks_nor_sources(tmp_path: Path) -> None:
    code = (
        "import rmcheck.record.baseline, rmcheck.record.history, rmcheck.record.refusal, sys\n"
        "ours = {n.split('.')[1] for n in sys.modules if n.startswith('rmcheck.')}\n"
        "assert not {'checks', 'sources', 'reward_source', 'suite', 'engine'} & ours, ours\n"
        "assert 'record' in ours and 'numpy' not in sys.modules"
    )
    assert imported_by(code, tmp_path) == set()


def test_loading_a_suite_loads_nothing_heavy(tmp_path: Path) -> None:
    path = write_suite(tmp_path, EVERY_KIND)
    code = (
        "from pathlib import Path; from rmcheck.suite import load_suite\n"
        f"suite = load_suite(Path({str(path)!r}), Path({str(tmp_path)!r}))\n"
        "assert len(suite.checks) == 5 and len(suite.data.pairs) == 40\n"
        "needs = [need for check in suite.checks for need in check.needs(suite.data)]\n"
        "assert needs and suite.data.hash"
    )
    assert imported_by(code, tmp_path) == set()


def test_a_broken_suite_is_told_of_without_anything_heavy(tmp_path: Path) -> None:
    path = write_suite(tmp_path, "  - {check: win_rat}\n")
    code = (
        "from pathlib import Path; from rmcheck.suite import load_suite\n"
        "from rmcheck.errors import ProblemsFound\n"
        f"try: load_suite(Path({str(path)!r}))\n"
        "except ProblemsFound: pass\n"
        "else: raise SystemExit('no problem was found')"
    )
    assert imported_by(code, tmp_path) == set()


def test_the_test_would_see_a_heavy_import(tmp_path: Path) -> None:
    assert imported_by("import hypothesis", tmp_path) == {"hypothesis"}
