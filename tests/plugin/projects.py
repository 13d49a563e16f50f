"""Small projects to run pytest in: suites, data, and a reward model that reads its scores.

A response ends with its score, `Yes. [1.25]`, and the model of such a project reads that number.
So the data of a test say by themselves which pairs are right, and no model is needed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import pkgutil
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis  # noqa: F401
import pandas  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import yaml

import rmcheck
import rmcheck.cli

_HEAVY = ("datasets", "peft", "torch", "transformers", "trl")


def _import_what_needs_no_model() -> None:
    """Import all of rmcheck but what trains and scores, which takes ten seconds of its own.

    pytester forgets what a run in this process imported; what is imported here stays, which saves
    most of a run's time.
    """
    missing = [name for name in _HEAVY if name not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))  # type: ignore[arg-type]  # None: not to be had
    try:
        for found in pkgutil.walk_packages(rmcheck.__path__, "rmcheck."):
            try:
                importlib.import_module(found.name)
            except ModuleNotFoundError as error:
                if error.name is None or error.name.partition(".")[0] not in missing:
                    raise
    finally:
        for name in missing:
            del sys.modules[name]


_import_what_needs_no_model()

Row = dict[str, Any]

NO_MODEL = ("rm_source = scores:no-model.jsonl", "rm_kept = off")
"""Every run judges anew: a test that runs a gate twice must not find the first run's verdicts."""

MODEL = """
import json
import pytest

def read(texts):
    with open({calls!r}, "a", encoding="utf-8") as file:
        file.writelines(json.dumps([{name!r}, *text]) + "\\n" for text in texts)
    return [float(response.rsplit("[", 1)[1][:-1]) {change} for _, response in texts]

@pytest.fixture(scope="session")
def reward_model():
    return read
"""


def pairs(count: int = 30, *, wrong: Iterable[int] = (), name: str = "p") -> list[Row]:
    """`count` pairs, each with a prompt of its own; the rows `wrong` score the rejected higher.

    No two responses share a score and no two margins are equal; every margin is 2 or more.
    """
    rows = []
    for row in range(count):
        high, low = 2 + 0.0137 * row, -0.0071 * row - 0.05 * (row % 5)
        chosen, rejected = (low, high) if row in set(wrong) else (high, low)
        rows.append(
            {
                "id": f"{name}-{row:03d}",
                "prompt": f"{name}: question {row}?",
                "chosen": f"A careful answer to question {row}. [{chosen:.4f}]",
                "rejected": f"A careless one. [{rejected:.4f}]",
                "tags": ["even" if row % 2 == 0 else "odd"],
            }
        )
    return rows


def score_of(response: str) -> float:
    """The score that a response carries."""
    return float(response.rsplit("[", 1)[1][:-1])


def scores(rows: Iterable[Row]) -> list[Row]:
    """A score file's rows for `pairs`."""
    return [
        {
            "id": row["id"],
            "chosen": score_of(row["chosen"]),
            "rejected": score_of(row["rejected"]),
        }
        for row in rows
    ]


def jsonl(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as JSON Lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


@dataclass(frozen=True)
class Said:
    """What a command came to: its exit code and its lines."""

    code: int
    out: list[str]
    err: list[str]


class Project:
    """A project below pytester's folder; its root is marked by a pytest.ini."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.root = pytester.path
        self.ini()

    def ini(self, *lines: str) -> None:
        """Write pytest.ini; the default source is an empty score file, so that nothing trains."""
        self.write("no-model.jsonl", "")
        self.write("pytest.ini", "\n".join(["[pytest]", *NO_MODEL, *lines]) + "\n")

    def write(self, path: str, text: str) -> Path:
        """Write a file, with the folders that it needs."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def data(self, name: str, rows: Sequence[Row]) -> Path:
        """Write data/NAME.jsonl."""
        return self.write(f"data/{name}.jsonl", jsonl(rows))

    def suite(
        self,
        name: str,
        *checks: str | Mapping[str, Any],
        rows: Sequence[Row] | None = None,
        folder: str = "suites",
        **header: Any,
    ) -> Path:
        """Write FOLDER/NAME.yaml and, with `rows`, its data; `win_rate` asks for 0.70."""
        if rows is not None:
            self.data(name, rows)
        up = "../" * len(Path(folder).parts)
        document = {"rmcheck": 1, "name": name, "data": f"{up}data/{name}.jsonl", **header}
        document["checks"] = [_check(check) for check in checks]
        return self.write(f"{folder}/{name}.yaml", yaml.safe_dump(document, sort_keys=False))

    def model(self, folder: str = ".", change: str = "") -> None:
        """Write a conftest.py whose `reward_model` reads scores; `change` such as `* -1`."""
        calls = str(self.root / "calls.jsonl")
        text = MODEL.format(calls=calls, name=folder, change=change)
        self.write(f"{folder}/conftest.py", text)

    def calls(self) -> list[list[str]]:
        """(folder of the model, prompt, response) of each text that a model was asked for."""
        path = self.root / "calls.jsonl"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process."""
        return self.pytester.runpytest_inprocess(*arguments)

    def subprocess(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in a process of its own."""
        return self.pytester.runpytest_subprocess(*arguments, timeout=120)

    def cli(self, *arguments: str) -> Said:
        """Run a command of `rmcheck` in this process, in the project's root."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = rmcheck.cli.main(arguments)
            except SystemExit as ended:  # argparse
                code = ended.code if isinstance(ended.code, int) else 1
        return Said(code, out.getvalue().splitlines(), err.getvalue().splitlines())

    def record(self, folder: str = "reports/latest") -> dict[str, Any]:
        """results.json as it was written."""
        found: dict[str, Any] = json.loads(
            (self.root / folder / "results.json").read_text(encoding="utf-8")
        )
        return found

    def checks(self, folder: str = "reports/latest") -> dict[str, dict[str, Any]]:
        """The checks of results.json by id."""
        record = self.record(folder)
        return {check["id"]: check for suite in record["suites"] for check in suite["checks"]}

    def rows(self, folder: str = "reports/latest") -> list[Row]:
        """scores.jsonl as it was written."""
        text = (self.root / folder / "scores.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


def _check(check: str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(check, str):
        return {"check": check, **({"min": 0.7} if check == "win_rate" else {})}
    return dict(check)


def node_ids(result: pytest.RunResult) -> list[str]:
    """What `--collect-only -q` lists."""
    return [line for line in result.outlines if "::" in line]


def text_of(result: pytest.RunResult) -> str:
    """All that a run printed."""
    return "\n".join([*result.outlines, *result.errlines])


def without_times(checks: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Checks of a record without what differs between two runs of the same thing."""
    return {
        name: {key: value for key, value in check.items() if key != "duration_s"}
        for name, check in checks.items()
    }


def made_once(project: Project, kept: Path, make: Callable[[Project], object]) -> Project:
    """The project as `make` leaves it: made by the first test that asks, copied for the others.

    Parameters
    ----------
    kept
        A path of the test module, not there yet; it gets the copy.
    """
    if kept.is_dir():
        shutil.copytree(kept, project.root, dirs_exist_ok=True)
    else:
        make(project)
        shutil.copytree(project.root, kept)
    return project
