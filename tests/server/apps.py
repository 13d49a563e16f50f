"""Servers that the tests ask: the app of a source, within this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
import uvicorn
from builders import per_text
from numpy.typing import NDArray
from starlette.testclient import TestClient

from rmcheck.cache.store import ScoreStore
from rmcheck.data import Dialogue
from rmcheck.reward_source import Source, SourceOptions
from rmcheck.server.application import application
from rmcheck.server.drift import Drift
from rmcheck.server.limits import Limits
from rmcheck.server.metrics import Metrics
from rmcheck.server.model import ServedModel
from rmcheck.server.run import listen, url
from rmcheck.server.service import Service
from rmcheck.sources import create


def length(prompt: str, response: str) -> float:
    """A reward whose value a test can compute by hand."""
    return len(response) - len(prompt) / 10


class Counting(Source):
    """A source that says how many texts each of its calls had; `during` runs within a call."""

    def __init__(self, during: Callable[[], object] = lambda: None) -> None:
        self.calls: list[int] = []
        self.during = during

    def score(self, dialogues: Sequence[Dialogue]) -> NDArray[np.float64]:
        """The length of each response; NaN for `nan`."""
        self.calls.append(len(dialogues))
        if len(self.calls) > 1:  # the first is the trial before the first request
            self.during()
        values = [
            float("nan") if one.response == "nan" else float(len(one.response)) for one in dialogues
        ]
        return np.array(values)


def opened(folder: Path, spec: str = "hf:model") -> Source:
    """A model on the CPU, relative to a folder."""
    return create(spec, SourceOptions(root=folder, cache=folder / "cache", device="cpu"))


def service(
    source: Source | None = None,
    *,
    limits: Limits | None = None,
    token: str = "",
    store: ScoreStore | None = None,
    reference: NDArray[np.float64] | None = None,
    beside: Source | None = None,
) -> Service:
    """A service of a source, called `it`, and of another one beside it."""
    models = [ServedModel("it", source or per_text(length), store)]
    if beside is not None:
        models.append(ServedModel("other", beside))
    for model in models:
        model.start()
    metrics = Metrics({model.name: Drift(reference) for model in models})
    return Service.of(models, metrics, limits, token)


@contextmanager
def client(given: Service) -> Iterator[TestClient]:
    """What asks a service; errors of the server are answers, as over the network."""
    with TestClient(application(given), raise_server_exceptions=False) as found:
        yield found


@contextmanager
def running(given: Service) -> Iterator[str]:
    """A service on a port of this machine, and its URL; for what needs a real connection."""
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(application(given), log_level="error", lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield url(listening, "127.0.0.1")
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def at_once(given: Service, requests: Sequence[tuple[str, object]]) -> list[httpx2.Response]:
    """The answers to requests (path, body) that are sent at the same time, in their order."""

    async def ask() -> list[httpx2.Response]:
        app = application(given)
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://test") as asked,
        ):
            sent = (asked.post(path, json=body) for path, body in requests)
            return list(await asyncio.gather(*sent))

    return asyncio.run(ask())


def rewards(asked: TestClient, **body: object) -> list[float]:
    """The rewards that `/classify` gives, without activation."""
    answer = asked.post("/classify", json={"use_activation": False, **body})
    assert answer.status_code == 200, answer.text
    assert [one["index"] for one in answer.json()["data"]] == list(
        range(len(answer.json()["data"]))
    )
    return [one["probs"][0] for one in answer.json()["data"]]
