"""The command: it starts, answers, and stops at a signal without losing what it has begun."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from scoring.models import save

from rmcheck.cli import main
from rmcheck.cli.serve import TOKEN

SLOW_SOURCE = """\
import time, numpy as np
from rmcheck.sources import KINDS

class Slow:
    fingerprint = None
    def score(self, dialogues):
        time.sleep(float(dialogues[0].response) if dialogues[0].prompt == "wait" else 0)
        return np.array([float(len(one.response)) for one in dialogues])

def create(rest, options):
    return Slow()

KINDS.ours["slow"] = "__main__:create"
from rmcheck.cli import main
import sys
sys.exit(main(sys.argv[1:]))
"""


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`rmcheck serve` in a process of its own, and its URL."""
    program = folder / "program.py"
    program.write_text(SLOW_SOURCE, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(program), "serve", *arguments, "--port", "0"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stderr.read()
        yield process, found[0]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.ci
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_after_the_requests_in_hand(tmp_path: Path, number: int) -> None:
    with started(tmp_path, "slow:x") as (process, url):
        answers: dict[str, httpx2.Response] = {}

        def ask(name: str, prompt: str, response: str) -> None:
            body = {"prompt": prompt, "responses": [response]}
            answers[name] = httpx2.post(f"{url}/rewards", json=body, timeout=20)

        first = threading.Thread(target=ask, args=("first", "wait", "1.5"))
        first.start()
        time.sleep(0.4)
        waiting = threading.Thread(target=ask, args=("waiting", "p", "four"))
        waiting.start()
        time.sleep(0.4)
        process.send_signal(number)
        first.join()
        waiting.join()
        assert process.wait(20) == 0
        assert answers["first"].json()["rewards"] == [3.0]
        assert answers["waiting"].json()["rewards"] == [4.0]
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{url}/health")
        assert process.stdout is not None
        assert process.stdout.read() == "stopped\n"
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.ci
def test_the_terminal_and_the_server_tell_the_same_rewards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "model")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.chdir(tmp_path)
    responses = ["the cat sat", "rain fell on the roof", "gone"]
    with started(tmp_path, "hf:model") as (_, url):
        body = {"prompt": "What was gone?", "responses": responses}
        found = httpx2.post(f"{url}/rewards", json=body).json()
        assert found["model"] == "hf:model"
    assert main(["try", "What was gone?", *responses, "--rm", "hf:model"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    told = {line.split("   ")[-1].strip(): float(line.split()[1]) for line in lines}
    served = dict(zip(responses, found["rewards"], strict=True))
    assert told == {text: round(reward, 4) for text, reward in served.items()}


REFUSED = {
    "a score file": (["scores:s.jsonl"], "has scores of known texts only and cannot score what"),
    "other machines": (["recipe:tiny", "--host", "0.0.0.0"], f"{TOKEN} is not set; set it to a"),
    "a bad port": (["recipe:tiny", "--port", "99999"], "expected a number from 0 to 65535"),
    "another's address": (["recipe:tiny", "--host", "192.0.2.1", "--no-token"], "cannot listen on"),
    "no limit": (["recipe:tiny", "--max-texts", "0"], "'0': expected a whole number of at least 1"),
    "itself": (["scores:s.jsonl", "--beside", "scores:s.jsonl"], "this is the first model; name"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_served_is_one_line(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "s.jsonl").write_text('{"id": "a", "chosen": 1, "rejected": 0}\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(TOKEN, raising=False)
    arguments, said = REFUSED[name]
    port = [] if "--port" in arguments else ["--port", "0"]
    try:
        code = main(["serve", *arguments, *port])
    except SystemExit as ended:
        code = int(str(ended.code))
    assert code == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_without_the_extra_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("rmcheck.server.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("fastapi", "uvicorn"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["serve", "recipe:tiny", "--port", "0"]) == 4
    assert capsys.readouterr().err == (
        "rmcheck serve: rmcheck serve needs packages that are not installed (fastapi and uvicorn); "
        "install them: pip install 'rmcheck[serve]'\n"
    )


def test_an_empty_token_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, "  ")
    assert main(["serve", "recipe:tiny", "--port", "0"]) == 4
    assert f"{TOKEN} is empty (is a variable unset?)" in capsys.readouterr().err
