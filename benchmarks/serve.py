"""Load on `rmcheck serve`: 200 clients at once, beside plain `transformers` in the same server.

A GPT-2 with random weights is served twice, each time in a process of its own: by rmcheck, and by
a loop over the model's own forward, one text at a time, behind the same queue and endpoints. Every
client asks for the rewards of four new responses to a prompt of its own, waits for the answer and
asks again. A status other than 200 and 429 is an error, and ends the benchmark with 1.

    python benchmarks/serve.py
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from results import options, publish, table
from workload import MAX_LENGTH, SMALL, Shape, pairs, tokenizer

from rmcheck.data import Dialogue, prompt_text
from rmcheck.reward_source import completed
from rmcheck.server.application import application
from rmcheck.server.drift import Drift
from rmcheck.server.metrics import Metrics
from rmcheck.server.model import ServedModel
from rmcheck.server.run import listen, serve, url
from rmcheck.server.service import Service

MIDDLE = Shape("a GPT-2 of 4 layers, 256 wide", layers=4, width=256, heads=4, vocabulary=4096)
RESPONSES = 4
"""Responses of a request."""
PARTS = 3
"""Parts of the time after each of which memory is told: what only fills up stops growing."""
PLAIN = "--plain"
"""How this script is told to serve plain transformers."""
OURS, THEIRS = "rmcheck", "transformers, one text at a time"


class Plain:
    """A reward source that gives each text to the model's own forward."""

    fingerprint = None

    def __init__(self, folder: str) -> None:
        import torch
        from transformers import GPT2ForSequenceClassification

        self._torch = torch
        self._tokenizer = tokenizer(None)
        self._model = GPT2ForSequenceClassification.from_pretrained(folder).eval()

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """Rewards in input order, shape (n,)."""
        found = []
        with self._torch.inference_mode():
            for one in dialogues:
                text = f"Human: {one.prompt}\n\nAssistant: {one.response}"
                ids = self._tokenizer(
                    text, return_tensors="pt", truncation=True, max_length=MAX_LENGTH
                )["input_ids"]
                found.append(float(self._model(input_ids=ids).logits[0, 0]))
        return np.array(found)


@dataclass
class Load:
    """What came of a time under load; `memory` has the server's megabytes each second."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    wall: float = 0.0

    @property
    def texts(self) -> float:
        """Texts a second."""
        return RESPONSES * self.statuses[200] / self.wall

    def parts(self) -> list[float]:
        """Megabytes at the end of each of `PARTS` equal parts of the time."""
        ends = np.linspace(0, len(self.memory), PARTS + 1)[1:].astype(int)
        return [self.memory[end - 1] for end in ends]


@contextlib.contextmanager
def served(command: Sequence[str], folder: Path) -> Iterator[tuple[str, int, int]]:
    """A server in a process of its own: host, port, process."""
    with subprocess.Popen(
        [sys.executable, *command], cwd=folder, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://([\d.]+):(\d+)", process.stdout.readline())
            if not found:
                raise SystemExit(f"{command}: the server did not start")
            yield found[1], int(found[2]), process.pid
        finally:
            process.terminate()


async def loaded(
    address: tuple[str, int, int], prompts: Sequence[str], clients: int, wall: float
) -> Load:
    """The server under the load of so many clients."""
    load = Load()
    host, port, process = address
    began = time.monotonic()
    number = iter(range(10**9))

    async def client(prompt: str) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        while time.monotonic() - began < wall:
            body = json.dumps(
                {
                    "prompt": prompt,
                    "responses": [f"{prompt} {next(number)}" for _ in range(RESPONSES)],
                }
            ).encode()
            asked = time.monotonic()
            writer.write(
                b"POST /rewards HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            size = re.search(r"content-length: (\d+)", head, re.I)
            await reader.readexactly(int(size[1]) if size else 0)
            status = int(head.split()[1])
            load.statuses[status] += 1
            if status == 200:
                load.seconds.append(time.monotonic() - asked)
            else:
                await asyncio.sleep(1)
        writer.close()

    async def watch() -> None:
        while True:
            load.memory.append(resident(process))
            await asyncio.sleep(1)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(client(prompts[n % len(prompts)]) for n in range(clients)))
    watching.cancel()
    load.wall = time.monotonic() - began
    return load


def resident(process: int) -> float:
    """Megabytes of a process in memory; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024
    return 0.0


def main() -> int:
    how = options(__doc__, 1)
    shape, clients, wall = (SMALL, 20, 4.0) if how.quick else (MIDDLE, 200, 90.0)
    prompts = [prompt_text(pair.prompt) for pair in pairs(clients, None)]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        shape.model().save_pretrained(model)
        tokenizer(None).save_pretrained(model)
        (Path(folder) / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        commands = {
            OURS: ["-m", "rmcheck", "serve", "hf:model", "--port", "0"],
            THEIRS: [__file__, PLAIN, "model"],
        }
        for name, command in commands.items():
            with served(command, Path(folder)) as address:
                found[name] = asyncio.run(loaded(address, prompts, clients, wall))
    wrong = {
        status: count
        for load in found.values()
        for status, count in load.statuses.items()
        if status not in (200, 429)
    }
    publish("Serving", body(found, shape, clients, wall), how)
    if wrong:
        print(f"errors: {wrong}")
    return bool(wrong)


def body(found: dict[str, Load], shape: Shape, clients: int, wall: float) -> str:
    """The section."""
    rows = [
        (
            name,
            load.texts,
            *(1000 * float(np.quantile(load.seconds, q)) for q in (0.5, 0.99)),
            load.statuses[200],
            load.statuses[429],
            sum(load.statuses.values()) - load.statuses[200] - load.statuses[429],
            ", ".join(f"{megabytes:.0f}" for megabytes in load.parts()),
        )
        for name, load in found.items()
    ]
    head = (
        "model behind the server", "texts/s", "p50 ms", "p99 ms", "answers", "429", "errors",
        f"MB after {', '.join(f'{wall * part / PARTS:.0f}' for part in range(1, PARTS + 1))} s",
    )  # fmt: skip
    ratio = found[OURS].texts / found[THEIRS].texts
    return (
        f"{clients} clients for {wall:g} s, each with a prompt of its own and {RESPONSES} new "
        f"responses a request, on {shape.name}; the clients run on the same machine. Scores are "
        f"kept in the cache on disk.\n\n{table(head, rows)}\n\n{ratio:.1f}× the texts a second."
    )


def serve_plain(folder: str) -> int:
    """Serve plain transformers as `rmcheck serve` serves a source."""
    service = Service.of(
        [ServedModel("plain", completed(Plain(folder)))], Metrics({"plain": Drift(None)})
    )
    service.first.start()
    with listen("127.0.0.1", 0) as listening:
        said = f"serving on {url(listening, '127.0.0.1')}"
        serve(application(service), listening, 60, lambda: print(said, flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(serve_plain(sys.argv[2]) if sys.argv[1:2] == [PLAIN] else main())
