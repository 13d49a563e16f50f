"""Parity with a real vLLM on a CPU, where one is installed.

    RMCHECK_VLLM_PYTHON=PYTHON pytest -m slow tests/remote/test_real_vllm.py

PYTHON is that of an environment with vLLM (docs/served-models.md says how to make one).
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scoring.models import WORDS

from rmcheck.data import Dialogue
from rmcheck.reward_source import SourceOptions
from rmcheck.sources import create
from rmcheck.sources.served import ServedSource
from rmcheck.sources.served_probes import probes

from .real_models import gpt2, llama

VARIABLE = "RMCHECK_VLLM_PYTHON"
PATIENCE = 300.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        VARIABLE not in os.environ, reason=f"no vLLM: {VARIABLE} names no Python that has it"
    ),
]
MODELS: dict[str, Callable[[Path], Path]] = {"llama": llama, "gpt2": gpt2}


@pytest.fixture(scope="module", params=MODELS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator:  # type: ignore[type-arg]
    """A folder with the model `rm`, its name, and the URL of a vLLM that serves it."""
    root = tmp_path_factory.mktemp(request.param)
    MODELS[request.param](root / "rm")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        os.environ[VARIABLE], "-m", "vllm.entrypoints.openai.api_server", "--model", "rm",
        "--port", str(port), "--runner", "pooling", "--convert", "classify",
        "--dtype", "float32", "--max-model-len", "512", "--enforce-eager",
    ]  # fmt: skip
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with (root / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=root, stdout=log, stderr=log,
            env={**own, "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
        try:
            _wait(f"http://127.0.0.1:{port}/health", process, root / "log")
            yield root, request.param, f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise RuntimeError(f"vLLM did not start:\n{log.read_text()[-3000:]}")


def texts(count: int) -> list[Dialogue]:
    drawn = random.Random(0)

    def some(most: int) -> str:
        return " ".join(drawn.choice(WORDS) for _ in range(drawn.randint(1, most)))

    return [Dialogue(f"{some(20)}?", f"{some(80)}.", f"text {n}") for n in range(count)]


def test_the_scores_are_those_of_the_local_model(served: tuple[Path, str, str]) -> None:
    root, name, url = served
    options = SourceOptions(root=root, cache=root / ".rmcheck")
    ways = {"template=default": ",template=default", "tokenizer=rm": ""}
    if name == "llama":
        ways["template=messages"] = ""
    long = Dialogue("and then it rained " * 300, "The end.", "longer than the limit")
    for way, reading in ways.items():
        asked = [*texts(200), *([long] if way == "tokenizer=rm" else [])]
        source = create(f"{url},profile=vllm,{way}", options)
        local = create(f"hf:rm{reading}", options)
        np.testing.assert_allclose(source.score(asked), local.score(asked), rtol=0, atol=1e-3)


def test_doctor_knows_what_that_server_does(served: tuple[Path, str, str]) -> None:
    root, name, url = served
    options = SourceOptions(root=root, cache=root / ".rmcheck")
    source = create(f"{url},profile=vllm,tokenizer=rm", options)
    assert isinstance(source, ServedSource)
    found = {one.name: one for one in probes(source)}
    assert [one.name for one in found.values() if one.state == "found"] == []
    if name == "llama":
        said = found["two start tokens"].said
        assert "the server adds a start token to a text that has one" in said
        assert "gives the rewards of the server's own chat template" in found["template"].said
