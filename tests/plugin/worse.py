"""A project whose candidate is worse than its baseline in one of two suites, and only there.

Every other check passes, so whatever lets go of that one comparison makes the gate green.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from .forked import Call, Server
from .projects import Row, jsonl, pairs, scores

PAIRS = 40
PROMPTS = 20
RIGHT_BEFORE = 38
"""Of the pairs of `chat`, by the model that was blessed."""
RIGHT_NOW = 18

BAD, GOOD = "scores/candidate.jsonl", "scores/good.jsonl"
MAIN = "fixtures/baselines/main"
OTHER = "fixtures/baselines/other"
"""A baseline that the candidate's own scores are."""

INI = f"""[pytest]
testpaths = suites
rm_source = scores:{BAD}
rm_baseline = main
rm_strict = true
"""

CHECKS = [{"check": "win_rate", "min": 0.2}, {"check": "no_regression"}]


def build(root: Path, server: Server) -> Path:
    """Write the project below `root`, bless the good model, leave its green report."""
    for name, wrong in (("chat", PAIRS - RIGHT_BEFORE), ("code", 2)):
        rows = _rows(name, wrong)
        _write(root / f"data/{name}.jsonl", jsonl(rows))
        suite = {"rmcheck": 1, "name": name, "data": f"../data/{name}.jsonl", "checks": CHECKS}
        _write(root / f"suites/{name}.yaml", yaml.safe_dump(suite, sort_keys=False))
    good = scores([*_rows("chat", PAIRS - RIGHT_BEFORE), *_rows("code", 2)])
    bad = scores([*_rows("chat", PAIRS - RIGHT_NOW), *_rows("code", 2)])
    _write(root / GOOD, jsonl(good))
    _write(root / BAD, jsonl(bad))
    _write(root / "pytest.ini", INI)
    bless(server, root, BAD, "other", "--red")
    # The first run of a project, before which there is no baseline to name.
    bless(server, root, GOOD, "main")
    _must(server, root, 0, "suites", "--rm", f"scores:{GOOD}")
    shutil.rmtree(root / ".pytest_cache", ignore_errors=True)
    return root


def bless(server: Server, root: Path, source: str, name: str, *options: str) -> None:
    """Run the gate with the scores `source` and keep the run as the baseline `name`."""
    _write(root / "pytest.ini", "[pytest]\n")
    try:
        server.run(Call(arguments=["suites", "--rm", f"scores:{source}"], folder=str(root)))
    finally:
        _write(root / "pytest.ini", INI)
    blessed = server.run(
        Call(program="rmcheck", arguments=["bless", name, *options], folder=str(root))
    )
    assert blessed.code == 0, blessed.text


def _must(server: Server, root: Path, code: int, *arguments: str) -> None:
    ended = server.run(Call(arguments=arguments, folder=str(root)))
    assert ended.code == code, ended.text


def _rows(name: str, wrong: int) -> list[Row]:
    """Two pairs a prompt, the first `wrong` of them scored the wrong way round."""
    found = pairs(PAIRS, wrong=range(wrong), name=name)
    return [
        {**row, "prompt": f"{name}: question {number % PROMPTS}?"}
        for number, row in enumerate(found)
    ]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
