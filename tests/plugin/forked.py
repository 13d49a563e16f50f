"""The gate and the commands in a process of their own, forked from one that imported everything.

A run takes a fraction of a second in place of two, nothing of it is left in the process of the
tests, and it may be killed for good.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

LIMIT_S = 60
"""A run that takes longer is ended and fails its test."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is called, where, and the operation on files that fails.

    `program` is `pytest`, `rmcheck`, or `python` for the text of a program. With `trains`, recipes
    are trained; else each of them is a model that gets all pairs right.

    `fault` is the number, from 1, of the operation below `within` at which the process is killed
    or from which on the disk is `full`.
    """

    arguments: Sequence[str]
    folder: str
    program: str = "pytest"
    trains: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    within: str = ""
    fault: int = 0
    full: bool = False


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a call ended: its exit code (None: killed), what it printed, its operations on files."""

    code: int | None
    text: str
    operations: int


class Server:
    """The process that forks; a context manager. With `torch`, it has imported what trains."""

    def __init__(self, *, torch: bool = False) -> None:
        tests = Path(__file__).parents[1]
        kept = {name: text for name, text in os.environ.items() if not _of_outer_run(name)}
        path = os.pathsep.join([str(tests.parent), str(tests)])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "plugin.forked", *(["torch"] if torch else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=tests,
            env={**kept, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "320"},
        )  # fmt: skip

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def run(self, call: Call) -> Ended:
        """Run it and wait for its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(call)) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["code"] != -signal.SIGALRM, f"took more than {LIMIT_S} s: {answer['text']}"
        code = None if answer["code"] == -signal.SIGKILL else answer["code"]
        return Ended(code=code, text=answer["text"], operations=answer["operations"])


def _of_outer_run(name: str) -> bool:
    if name == "PYTEST_ADDOPTS":  # of the repository's conftest.py: leaves other plugins out
        return False
    return name.startswith(("PYTEST_", "GITHUB_", "HYPOTHESIS_")) or name == "CI"


def serve() -> None:
    """Answer each line of the input, a `Call`, with one, an `Ended`."""
    _warm()
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page
    for line in sys.stdin:
        call = Call(**json.loads(line))
        with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as counted:
            child = os.fork()
            if child == 0:
                _become(call, printed.fileno(), counted.fileno())
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            printed.seek(0)
            counted.seek(0)
            answer = {
                "code": code,
                "text": printed.read().decode("utf-8", errors="replace"),
                "operations": int(counted.read() or 0),
            }
        print(json.dumps(answer), flush=True)


def _warm() -> None:
    """Import what a gate needs and compile what a report is made with: done once, not by each."""
    import pytest

    from plugin import projects  # noqa: F401
    from rmcheck.report.page import html

    if "torch" in sys.argv:
        import peft  # noqa: F401

        import rmcheck.scoring.loading
        import rmcheck.scoring.scorer
        import rmcheck.training.trainer  # noqa: F401

    templates = html._environment()
    for name in templates.list_templates():
        templates.get_template(name)
    with tempfile.TemporaryDirectory() as empty:
        Path(empty, "test_nothing.py").write_text("def test_nothing(): pass", encoding="utf-8")
        pytest.main([empty, "--rootdir", empty, "-p", "no:terminal", "-p", "no:cacheprovider"])


def _become(call: Call, printed: int, counted: int) -> None:
    """Be the call; does not return."""
    code = 70
    try:
        signal.alarm(LIMIT_S)
        sys.dont_write_bytecode = True  # pytest fails where a disk has no room for it
        empty = os.open(os.devnull, os.O_RDONLY)
        for old, new in ((empty, 0), (printed, 1), (printed, 2)):
            os.dup2(old, new)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False, errors="backslashreplace")  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False, errors="backslashreplace")  # noqa: SIM115
        os.chdir(call.folder)
        os.environ.update(call.environment)
        operations = None
        if call.within:
            from plugin.faults import Operations

            operations = Operations(call.within, call.fault, full=call.full)
            operations.watch()
        code = _called(call)
        if operations is not None:
            os.write(counted, str(operations.seen).encode())
    except SystemExit as ended:  # argparse
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _called(call: Call) -> int:
    if call.program == "rmcheck":
        import rmcheck.cli

        return rmcheck.cli.main(list(call.arguments))
    if call.program == "python":
        exec(call.arguments[0], {})
        return 0
    import pytest

    if not call.trains:
        _without_training()
    return int(pytest.main(list(call.arguments)))


def _without_training() -> None:
    """Let every recipe be a model that gets all pairs right.

    So a run that fell back on the default model is green, and takes no minutes of training.
    """
    import numpy as np

    from rmcheck.reward_source import Source
    from rmcheck.sources import recipe

    class Perfect(Source):
        fingerprint, scores_new_text = "perfect", True

        def __init__(self, rest: str) -> None:
            self._spec = f"recipe:{rest}"

        @property
        def spec(self) -> str:
            return self._spec

        def score(self, dialogues: Sequence[Any]) -> Any:
            sides = [dialogue.key.rpartition("/")[2] for dialogue in dialogues]
            return np.array([float(side == "chosen") for side in sides])

    recipe.create = lambda rest, _: Perfect(rest)  # type: ignore[assignment,return-value]


if __name__ == "__main__":
    serve()
